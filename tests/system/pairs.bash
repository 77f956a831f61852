# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2034 # used by the closed loops, Slurm's and Kubernetes's
# For tests that compare runs in pairs: whether the machine had time for them.

IDLE_MIN_PCT=${WATTLE_IDLE_MIN_PCT-15} # of the machine, over a pair: nodes are throttled to 60% of a CPU together, so it must remain

# Nothing can be said of speeds then, neither good nor bad.
busy() { skip "n/a: the machine was busy with something else: $1"; }

# Idle and all jiffies of the machine.
jiffies() { awk '/^cpu / { print $5 + $6, $2 + $3 + $4 + $5 + $6 + $7 + $8 + $9; exit }' /proc/stat; }
