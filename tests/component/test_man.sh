#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What help texts and the code name has its place in a man page, and the other way round: commands, options, keys of wattle.conf.
here=$(cd "$srcdir" && pwd -P)
# shellcheck source=tests/component/cli_test.bash
. "$here/tests/component/cli_test.bash"
build=${wattle%/cli/wattle}
man=$here/doc/man

page_of() { # the page of that name, of whatever section
    local found=("$man/$1".[1-8])
    [[ -e ${found[0]} ]] || { fail "no man page $1" && return 1; }
    echo "${found[0]}"
}
# Options that have an entry of their own in the page: the words of its lines ".It Fl -NAME …".
entries() { sed -n 's/^\.It Fl //p' "$1" | tr ' ' '\n' | sed -n 's/^-[a-z]/-&/p' | sort -u; }
own='^--(help|version)$' # every command's
agree() { # PAGE OPTION …: what the helps of its commands name
    local page=$1 missing
    shift
    missing=$(comm -3 <(printf '%s\n' "$@" | sort -u | grep -vxE -e "$own") <(entries "$page" | grep -vxE -e "$own"))
    [[ -z $missing ]] || fail "${page##*/}: left in the help alone, right in the page alone: $missing"
}

# Commands of wattle: the help names the page. Some have commands of their own, which share it.
declare -A options=()
walked=0
walk() {
    local help page
    help=$("$@" --help) || fail "$*: no help"
    page=$(sed -n 's/^See \(wattle[a-z-]*\)(.*/\1/p' <<<"$help")
    if [[ -n $page ]]; then
        walked=$((walked + 1))
        options[$page]+=" $(grep -oE '^  --[a-z-]+' <<<"$help" | paste -sd' ')"
    else
        for help in $(sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' <<<"$help"); do walk "$@" "$help"; done
    fi
}
walk "$wattle"
((walked >= 15)) || fail "only $walked help texts were looked at"
for name in "${!options[@]}"; do
    # shellcheck disable=SC2086 # several options
    page=$(page_of "$name") && agree "$page" ${options[$name]}
done
for name in $("$wattle" --help | sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
    grep -qx ".It Cm $name" "$man/wattle.1" || fail "wattle.1 has no command $name"
done

# Programs of their own, those that were built.
for program in launcher/wattlerun launcher/wattle-resize k8s-bridge/wattle-agent k8s-bridge/wattle-bridge k8s-bridge/wattle-barrier; do
    [[ -x $build/$program ]] || continue
    page=$(page_of "${program##*/}") || continue
    # Those at a line's beginning, or behind the program's name: further on others' are spoken of.
    # shellcheck disable=SC2046 # several options
    agree "$page" $("$build/$program" --help | awk -v name="${program##*/}" '{
        for (i = 1; i <= NF; i++) if ($i ~ /^\[?--/) print $i; else if ($i != "Usage:" && $i != name && $i !~ /^-/) break }' |
        grep -oE -e '--[a-z-]+')
done

# Keys of wattle.conf.
keys=$(sed -n 's/.*{ "\([a-z_]*\)", set_[a-z_]*, offsetof.*/\1/p' "$here/lib/siteconf.c" | sort -u)
(($(wc -w <<<"$keys") >= 40)) || fail "few keys were found: $keys"
for key in $keys; do
    grep -qE "^\.It Va ([a-z_]+ , )*$key( |$)" "$man/wattle.conf.5" || fail "wattle.conf.5 has no entry for $key"
    grep -qE "^;?$key = " "$here/conf/wattle.conf.example" || fail "wattle.conf.example has no $key"
done
exit $((failures > 0))
