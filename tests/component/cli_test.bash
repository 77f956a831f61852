# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# For tests of commands, sourced from the build directory: a folder of their own, and what they say of a command. They end
# with the number of failures as their status.

wattle=$PWD/cli/wattle
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit
failures=0

fail() {
    echo "FAIL: $*" >&2
    failures=$((failures + 1))
}
# gives WANTED_STATUS WANTED_TEXT COMMAND …: its status, and a text that its output and messages hold
gives() {
    local status=0 wanted=$1 text=$2 out
    shift 2
    out=$("$@" 2>&1) || status=$?
    [[ $status == "$wanted" ]] || fail "$*: exit $status, wanted $wanted: $out"
    [[ $out == *"$text"* ]] || fail "$*: wanted \"$text\" in: $out"
}
# json FILE PYTHON-EXPRESSION over o
json() { python3 -c 'import json, sys; o = json.load(open(sys.argv[1])); sys.exit(0 if eval(sys.argv[2]) else 1)' "$1" "$2" ||
    fail "$2 does not hold: $(cat "$1")"; }
# for such expressions, "$near(a, b)"
# shellcheck disable=SC2034 # for whoever sources this
near='(lambda a, b: abs(a - b) <= 1e-6 * max(1, abs(b)))'
