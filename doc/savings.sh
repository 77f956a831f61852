#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Usage: doc/savings.sh DATA [STARTS]        WATTLE=path/to/wattle, else the one on PATH
# The table in doc/adr/0005-carbon-planner.md: what start, pause and scale save over a year, by zone, length and slack. DATA is a folder
# with carbon/ZONE.csv (hour_index,carbon_intensity) and profiles/CURVE.csv (nodes,throughput,power). STARTS moments, evenly
# over the year (52). Sums of CO2 over all starts, against starting at once on 2 nodes; energy in brackets.
set -euo pipefail
shopt -s inherit_errexit nullglob

(($# >= 1)) || {
    sed -n '3,7s/^# //p' "$0" >&2
    exit 2
}
data=$1 starts=${2:-52} wattle=${WATTLE:-wattle} curve=${CURVE:-nbody100k}
zones=("$data"/carbon/*.csv)
((${#zones[@]})) && [[ -r $data/profiles/$curve.csv ]] || {
    echo "savings: $data needs carbon/*.csv and profiles/$curve.csv" >&2
    exit 1
}

# saved ZONE.csv HOURS WITHIN POLICY: "41.2 (-3.0)", percent of CO2 and of energy
saved() {
    local rows i at
    rows=$(($(wc -l <"$1") - 2))
    for ((i = 0; i < starts; i++)); do
        at=$((i * (rows - 10 * 24) / starts))
        "$wattle" plan --forecast "$1" --start $at --within "$3h" --work "$2h@2" --curve "$data/profiles/$curve.csv" \
            --policy "$4" --json | sed -n 's/.*"carbon_g": \([^,]*\), "energy_j": \([^,]*\),.*"agnostic": {[^}]*"carbon_g": \([^,]*\), "energy_j": \([^,]*\),.*/\1 \2 \3 \4/p'
    done | awk -v n="$starts" '{ c += $1; e += $2; ac += $3; ae += $4 }
        END { if (NR != n) { print "savings: " NR " of " n " plans" > "/dev/stderr"; exit 1 }
              printf "%.1f (%.1f)", 100 * (1 - c / ac), 100 * (1 - e / ae) }'
}

echo "| zone | job | done within | start | pause | scale | carbonscaler |"
echo "|---|---|---|---|---|---|---|"
for zone in "${zones[@]}"; do
    name=${zone##*/}
    for hours in 6 24; do
        for slack in 1.5 2 4; do
            within=$(awk -v h=$hours -v s=$slack 'BEGIN { print h * s }')
            printf '| %s | %d h | %g h |' "${name%.csv}" $hours "$within"
            for policy in start pause scale carbonscaler; do
                cell=$(saved "$zone" $hours "$within" $policy)
                printf ' %s |' "$cell"
            done
            echo
        done
    done
done
