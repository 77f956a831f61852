# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The CPU time of each hook of spank_wattle.so on a node, loading it included, summed over a job: prolog, extern step,
# the step, epilog. spank_timed.c calls the hooks and writes the times down.

bench() {
    local timed jobs plugin i n
    timed=$(compile spank_timed.c)
    jobs=$(repeats 20 2)
    lab_up bench-hooks --nodes 4
    plugin=$(lab bench-hooks on login -- sh -c 'ls /usr/lib/*/slurm-wlm/spank_wattle.so')
    lab bench-hooks on login -- sh -c 'cat >/etc/slurm/spank_timed.so' <"$timed"
    lab bench-hooks on login -- sh -ec "
        grep -v '^#' /etc/slurm/plugstack.conf >/etc/slurm/plugstack.was
        sed 's,^\([a-z]*\) *[^ ]*spank_wattle.so,\1 /etc/slurm/spank_timed.so target=$plugin,' \
            /etc/slurm/plugstack.was >/etc/slurm/plugstack.conf
        grep -q spank_timed /etc/slurm/plugstack.conf"
    local what
    for what in "" --power-cap=300W; do
        for ((i = -2; i < jobs; i++)); do # the first two warm up
            for n in n1 n2 n3 n4; do
                lab bench-hooks on "$n" -- sh -c '>/tmp/wattle-hooks && chmod 666 /tmp/wattle-hooks'
            done
            lab bench-hooks run --user alice -- srun -N4 ${what:+"$what"} true </dev/null
            while [[ -n $(lab bench-hooks on login -- squeue -h) ]]; do sleep 0.05; done
            ((i >= 0)) || continue
            for n in n1 n2 n3 n4; do
                lab bench-hooks on "$n" -- cat /tmp/wattle-hooks | tee -a "$BENCH_TMP/hooks$what" |
                    awk '{ ns += $3 } $1 ~ /^job_/ { seen++ } END { if (seen != 2) exit 1; print ns / 1e6 }'
            done
        done | figure "hooks_cpu${what:+_capped}" ms le 3 "CPU of all hooks a node and job, srun ${what:+$what }true"
    done
    awk '{ ns[$1] += $3; us[$1] += $4; waits[$1] += $5; n[$1]++ }
        END { for (h in ns) printf "bench: %-22s %8.3f ms a call, %.3f of it in the kernel, %.1f waits, %d calls\n",
            h, ns[h] / n[h] / 1e6, us[h] / n[h] / 1e3, waits[h] / n[h], n[h] }' \
        "$BENCH_TMP/hooks--power-cap=300W" | sort >&2
}
