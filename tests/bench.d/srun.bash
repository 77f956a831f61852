# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# One cluster whose plugstack.conf is exchanged between runs: all else, daemons and machine, is the same, and pairs stand
# next to each other in time. Steps and prologs read the file anew each time. A job is awaited to its very end (epilog)
# before the next is timed, so that neither pays for the other.

bench() {
    local pairs what noop=$BENCH_TMP/spank_noop.so
    pairs=$(repeats 30 2)
    lab_up bench-srun --nodes 4
    compile_noop bench-srun "$noop"
    lab bench-srun on login -- sh -c 'cat >/etc/slurm/spank_noop.so' <"$noop"
    # Jobs that name no watts get the whole node's: a share of them would be a cap, and a cap slows all that runs on the
    # node, Slurm's own processes too. That is what it is for, and not what the plugin costs.
    lab bench-srun on login -- sed -i 's/^\[site\]$/&\ndefault_charge = node/' /etc/wattle/wattle.conf
    lab bench-srun on login -- sh -c 'cat >/root/srun-pairs' <"$BENCH_D/srun-pairs"

    for what in "" "--power-cap=300W"; do
        lab bench-srun on login -- bash /root/srun-pairs "$pairs" ${what:+"$what"} </dev/null >"$BENCH_TMP/pairs"
        if [[ -z $what ]]; then
            awk '{ print $1 }' "$BENCH_TMP/pairs" | figure srun_noop ms none 0 "srun -N4 true, no-op plugin"
            awk '{ print $2 }' "$BENCH_TMP/pairs" | figure srun_wattle ms none 0 "srun -N4 true, Wattle"
            awk '{ print $2 / $1 }' "$BENCH_TMP/pairs" |
                figure srun_ratio ratio le 1.10 "srun -N4 true, Wattle against a no-op plugin, pairs"
        else
            awk '{ print $2 / $1 }' "$BENCH_TMP/pairs" |
                figure srun_capped_ratio ratio none 0 "srun -N4 $what true against srun -N4 true with a no-op plugin"
        fi
    done
}
