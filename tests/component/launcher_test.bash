# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# For tests of what wattlerun is to others, sourced from the build directory: a folder of their own; they end at the first failure.
set -euo pipefail
# shellcheck disable=SC2034 # the test's
build=$PWD
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

fail() {
    echo "FAILED: $*"
    exit 1
}
# gives STATUS CMD…
gives() {
    local want=$1 rc=0
    shift
    "$@" >out 2>err || rc=$?
    [[ $rc == "$want" ]] || fail "$*: $rc, wanted $want: $(<err)"
}
