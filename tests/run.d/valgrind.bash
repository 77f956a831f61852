# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A real slurmctld under valgrind's memcheck with job_submit_wattle: submissions with words of all kinds (tests/system/raw_submit.c), the
# forecast replaced on the way. Two lives of it, of 1,000 and of 10,000 submissions (WATTLE_VALGRIND_JOBS): what is lost of allocations of
# ours at the end of the one must not be more than at the end of the other, nor what is still reachable when the jobs are forgotten; and
# memcheck must find no error in our code.
# shellcheck source=tests/run.d/cluster.bash
. "$RUN_D/cluster.bash"
VALGRIND_BATCH=500 # jobs that slurmctld holds at a time
VALGRIND_FEW=1000

piece() {
    local jobs=${WATTLE_VALGRIND_JOBS:-10000}
    deps build test lab valgrind
    step "lab up" "$RUN_CHECKOUT/tests/lab" up --slurm native --nodes 1 || return 0
    if step "ready" valgrind_ready && valgrind_life few "$VALGRIND_FEW" && valgrind_life many "$jobs"; then
        step "nothing of ours is lost for a submission" valgrind_compare $((jobs - VALGRIND_FEW)) || true
        step "memcheck finds no error in our code" valgrind_errors || true
        sed 's/^/# /' "$RUN_LOGS/valgrind-figures"
    fi
    step "lab down" "$RUN_CHECKOUT/tests/lab" down || true
    step "nothing left of the lab" no_traces || true
}

# valgrind_life NAME JOBS
valgrind_life() {
    step "slurmctld under valgrind, $1" valgrind_start && step "$2 submissions" valgrind_submit "$2" && step "slurmctld ends, $1" valgrind_end "$1"
}

ctl() { "$RUN_CHECKOUT/tests/lab" on ctl -- "$@"; }
forecast() {
    ctl sh -c 'now=$(date +%s) && printf "{\"zone\": \"LAB\", \"signal\": \"average\", \"unit\": \"gCO2/kWh\", \"issued\": %d, \"slot_s\": 3600, \"start\": %d, \"values\": [%s 100]}" \
        $now $now "$(seq -s, 500 -5 100)," >/var/lib/wattle/carbon/LAB.new && mv /var/lib/wattle/carbon/LAB.new /var/lib/wattle/carbon/LAB.json' </dev/null
}

valgrind_ready() {
    # shellcheck disable=SC2016
    ctl sh -ec '
        pkill -x slurmctld && while pgrep -x slurmctld; do sleep 0.1; done >/dev/null
        sed -i "s/^MinJobAge=.*/MinJobAge=2/" /etc/slurm/slurm.conf
        cd /root && mkdir -p /etc/wattle/profiles
        printf "nodes,throughput,power\n1,1,200\n2,1.5,400\n" >curve.csv
        printf "cap_w,time_s\n150,72\n200,66\n250,63\n300,61\n400,60\n" >sweep.csv
        wattle profile fit sweep.csv --scaling curve.csv -o /etc/wattle/profiles/soak.json >/dev/null' </dev/null || return
    "$RUN_CHECKOUT/tests/lab" run --user alice -- sh -c 'cat >slurm_compat.h' <"$RUN_CHECKOUT/jobsubmit/slurm_compat.h" || return
    "$RUN_CHECKOUT/tests/lab" run --user alice -- sh -c 'cat >raw_submit.c && cc -w -o raw_submit raw_submit.c -lslurm' \
        <"$RUN_CHECKOUT/tests/system/raw_submit.c"
}

# With the names of source files: a plugin that was closed has no others at the end.
valgrind_start() {
    ctl sh -c 'setsid -f valgrind --leak-check=full --show-leak-kinds=all --num-callers=40 --error-limit=no --keep-debuginfo=yes \
        --fullpath-after= --log-file=/var/log/slurm/memcheck.%p.log slurmctld -D >/var/log/slurm/valgrind.out 2>&1' </dev/null || return
    until_answers
}
until_answers() {
    local i
    for ((i = 0; i < 120; i++)); do
        ctl scontrol ping 2>/dev/null </dev/null | grep -q 'is UP$' && return
        sleep 1
    done
    ctl sh -c 'tail -n 20 /var/log/slurm/valgrind.out /var/log/slurm/memcheck.*.log' </dev/null
    return 1
}

