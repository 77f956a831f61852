# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The CPU time of each hook of spank_wattle.so on a node, loading it included, summed over a job: prolog, extern step,
# the step, epilog. spank_timed.c calls the hooks and writes the times down. Beside it the same of a plugin that does nothing:
# what no plugin can go below.

bench() {
    local timed jobs plugin noop=$BENCH_TMP/spank_noop.so
    timed=$(compile spank_timed.c)
    jobs=$(repeats 20 2)
    lab_up bench-hooks --nodes 4
    plugin=$(lab bench-hooks on login -- sh -c 'ls /usr/lib/*/slurm-wlm/spank_wattle.so')
    compile_noop bench-hooks "$noop"
    lab bench-hooks on login -- sh -c 'cat >/etc/slurm/spank_timed.so' <"$timed"
    lab bench-hooks on login -- sh -c 'cat >/etc/slurm/spank_noop.so' <"$noop"
    lab bench-hooks on login -- cp /etc/slurm/plugstack.conf /etc/slurm/plugstack.was

    times_of /etc/slurm/spank_noop.so
    measure noop | figure hooks_cpu_floor ms none 0 "the same hooks of a plugin that does nothing: the least there is"
    times_of "$plugin"
    measure default | figure hooks_cpu ms le 3 "CPU of all hooks a node and job, srun true"
    measure capped --power-cap=300W | figure hooks_cpu_capped ms le 3 "CPU of all hooks a node and job, srun --power-cap=300W true"
    awk '{ ns[$1] += $3; us[$1] += $4; waits[$1] += $5; n[$1]++ }
        END { for (h in ns) printf "bench: %-22s %8.3f ms a call, %.3f of it in the kernel, %.1f waits, %d calls\n",
            h, ns[h] / n[h] / 1e6, us[h] / n[h] / 1e3, waits[h] / n[h], n[h] }' \
        "$BENCH_TMP/hooks.capped" | sort >&2
}

# times_of PLUGIN: from now on spank_timed.so stands in spank_wattle.so's place, and calls PLUGIN.
times_of() {
    lab bench-hooks on login -- sh -ec "
        sed '/^#/d; s,^\([a-z]*\) *[^ ]*spank_wattle.so,\1 /etc/slurm/spank_timed.so target=$1,' \
            /etc/slurm/plugstack.was >/etc/slurm/plugstack.next
        grep -q spank_timed /etc/slurm/plugstack.next
        mv /etc/slurm/plugstack.next /etc/slurm/plugstack.conf"
}

# measure NAME [srun option …]: milliseconds, a line a node and job; the hooks' own lines go to $BENCH_TMP/hooks.NAME.
measure() {
    local name=$1 i n
    shift
    for ((i = -2; i < jobs; i++)); do # the first two warm up
        for n in n1 n2 n3 n4; do
            lab bench-hooks on "$n" -- sh -c '>/tmp/wattle-hooks && chmod 666 /tmp/wattle-hooks'
        done
        lab bench-hooks run --user alice -- srun -N4 "$@" true </dev/null 2>"$BENCH_TMP/srun.err" || {
            cat "$BENCH_TMP/srun.err" >&2
            return 1
        }
        while [[ -n $(lab bench-hooks on login -- squeue -h) ]]; do sleep 0.05; done
        ((i >= 0)) || continue
        for n in n1 n2 n3 n4; do
            lab bench-hooks on "$n" -- cat /tmp/wattle-hooks | tee -a "$BENCH_TMP/hooks.$name" |
                awk '{ ns += $3 } $1 ~ /^job_/ { seen++ } END { if (seen != 2) exit 1; print ns / 1e6 }'
        done
    done
}
