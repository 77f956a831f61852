#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Completion for bash: every command and every option that a help text names is offered, and nothing else.
here=$(cd "$srcdir" && pwd -P)
# shellcheck source=tests/component/cli_test.bash
. "$here/tests/component/cli_test.bash"
wattlerun=${wattle%/cli/wattle}/launcher/wattlerun

# shellcheck source=conf/completions/wattle
. "$here/conf/completions/wattle"
# shellcheck source=conf/completions/wattlerun
. "$here/conf/completions/wattlerun"

# completed FUNCTION WORD …: what is offered for the last word, sorted.
completed() {
    local function=$1
    shift
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
    "$function"
    ((${#COMPREPLY[@]} == 0)) || printf '%s\n' "${COMPREPLY[@]}" | sort
}
# offers "WANTED …" FUNCTION WORD …
offers() {
    local wanted=$1 got
    shift
    got=$(completed "$@" | paste -sd' ')
    [[ $got == "$wanted" ]] || fail "${*:2}: offers \"$got\", wanted \"$wanted\""
}
# Read another way than by the completion: the first word of each indented line of the help.
indented() { awk '/^  [a-z-]/ { print $1 }' | sed 's/=.*/=/' | sort; }

# walk COMMAND …: the command's help against what is offered, then those of its own commands.
walked=0
walk() {
    local help words path=("$@")
    help=$("$@" --help) || fail "$*: no help"
    words=$(indented <<<"$help")
    walked=$((walked + 1))
    # A text of a command alone has no options of its own to list.
    offers "$(grep '^--' <<<"$words" | paste -sd' ')" _wattle "$@" -
    offers "$(grep '^[a-z]' <<<"$words" | paste -sd' ')" _wattle "$@" ''
    for help in $(grep '^[a-z]' <<<"$words"); do walk "${path[@]}" "$help"; done
}
walk "$wattle"
((walked >= 15)) || fail "only $walked help texts were looked at"

offers profile _wattle "$wattle" prof
offers "--form=" _wattle "$wattle" profile fit --fo
offers "" _wattle "$wattle" sweep -- --
offers "" _wattle "$wattle" no-such-command --x

if [[ -x $wattlerun ]]; then
    # Options stand at the beginning of a line.
    offers "$("$wattlerun" --help | awk '/^ +-/ { for (i = 1; i < 8 && $i ~ /^-/; i++) if (sub(/^--/, "--", $i)) print $i }' | tr -d ';' | sort | paste -sd' ')" _wattlerun "$wattlerun" --
    offers --plan _wattlerun "$wattlerun" --measure --pl
    offers "" _wattlerun "$wattlerun" --plan --
    offers --plan _wattlerun "$wattlerun" --mpi none --pl
    offers --plan _wattlerun "$wattlerun" --launcher mpirun --pl
    offers "" _wattlerun "$wattlerun" -- --pl
    offers "" _wattlerun "$wattlerun" ./program --pl
fi
exit $((failures > 0))
