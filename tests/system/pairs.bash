# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2034,SC2154 # what the closed loops, of Slurm and of Kubernetes, use; bats's output and status
# For tests that compare runs in pairs: whether the machine had time for them.

IDLE_MIN_PCT=${WATTLE_IDLE_MIN_PCT-15} # of the machine, over a pair: nodes are throttled to 60% of a CPU together, so it must remain

# Nothing can be said of speeds then, neither good nor bad.
busy() { skip "n/a: the machine was busy with something else: $1"; }

# Idle and all jiffies of the machine.
jiffies() { awk '/^cpu / { print $5 + $6, $2 + $3 + $4 + $5 + $6 + $7 + $8 + $9; exit }' /proc/stat; }

# pairs_run FULL CAPPED: pairs of runs in turn until PAIRS count, PAIRS_MAX at most: FULL PAIR and CAPPED PAIR run one and print a job's name, measured
# JOB its seconds and joules. Leaves those of the last pair in full, full_s, full_j, capped, capped_s, capped_j, and a line of them for each pair in rows.
pairs_run() {
    local pair idle0 all0 idle1 all1 idle_pct spoilt=0 good=0
    rows=''
    for ((pair = 1; pair <= PAIRS_MAX && good < PAIRS; pair++)); do
        read -r idle0 all0 < <(jiffies)
        ((pair % 2)) || capped=$("$2" "$pair")
        full=$("$1" "$pair")
        ((pair % 2 == 0)) || capped=$("$2" "$pair")
        read -r idle1 all1 < <(jiffies)
        idle_pct=$((100 * (idle1 - idle0) / (all1 - all0)))
        read -r full_s full_j < <(measured "$full")
        read -r capped_s capped_j < <(measured "$capped")
        echo "# pair $pair: $full_s s and $full_j J in full, $capped_s s and $capped_j J capped, machine $idle_pct% idle" >&3
        if ((idle_pct < IDLE_MIN_PCT)); then
            spoilt=$((spoilt + 1))
            continue
        fi
        good=$((good + 1))
        rows+="$full_s $full_j $capped_s $capped_j"$'\n'
    done
    echo "# $good pairs count, $spoilt were repeated since the machine had less than $IDLE_MIN_PCT% idle time" >&3
    ((good == PAIRS)) || busy "only $good of $PAIRS pairs in $PAIRS_MAX had $IDLE_MIN_PCT% idle time"
}

# pairs_judge POINTS: the median pair is TARGET_PCT slower, within POINTS, and takes less energy.
pairs_judge() {
    run python3 "${BASH_SOURCE[0]%/*}/pairs.py" "$TARGET_PCT" "$1" <<<"$rows"
    echo "# $output" >&3
    ((status == 0))
}