# valgrind_submit JOBS: in batches, each cancelled; then waits until slurmctld has forgotten them.
valgrind_submit() {
    local n taken refused
    for ((n = 0; n < $1; n += VALGRIND_BATCH)); do
        forecast || return
        read -r taken refused < <("$RUN_CHECKOUT/tests/lab" run --user alice -- ./raw_submit words $VALGRIND_BATCH 2>/dev/null </dev/null)
        echo "$n: $taken taken, $refused refused"
        # a third of the words are refused
        ((taken >= VALGRIND_BATCH * 6 / 10 && refused >= VALGRIND_BATCH * 3 / 10)) || return
        ctl scancel --user=alice </dev/null || return
    done
    for ((n = 0; n < 300; n++)); do
        [[ -n $(ctl squeue -h -t all </dev/null 2>&1) ]] || return 0
        sleep 1
    done
    echo "slurmctld does not forget its jobs"
    return 1
}

# valgrind_end NAME: and keeps what memcheck says of slurmctld itself; it has children.
valgrind_end() {
    local i pid
    pid=$(ctl cat /run/slurm/slurmctld.pid </dev/null) && ctl kill "$pid" </dev/null || return
    for ((i = 0; i < 300; i++)); do
        ctl cat "/var/log/slurm/memcheck.$pid.log" </dev/null >"$RUN_LOGS/valgrind-$1"
        ! grep -q 'ERROR SUMMARY' "$RUN_LOGS/valgrind-$1" || return 0
        sleep 1
    done
    return 1
}

# ours KIND FILE: bytes and blocks of that kind of loss, of all and of those with us on the stack, by memcheck's records.
ours() {
    awk -v kind="$1" '
        function judge() { if (bytes != "") { all += bytes; n++; if (us) { mine += bytes; blocks += count } } bytes = ""; us = 0 }
        { sub(/^==[0-9]+== ?/, "") }
        / in loss record / { judge(); if ($0 ~ kind) { bytes = $1; count = $0; gsub(",", "", bytes)
            sub(/.* in /, "", count); sub(/ blocks .*/, "", count); gsub(",", "", count) } next }
        /^ +(at|by) / { if ($0 ~ /job_submit_wattle|\/src\/(jobsubmit|lib)\//) us = 1; next }
        { judge() }
        END { judge(); printf "%d %d %d\n", mine, blocks, all }' "$2"
}

valgrind_compare() {
    local kind first last bad=0
    for kind in 'definitely lost' 'indirectly lost' 'possibly lost' 'still reachable'; do
        read -ra first < <(ours "$kind" "$RUN_LOGS/valgrind-few")
        read -ra last < <(ours "$kind" "$RUN_LOGS/valgrind-many")
        awk -v kind="$kind" -v n="$1" -v a="${first[0]}" -v b="${last[0]}" -v c="${first[2]}" -v d="${last[2]}" 'BEGIN {
            printf "%s: ours %d bytes after few, %d after many: %.4f a submission more; of the whole process %d and %d: %.2f\n",
                kind, a, b, (b - a) / n, c, d, (d - c) / n }' >>"$RUN_LOGS/valgrind-figures"
        # less than a byte in ten submissions is no leak of each
        ((last[0] - first[0] < $1 / 10)) || bad=1
    done
    cat "$RUN_LOGS/valgrind-figures"
    # it was memcheck that looked
    grep -q ' in loss record ' "$RUN_LOGS/valgrind-few" && grep -q ' in loss record ' "$RUN_LOGS/valgrind-many" && return $bad
}

# Invalid reads, uninitialised values and the like with us on the stack.
valgrind_errors() {
    awk '{ sub(/^==[0-9]+== ?/, "") }
        /^$/ { if (us && text !~ /loss record/) { printf "%s\n", text; bad = 1 } text = ""; us = 0; next }
        /job_submit_wattle|\/src\/(jobsubmit|lib)\// { us = 1 }
        { text = text $0 "\n" }
        END { exit bad }' "$RUN_LOGS/valgrind-many" && grep "ERROR SUMMARY" "$RUN_LOGS/valgrind-many" | tee -a "$RUN_LOGS/valgrind-figures"
}
