# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A real slurmctld under valgrind's memcheck with job_submit_wattle: submissions with words of all kinds (tests/system/raw_submit.c), the
# forecast replaced on the way; what is lost by allocations of ours must not grow from the first 1,000 submissions to the 10,000th
# (WATTLE_VALGRIND_JOBS), nor what is still reachable once slurmctld has forgotten the jobs; and memcheck must find no error in our code.
# shellcheck source=tests/run.d/cluster.bash
. "$RUN_D/cluster.bash"
VALGRIND_BATCH=500 # jobs that slurmctld holds at a time
VALGRIND_FIRST=1000

piece() {
    local jobs=${WATTLE_VALGRIND_JOBS:-10000}
    deps build test lab valgrind
    step "lab up" "$RUN_CHECKOUT/tests/lab" up --slurm native --nodes 1 || return 0
    if step "slurmctld runs under valgrind" valgrind_start && step "the first $VALGRIND_FIRST submissions" valgrind_submit 0 $VALGRIND_FIRST; then
        valgrind_look first
        step "all of $jobs submissions" valgrind_submit $VALGRIND_FIRST "$jobs" || true
        valgrind_look last
        step "slurmctld ends" valgrind_end || true
        step "nothing is lost by us for a submission" valgrind_compare $((jobs - VALGRIND_FIRST)) || true
        step "memcheck finds no error in our code" valgrind_errors || true
    fi
    sed 's/^/# /' "$RUN_LOGS/valgrind-figures" 2>/dev/null || true
    step "lab down" "$RUN_CHECKOUT/tests/lab" down || true
    step "nothing left of the lab" no_traces || true
}

ctl() { "$RUN_CHECKOUT/tests/lab" on ctl -- "$@"; }
forecast() {
    ctl sh -c 'now=$(date +%s) && printf "{\"zone\": \"LAB\", \"signal\": \"average\", \"unit\": \"gCO2/kWh\", \"issued\": %d, \"slot_s\": 3600, \"start\": %d, \"values\": [%s 100]}" \
        $now $now "$(seq -s, 500 -5 100)," >/var/lib/wattle/carbon/LAB.new && mv /var/lib/wattle/carbon/LAB.new /var/lib/wattle/carbon/LAB.json' </dev/null
}

# With the names of source files where there are symbols: a plugin that was closed has none otherwise.
valgrind_start() {
    # shellcheck disable=SC2016
    ctl sh -ec '
        pkill -x slurmctld && while pgrep -x slurmctld; do sleep 0.1; done >/dev/null
        sed -i "s/^MinJobAge=.*/MinJobAge=2/" /etc/slurm/slurm.conf
        cd /root && mkdir -p /etc/wattle/profiles
        printf "nodes,throughput,power\n1,1,200\n2,1.5,400\n" >curve.csv
        printf "cap_w,time_s\n150,72\n200,66\n250,63\n300,61\n400,60\n" >sweep.csv
        wattle profile fit sweep.csv --scaling curve.csv -o /etc/wattle/profiles/soak.json >/dev/null
        cat >raw_submit.c && cc -w -o /usr/local/bin/raw_submit raw_submit.c -lslurm
        setsid -f valgrind --leak-check=full --show-leak-kinds=definite,indirect --num-callers=40 --error-limit=no --keep-debuginfo=yes \
            --fullpath-after= --run-libc-freeres=no --log-file=/var/log/slurm/memcheck.log slurmctld -D >/var/log/slurm/valgrind.out 2>&1 </dev/null' \
        <"$RUN_CHECKOUT/tests/system/raw_submit.c" || return
    forecast || return
    until_answers
}
until_answers() {
    local i
    for ((i = 0; i < 120; i++)); do
        ctl scontrol ping 2>/dev/null </dev/null | grep -q 'is UP$' && return
        sleep 1
    done
    ctl tail -n 20 /var/log/slurm/memcheck.log </dev/null
    return 1
}

# valgrind_submit FROM TO: in batches, each cancelled; then waits until slurmctld has forgotten them.
valgrind_submit() {
    local n taken refused
    for ((n = $1; n < $2; n += VALGRIND_BATCH)); do
        forecast || return
        read -r taken refused < <("$RUN_CHECKOUT/tests/lab" run --user alice -- raw_submit words $VALGRIND_BATCH 2>/dev/null </dev/null)
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

# valgrind_look NAME: everything that is lost or reachable now, with where it was allocated.
valgrind_look() {
    ctl sh -c 'vgdb --pid="$(pgrep -f "valgrind.*slurmctld -D" | head -n 1)" leak_check full reachable any unlimited' >"$RUN_LOGS/valgrind-$1" 2>&1 </dev/null || true
}

valgrind_end() {
    local i
    # shellcheck disable=SC2016
    ctl sh -c 'kill "$(pgrep -f "valgrind.*slurmctld -D" | head -n 1)"' </dev/null
    for ((i = 0; i < 300; i++)); do
        ctl cat /var/log/slurm/memcheck.log </dev/null >"$RUN_LOGS/valgrind-end"
        grep -q 'ERROR SUMMARY' "$RUN_LOGS/valgrind-end" && return
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
    for kind in 'definitely lost' 'indirectly lost' 'still reachable'; do
        read -ra first < <(ours "$kind" "$RUN_LOGS/valgrind-first")
        read -ra last < <(ours "$kind" "$RUN_LOGS/valgrind-last")
        awk -v kind="$kind" -v n="$1" -v a="${first[0]}" -v b="${last[0]}" -v c="${first[2]}" -v d="${last[2]}" 'BEGIN {
            printf "%s: ours %d bytes after the first, %d at the end: %.4f a submission; of the whole process %d and %d: %.2f\n",
                kind, a, b, (b - a) / n, c, d, (d - c) / n }' >>"$RUN_LOGS/valgrind-figures"
        # less than a byte in ten submissions is no leak of each
        ((last[0] - first[0] < $1 / 10)) || bad=1
    done
    cat "$RUN_LOGS/valgrind-figures"
    # it was memcheck that looked
    grep -q ' in loss record ' "$RUN_LOGS/valgrind-first" && grep -q ' in loss record ' "$RUN_LOGS/valgrind-last" && return $bad
}

# Invalid reads, uninitialised values and the like with us on the stack.
valgrind_errors() {
    awk '{ sub(/^==[0-9]+== ?/, "") }
        /^$/ { if (us && text !~ /loss record/) { printf "%s\n", text; bad = 1 } text = ""; us = 0; next }
        /job_submit_wattle|\/src\/(jobsubmit|lib)\// { us = 1 }
        { text = text $0 "\n" }
        END { exit bad }' "$RUN_LOGS/valgrind-end" && tail -n 1 "$RUN_LOGS/valgrind-end" | tee -a "$RUN_LOGS/valgrind-figures"
}
