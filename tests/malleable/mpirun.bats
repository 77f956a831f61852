#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# wattlerun --launcher=mpirun: Open MPI 4 of bookworm, Open MPI 5 with PRRTE of trixie.

bats_require_minimum_version 1.5.0
load ../system/cluster.bash

setup_file() {
    wait_idle
    as alice sh -c 'rm -rf mpr; mkdir mpr'
    lab run --user alice -- sh -c 'cat >mpr/stencil.c && mpicc -O2 -o mpr/stencil mpr/stencil.c -lwattle_mpi' \
        <"$BATS_TEST_DIRNAME/../apps/stencil.c"
    # the same, deaf to the signal: what it hears came another way
    lab run --user alice -- sh -c 'cat >mpr/deaf.c && mpicc -O2 -o mpr/deaf mpr/stencil.c mpr/deaf.c -lwattle_mpi' <<'C'
#include <signal.h>
__attribute__((constructor)) static void deaf(void) { signal(SIGURG, SIG_IGN); }
C
    # knows nothing of Wattle: a counter that saves when USR1 comes, slowly, and leaves with 7
    lab run --user alice -- sh -c 'cat >mpr/stranger.c && mpicc -O2 -o mpr/stranger mpr/stranger.c' <<'C'
#include <mpi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static volatile sig_atomic_t asked;
static void on_signal(int n) { (void) n; asked = 1; }
int main(int argc, char **argv)
{
	int rank, any = 0, count = 0, last = atoi(argv[1]);
	char name[64];
	FILE *f;

	signal(SIGUSR1, on_signal);
	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	snprintf(name, sizeof(name), "count.%d", rank);
	if ((f = fopen("count.0", "r"))) {
		if (fscanf(f, "%d", &count) != 1) return 3;
		fclose(f);
	}
	for (; count < last; count++) {
		int mine = asked;
		MPI_Allreduce(&mine, &any, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
		if (any) break;
		usleep(100000);
	}
	MPI_Finalize();
	if (!any) {
		if (rank == 0) printf("stranger counted %d\n", count);
		return 0;
	}
	/* after MPI_Finalize, and one rank long after the other */
	if (rank) for (int i = 0; i < 2; i++) sleep(1);
	f = fopen(name, "w");
	fprintf(f, "%d\n", count);
	return fclose(f) ? 4 : 7;
}
C
}

teardown_file() { as alice rm -rf mpr .wattle; }

setup() { as alice sh -c 'cd mpr && rm -rf .wattle out ck* plan* count.* st'; }

teardown() {
    [[ -n ${BATS_TEST_COMPLETED-} ]] || as alice cat mpr/out >&2 || true
    lab on ctl -- scancel --user=alice
    wait_idle
}

job_state() { lab on ctl -- scontrol show job -o "$1" | grep -o 'JobState=[A-Z]*' | cut -d= -f2; }
out_has() { as alice grep -q -e "$1" mpr/out; }
out_lacks() { ! out_has "$1"; }
openmpi() { as alice mpirun --version | sed -n 's/.*Open MPI) \([0-9]*\).*/\1/p'; }
no_rank() { ! lab on "$1" -- pgrep -x "$2"; }

plan() {
    local IFS=,
    as alice sh -c "cat >mpr/plan" <<<"{\"slot_s\":$1,\"slots\":[${*:2}]}"
}

# submit SBATCH-ARGS… -- the arguments of wattlerun: prints the job id.
submit() {
    local args=()
    while [[ $1 != -- ]]; do args+=("$1") && shift; done
    shift
    as alice sbatch --parsable -o mpr/out --open-mode=append "${args[@]}" 2>/dev/null <<JOB
#!/bin/bash
cd mpr || exit
# the nodes' first cores are one and the same here
export OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_hwloc_base_binding_policy=none PRTE_MCA_hwloc_default_binding_policy=none
wattlerun --launcher mpirun $*
JOB
}

@test "1 -> 2 -> 3 nodes by mpirun: a rank for each node of the slot, the result is that of an undisturbed run" {
    local id want
    want=$(as alice srun -N1 -n1 mpr/stencil 300 1500 mpr/none 60 | grep -o 'checksum=[0-9a-f]*')
    plan 8 '{"t":0,"nodes":1}' '{"t":1,"nodes":2}' '{"t":2,"nodes":3}' '{"t":3,"nodes":3}' '{"t":4,"nodes":3}' '{"t":5,"nodes":3}' '{"t":6,"nodes":3}'
    id=$(submit -N1-3 --power=200 -- --plan plan --min-pause 3s --measure ./stencil 300 1500 ck 60)
    until_true 120 job_gone "$id"
    [[ $(job_state "$id") == COMPLETED ]]
    run -0 as alice cat mpr/out
    [[ $output == *"ranks=3 $want "* ]]
    [[ $(grep -o 'step [0-9]* on [0-9]*' <<<"$output") == $'step 1 on 1\nstep 2 on 2\nstep 3 on 3' ]]
    [[ $output == *'first iteration on 2'*'first iteration on 3'* ]]
    # what mpirun prints where it has ended ranks
    [[ $output != *'non-zero'* ]]
    # what each start measured
    run -0 as alice wattle report --json "$id"
    python3 -c 'import json,sys; m=json.loads(sys.argv[1])["jobs"][0]["mpi"]; sys.exit([(r["nodes"], r["ranks"]) for r in m] != [(1, 1), (2, 2), (3, 3)])' "$output"
}

@test "watts alone change: the cap moves on every node under mpirun, too, and no process is restarted" {
    local id pids
    plan 8 '{"t":0,"nodes":2,"cap_w":250}' '{"t":1,"nodes":2,"cap_w":180}' '{"t":2,"nodes":2,"cap_w":180}' '{"t":3,"nodes":2,"cap_w":180}'
    id=$(submit -N2 -w n1,n2 --power=300 -- --plan plan ./stencil 300 100000000 ck 10)
    until_true 60 lab on n2 -- pgrep -x stencil
    pids=$(lab on n2 -- pgrep -x stencil)
    until_true 60 caps_are 60 n1 n2
    [[ $(lab on n2 -- pgrep -x stencil) == "$pids" ]]
    as alice scancel "$id"
    until_true 60 job_gone "$id"
}
# caps_are W NODE…: each package's limit.
caps_are() {
    local node
    for node in "${@:2}"; do
        [[ $(lab on "$node" -- cat /sys/class/powercap/intel-rapl:0/constraint_0_power_limit_uw) == "${1}000000" ]] || return 1
    done
}

@test "the request is a PMIx event where mpirun delivers it: a program that is deaf to the signal hears it; elsewhere it is not asked in vain" {
    local id
    plan 8 '{"t":0,"nodes":2}' '{"t":1,"nodes":3}' '{"t":2,"nodes":3}' '{"t":3,"nodes":3}'
    id=$(submit -N2-3 --power=200 -- --plan plan --grace 8s ./deaf 200 100000000 ck 60)
    if [[ $(openmpi) -ge 5 ]]; then
        until_true 60 out_has 'first iteration on 3'
        out_has 'asks for a checkpoint, by a PMIx event'
    else
        until_true 60 out_has 'no answer to the request within 8 s'
        out_has 'asks for a checkpoint, by signal'
    fi
    as alice scancel "$id"
    until_true 30 job_gone "$id"
}

@test "a program that knows nothing of Wattle: its own signal and status; a rank that still writes after MPI_Finalize is let be" {
    local id
    # so long that every rank has its handler when it is asked: mpirun may take seconds to start them
    plan 12 '{"t":0,"nodes":1}' '{"t":1,"nodes":2}' '{"t":2,"nodes":1}' '{"t":3,"nodes":1}' '{"t":4,"nodes":1}' '{"t":5,"nodes":1}' '{"t":6,"nodes":1}'
    id=$(submit -N1-2 --ntasks-per-node=2 --power=200 -- --plan plan --checkpoint-signal USR1 --checkpoint-exit 7 ./stranger 250)
    until_true 120 out_has 'step 3 on 1'
    # both ranks of the first node, and of the second: the last three wrote after the first had left
    run -0 as alice cat mpr/count.0 mpr/count.1 mpr/count.2 mpr/count.3
    [[ ${#lines[@]} == 4 && $(printf '%s\n' "${lines[@]}" | sort -u | wc -l) == 1 ]]
    until_true 120 job_gone "$id"
    [[ $(job_state "$id") == COMPLETED ]]
    out_has 'stranger counted 250'
    out_lacks 'failed'
}

@test "a rank that dies ends the others at once; the program is started again from its checkpoint, and nothing is lost" {
    local id want
    want=$(as alice srun -N1 -n1 mpr/stencil 200 1500 mpr/none 60 | grep -o 'checksum=[0-9a-f]*')
    plan 6 '{"t":0,"nodes":1}' '{"t":1,"nodes":2}' '{"t":2,"nodes":2}' '{"t":3,"nodes":2}' '{"t":4,"nodes":2}' '{"t":5,"nodes":2}'
    id=$(submit -N1-2 -w n1,n2 --power=200 -- --plan plan --state st ./stencil 200 1500 ck 60)
    until_true 60 out_has 'first iteration on 2'
    until_true 20 lab on n2 -- pkill -9 -x stencil
    until_true 60 out_has 'the program was killed: started again'
    until_true 60 job_gone "$id"
    [[ $(job_state "$id") == COMPLETED ]]
    out_has "ranks=2 $want "
}

@test "mpirun is told what the job is told: cancelled, no rank outlives it" {
    local id
    id=$(submit -N2 -w n1,n2 --power=200 -- ./stencil 200 100000000 ck 60)
    until_true 60 lab on n2 -- pgrep -x stencil
    as alice scancel "$id"
    until_true 60 job_gone "$id"
    until_true 20 no_rank n1 stencil
    until_true 20 no_rank n2 stencil
}
