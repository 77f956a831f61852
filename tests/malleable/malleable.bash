# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# For tests of malleable jobs. A case is a job, or some of one state folder after each other, in a folder mall/CASE of alice's; its
# program is tests/apps/stencil.c, which can't end before the case opens its gate.
#
# Cases of one test run at the same time, so: wait for what a case has said or done, never for a time.

SIDE=60 STEPS=50

malleable_begin() {
    boot_values
    BY=$(wattlerun_by)
    export BY
    as alice sh -c 'rm -rf mall; mkdir mall'
    as alice sh -c 'cat >mall/stencil.c && mpicc -O2 -o mall/stencil mall/stencil.c -lwattle_mpi' <"$BATS_TEST_DIRNAME/../apps/stencil.c"
    # What a run that nothing disturbed prints.
    WANT=$(as alice srun -Q -N1 -n1 mall/stencil $SIDE $STEPS mall/none | grep -o 'checksum=[0-9a-f]*')
    export WANT
    [[ -n $WANT ]]
    wait_idle
}
malleable_end() { as alice rm -rf mall; }

malleable_teardown() {
    local host
    # shellcheck disable=SC2016
    [[ -n ${BATS_TEST_COMPLETED-} ]] || as alice sh -c 'cd mall && tail -n 25 */out' >&2 || true
    for host in ctl n1 n2 n3 n4; do
        lab on "$host" -- sh -c 'pkill -CONT -x "slurmctld|slurmd"; ! grep -q " /usr/bin/scontrol " /proc/mounts || umount /usr/bin/scontrol; rm -f /tmp/die.* /tmp/gate'
    done
    lab on ctl -- scancel --user=alice
    # shellcheck disable=SC2016
    lab on ctl -- sh -c 'for n in $(sinfo -h -N -t down -o %N | sort -u); do scontrol update nodename=$n state=resume; done'
    clean_up
    as alice sh -c 'chmod -R u+rwX mall && rm -rf mall/*/'
}

# --- jobs --------------------------------------------------------------------------------------------------------------------

# plan CASE SLOT_S NODES…: slots that follow each other, numbered from the job's first start; "-" is a pause.
plan() {
    local slots=() t=0 n
    for n in "${@:3}"; do
        [[ $n == - ]] || slots+=("{\"t\":$t,\"nodes\":$n}")
        t=$((t + 1))
    done
    local IFS=,
    as alice sh -c "mkdir -p mall/$1 && cat >mall/$1/plan" <<<"{\"slot_s\":$2,\"slots\":[${slots[*]}]}"
}

