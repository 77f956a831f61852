# SPDX-License-Identifier: GPL-2.0-or-later
# What everything else relies on: the lab keeps its contract. Tests that end a lab make one of their own.
bats_require_minimum_version 1.5.0
load cluster.bash

setup_file() {
    export MINE=${WATTLE_LAB:-lab}-own
}
teardown_file() {
    mine down --force >/dev/null 2>&1 || true
    "$BATS_TEST_DIRNAME/../lab" fault n2 clear
}
setup() {
    PATH=$BATS_TEST_DIRNAME/..:$PATH
}
teardown() {
    lab on ctl -- sh -c 'scancel --user=alice; scancel --user=bob'
    wait_idle
    as bob rm -f running
}
mine() { WATTLE_LAB=$MINE "$BATS_TEST_DIRNAME/../lab" "$@"; }
small_lab() { mine up --nodes 1 --no-wattle; }

# Everything on this machine that bears a lab's name.
traces_of() {
    local p
    {
        for p in /proc/[0-9]*; do
            [[ ! -e $p/root/run/wattle-lab/$1/room/hosts ]] || printf 'process %s\n' "${p##*/}"
        done
        pgrep -af "wattle-lab/$1/" | sed 's/^/process /'
        awk -v name="wattle-lab/$1/" 'index($0, name) { print "mount", $5 }' /proc/self/mountinfo
        find /sys/fs/cgroup -type d -name "wattle-$1"
        find /run/wattle-lab -maxdepth 1 -name "*$1*"
        ip -o link | grep -E ' (br0|v-[a-z0-9]+)[@:]'
    } 2>/dev/null || true
}

other_checkout() {
    mkdir -p "$BATS_TEST_TMPDIR/tests"
    cp -r "$BATS_TEST_DIRNAME"/../lab{,.d} "$BATS_TEST_TMPDIR/tests/"
    OTHER=$BATS_TEST_TMPDIR/tests/lab
}

@test "run and on pass arguments, stdin, stdout, stderr and the exit status" {
    run -7 --separate-stderr lab run -- sh -c 'cat; printf "<%s>" "$@"; echo no >&2; exit 7' - 'a  b' '' '*' <<<"from stdin"
    [[ $output == $'from stdin\n<a  b><><*>' ]]
    # shellcheck disable=SC2154 # set by run
    [[ $stderr == no ]]
    run -9 lab on n1 -- sh -c 'exit 9'
    run -143 lab on ctl -- sh -c 'kill -TERM $$'
    printf 'a\0b' | lab on n1 -- cat | cmp - <(printf 'a\0b')
}

@test "run --user is a login of that user, without privileges" {
    run -0 lab run --user alice -- sh -c 'pwd; echo $HOME $USER; id -un; grep CapEff /proc/self/status; hostname'
    [[ ${lines[*]} == $'/home/alice /home/alice alice alice CapEff:\t0000000000000000 login' ]]
    run -1 lab run --user alice -- tee /etc/wattle/wattle.conf <<<x
    run -2 lab run --user bob -- ls /home/alice
    run -1 lab run --user carol -- true
    [[ $output == *"no user 'carol'"* ]]
}

# bats test_tags=native
@test "a wrong command line is refused with status 2" {
    run -2 lab
    run -2 lab frobnicate
    run -2 lab run --user alice
    run -2 lab on
    run -2 lab up --nodes many
    run -2 lab node n1 explode
    run -2 env WATTLE_LAB=../x "$BATS_TEST_DIRNAME/../lab" status
    run -1 lab on n99 -- true
    [[ $output == *"no host 'n99'"* ]]
}

@test "each node has its own name, processes, /tmp, /run and boot id; /home is shared" {
    lab on n1 -- sh -c 'echo 1 >/tmp/mark; echo 1 >/run/mark'
    lab run --user alice -- sh -c 'echo shared >mark'
    run -0 lab on n2 -- sh -c 'hostname; ls /tmp/mark /run/mark 2>/dev/null | wc -l; cat /home/alice/mark; pgrep -xc slurmd'
    [[ ${lines[*]} == "n2 0 shared 1" ]]
    [[ $(lab on n1 -- cat /proc/sys/kernel/random/boot_id) != $(lab on n2 -- cat /proc/sys/kernel/random/boot_id) ]]
    [[ $(lab on n1 -- cat /proc/sys/kernel/random/boot_id) == $(lab on n1 -- cat /proc/sys/kernel/random/boot_id) ]]
}

@test "an MPI program compiled on login runs across nodes" {
    lab run --user alice -- sh -c 'cat >hello.c && mpicc -o hello hello.c' <<'C'
#include <mpi.h>
#include <stdio.h>
int main(int argc, char **argv)
{
	int rank, size, sum;
	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &size);
	MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
	if (rank == 0)
		printf("ranks=%d sum=%d\n", size, sum);
	return MPI_Finalize();
}
C
    run -0 --separate-stderr mpi_run -N4 -- ./hello
    [[ $output == "ranks=4 sum=6" ]]
}

zone=/sys/class/powercap/intel-rapl:0/constraint_0_power_limit_uw

