#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The golden table through the bridge: each row that an MPIJob can say gives the decision that the table wants. tests/system/parity.bats
# sends the same rows through a real Slurm.
set -euo pipefail
src=$(cd "$srcdir" && pwd -P)
decide=$PWD/tests/component/mpijob_decide

# the site's profiles must be root's: become it in a namespace of our own, where that is allowed
if ((EUID != 0)); then
    unshare --user --map-root-user true 2>/dev/null || {
        echo "neither root nor allowed a user namespace" >&2
        exit 77
    }
    exec unshare --user --map-root-user "$BASH" "$0"
fi
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
"$decide" profiles "$src/tests/golden/models.txt" "$tmp"
"$decide" table "$src/tests/golden/decisions.tsv" "$src/tests/golden" "$tmp"
rows=$("$decide" json "$src/tests/golden/decisions.tsv" 2>/dev/null | wc -l)
((rows >= 100)) || {
    echo "only $rows rows" >&2
    exit 1
}