# job CASE SBATCH-ARG… -- WATTLERUN-ARG…: submits it; its id is then in $mall/CASE.id. Without a PROGRAM of its own after another "--" it is
# the stencil. LINGERS: until the gate is open its script does not end by itself; Slurm has to kill it.
job() {
    local name=$1 args=() words program="../stencil $SIDE $STEPS ck 1 gate"
    shift
    while [[ $1 != -- ]]; do args+=("$1") && shift; done
    shift
    words=" $* "
    [[ $words != *' --plan '* ]] && as alice test -e "mall/$name/plan" && words=" --plan plan$words"
    words=${words/ --plan none / }
    if [[ $words == *' -- '* ]]; then program=${words#* -- } words=${words%% -- *}; fi
    as alice sh -c "mkdir -p mall/$name && cat >mall/$name/script" <<JOB
#!/bin/bash
cd mall/$name || exit
export OMPI_MCA_mpi_yield_when_idle=1 PRTE_MCA_bindto=none # ranks that wait would use up their node's share of the CPU
${LINGERS:+trap '' TERM}
wattlerun $BY --state st --min-pause 2s$words $program ${LINGERS:-|| exit}
${LINGERS:+[[ -e gate ]] || sleep 60}
JOB
    as alice sbatch --parsable -J "$name" -o "mall/$name/out" --open-mode=append --power=200 "${args[@]}" "mall/$name/script" 2>/dev/null \
        >"$BATS_TEST_TMPDIR/$name"
}
id() { cat "$BATS_TEST_TMPDIR/$1"; }
# at_gate CASE STEP: wattlerun's step of that number has nothing left to do but to wait for the gate, and answers requests.
at_gate() { as alice grep -q " done=$((STEPS - 1)) total=" "mall/$1/st/status.$2"; }
said() { as alice grep -q -e "$2" "mall/$1/out"; }
never_said() { ! said "$@"; }
state() { lab on ctl -- scontrol show job -o "$(id "$1")" | grep -o 'JobState=[A-Z_]*' | cut -d= -f2; }
reason() { lab on ctl -- squeue -h -j "$(id "$1")" -o %r; }
is() { [[ $(lab on ctl -- squeue -h -j "$(id "$1")" -o %T) == "$2" ]]; }
held() { is "$1" PENDING && [[ $(reason "$1") =~ ^(JobHeldUser|JobHeldAdmin|job.requeued.in.held.state)$ ]]; }
open_gate() {
    local name
    for name; do as alice touch "mall/$name/gate"; done
}

# ends CASE STATE: it is gone, and that was its state; completed ones have the result of a run that nothing disturbed.
ends() {
    until_true 120 job_gone "$(id "$1")" || return
    [[ $(state "$1") == "$2" ]] || { echo "$1 ended $(state "$1"), wanted $2" >&2 && return 1; }
    [[ $2 != COMPLETED ]] || said "$1" "ranks=[0-9]* $WANT " || { echo "$1 has another result than an undisturbed run" >&2 && return 1; }
}
# did CASE N|all: how many steps its last run did.
did() {
    local n=$2 is
    [[ $n != all ]] || n=$STEPS
    is=$(as alice sh -c "sed -n 's/.* did=//p' mall/$1/out | tail -n 1")
    [[ $is == "$n" ]] || { echo "$1: its last run did $is steps, wanted $n" >&2 && return 1; }
}

# Slurm waits two minutes before it runs a requeued job again; an administrator may set another begin, but slurmd refuses a job within two
# seconds of its end.
hurries() {
    local at=$BATS_TEST_TMPDIR/$1.at
    is "$1" PENDING && [[ ! -e $at ]] && echo $((EPOCHSECONDS + 3)) >"$at"
    [[ ! -e $at ]] || lab on ctl -- scontrol update jobid="$(id "$1")" starttime="uts$(<"$at")" 2>/dev/null || true
    is "$1" RUNNING || job_gone "$(id "$1")"
}

# --- what dies ---------------------------------------------------------------------------------------------------------------

runs() { lab on "$1" -- pgrep -x "$2"; }
kills() { lab on "$1" -- pkill -9 -x "$2"; }

# scontrol_dies HOST WORDS before|after|within|gate [ID]: there, whoever calls scontrol with these words (of the job of that id) is killed:
# before the call is made, after it, or before it while the call is made all the same. Or the call waits until /tmp/gate is there. Once.
scontrol_dies() {
    lab on "$1" -- sh -c "cat >'/tmp/die.$4' && chmod 644 '/tmp/die.$4'" <<<"$2 $3"
    # shellcheck disable=SC2016
    lab on "$1" -- sh -c '! grep -q " /usr/bin/scontrol " /proc/mounts || exit 0
        mkdir -p /tmp/bin && cp -L /usr/bin/scontrol /tmp/bin/scontrol && cat >/tmp/bin/dies && chmod 755 /tmp/bin /tmp/bin/dies &&
        mount --bind /tmp/bin/dies /usr/bin/scontrol' <<'DIES'
#!/bin/bash
for order in /tmp/die.*; do
    id=${order#/tmp/die.}
    read -r words when 2>/dev/null <"$order" || continue
    [[ "$*" == *"$words"* && ( -z $id || " $* " == *[\ =]$id\ * ) ]] || continue
    [[ -e $order.done ]] && continue
    ( : >"$order.done" ) 2>/dev/null || continue
    case $when in
    before) kill -9 $PPID; exit 1 ;;
    within) kill -9 $PPID; exec /tmp/bin/scontrol "$@" ;;
    gate) until [[ -e /tmp/gate ]]; do sleep 0.05; done ;;
    after) /tmp/bin/scontrol "$@"; kill -9 $PPID; exit ;;
    esac
done
exec /tmp/bin/scontrol "$@"
DIES
}

# --- afterwards --------------------------------------------------------------------------------------------------------------

book_empty() { [[ $(lab on "$1" -- wattle lease list --json | python3 -c 'import json,sys; print(len(json.load(sys.stdin)["jobs"]))') == 0 ]]; }
clean_of() { ! lab on "$1" -- pgrep -x 'stencil|wattlerun|wattle-rank|srun|slurmstepd'; }

# No job, no charge, no cap, no lease, no process.
nothing_left() {
    local node
    wait_idle
    [[ $(power_used) == 0 ]] || { echo "charged: $(power_used) W" >&2 && return 1; }
    for node in n1 n2 n3 n4; do
        if ! until_true 20 clean_of "$node" || ! until_true 5 at_boot "$node" || ! until_true 5 book_empty "$node"; then
            echo "$node: $(lab on "$node" -- ps -e -o pid,user,args | grep -e stencil -e wattlerun -e srun -e slurmstepd)" >&2
            return 1
        fi
    done
}