@test "a reboot ends a node's processes, empties /run and /tmp, changes the boot id and puts power limits back" {
    local before limit
    before=$(lab on n4 -- cat /proc/sys/kernel/random/boot_id)
    limit=$(lab on n4 -- cat $zone)
    lab on n4 -- sh -c 'echo 1 >/tmp/mark; echo 1 >/run/mark; echo 1 >/var/mark; setsid -f sleep 4711; echo 100000000 >'$zone
    [[ $(lab on n4 -- cat $zone) == 100000000 ]]
    lab node n4 reboot
    [[ $(lab on n4 -- cat /proc/sys/kernel/random/boot_id) != "$before" ]]
    run -0 lab on n4 -- sh -c 'ls /tmp/mark /run/mark 2>/dev/null | wc -l; cat /var/mark; pgrep -fc "[s]leep 4711"; true'
    [[ ${lines[*]} == "0 1 0" ]]
    [[ $(lab on n4 -- cat $zone) == "$limit" ]]
    (($(lab on n4 -- sed 's/\..*//' /proc/uptime) < 60))
    run -0 lab run -- srun -w n4 -N1 hostname
    [[ $output == *n4* ]]
}

@test "kill-stepd leaves no slurmstepd; slurmd is killed and started again" {
    as bob sbatch -o /dev/null -N1 -w n3 --wrap 'touch running; sleep 300'
    # all of it: a slurmstepd that comes after the others were killed would be one left over
    until_true 60 as bob test -e running
    has_stepds n3 2
    lab node n3 kill-stepd
    run -1 lab on n3 -- pgrep -x slurmstepd
    lab run -- scancel -u bob
    # or it would stay COMPLETING until slurmctld asks again, two minutes later
    wait_idle
    lab node n3 kill-slurmd
    run -1 lab on n3 -- pgrep -x slurmd
    lab node n3 start-slurmd
    run -1 lab node n3 start-slurmd
    [[ $output == *"runs already"* ]]
    until_true 60 node_is n3 idle
}

@test "fault makes a node's power hardware fail, clear mends it, a bad line is refused" {
    lab fault n2 write package-0 'constraint_0_power_limit_uw' EACCES
    run -1 lab on n2 -- tee "$zone" <<<150000000
    [[ $output == *"Permission denied"* ]]
    lab fault n2 clear
    lab on n2 -- sh -c "old=\$(cat $zone); echo 150000000 >$zone && echo \$old >$zone"
    run -1 lab fault n2 nonsense
    [[ $output == *"found 'nonsense'"* ]]
    lab fault n2 clear
}

# bats test_tags=native
@test "another checkout neither uses nor ends this lab" {
    other_checkout
    for words in "up" "down" "run -- true" "node n1 reboot" "restart ctl"; do
        # shellcheck disable=SC2086
        run -1 "$OTHER" $words
        [[ $output == *"belongs to the checkout"* ]]
    done
    lab on n1 -- true
}

# bats test_tags=native
@test "down leaves nothing behind, also when pieces were killed, and can be repeated" {
    small_lab
    [[ -n $(traces_of "$MINE") ]]
    run -0 mine up --nodes 1 --no-wattle
    [[ $output == *"up already"* ]]
    run -1 mine up --nodes 2 --no-wattle
    [[ $output == *"other options"* ]]
    # A node that lost its power hardware, a job's processes, and its host's own init.
    mine run -- sbatch -N1 --wrap 'setsid sleep 600'
    pkill -KILL -f "control /run/wattle-lab/$MINE/room/hosts/n1/control "
    mine on ctl -- pkill -KILL slurmctld
    kill -KILL "$(cat "/proc/$(cat "/run/wattle-lab/$MINE/room.pid")/root/run/wattle-lab/$MINE/room/hosts/n1/pid")"
    mine down
    [[ -z $(traces_of "$MINE") ]]
    mine down
}

# bats test_tags=native
@test "a lab whose own init was killed is ended by down, and replaced by up" {
    small_lab
    kill -KILL "$(cat "/run/wattle-lab/$MINE/room.pid")"
    run -1 mine run -- true
    [[ $output == *"not up"* ]]
    small_lab
    mine run -- true
    kill -KILL "$(cat "/run/wattle-lab/$MINE/room.pid")"
    mine down
    [[ -z $(traces_of "$MINE") ]]
}

# bats test_tags=native
@test "an up that fails says why, with the log, and leaves nothing behind" {
    echo "NoSuchKey=1" >"$BATS_TEST_TMPDIR/bad.conf"
    run -1 mine up --nodes 1 --no-wattle --slurm-conf "$BATS_TEST_TMPDIR/bad.conf"
    [[ $output == *"unrecognized key: NoSuchKey"* ]]
    [[ -z $(traces_of "$MINE") ]]
}

# bats test_tags=native
@test "an up that is killed half way is cleaned up by down" {
    local pid
    mine up --nodes 1 --no-wattle 3>&- &
    pid=$!
    until_true 60 test -e "/run/wattle-lab/$MINE/room.pid"
    kill -KILL "$pid"
    wait "$pid" || true
    mine down
    [[ -z $(traces_of "$MINE") ]]
}
