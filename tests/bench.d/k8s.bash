# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# wattle-bridge with 5,000 MPIJobs on a real API server: what it keeps in memory, how fast it decides what has piled up, how long a job waits for its
# decision in steady work, and what that costs the API server. Beside it, in the same run, what Kueue and mpi-operator take.

bench() {
    local count rate=50 base_kb full_kb begin took_s requests before
    count=$(repeats 5000 100)
    lab_up bench-k8s --k8s-only=1
    on_kctl sh -c 'cat >/root/k8s_load.py' <"$BENCH_D/k8s_load.py"
    bench_bridge
    base_kb=$(memory wattle-bridge)
    # what has piled up
    on_kctl pkill -TERM -x wattle-bridge || true
    sleep 2
    on_kctl python3 /root/k8s_load.py /etc/kubernetes/admin.conf "$count"
    begin=$(date +%s.%N)
    bench_bridge
    wait_decided "$count"
    took_s=$(since "$begin")
    full_kb=$(memory wattle-bridge)
    calc "$count / $took_s" | figure bridge_decisions 1/s none 0 "jobs that piled up, decided"
    echo "$full_kb" | figure bridge_memory KB none 0 "resident, with $count MPIJobs"
    calc "($full_kb - $base_kb) * 1024 / $count" | figure bridge_memory_per_job B none 0 "of that, for each MPIJob"
    requests=$(metric api_requests_total)
    calc "$requests / $count" | figure bridge_requests_per_job 1 none 0 "requests to the API server for each job that piled up"
    # steady work, by a process whose figures hold no others
    bench_bridge
    wait_decided "$count"
    before=$(metric api_requests_total)
    on_kctl python3 /root/k8s_load.py /etc/kubernetes/admin.conf $((count / 5)) "$rate"
    wait_decided $((count / 5 + count))
    calc "($(metric api_requests_total) - $before) / ($count / 5)" | figure bridge_requests_steady 1 none 0 "… for each of those made one after the other, at most $rate a second, Events too"
    quantile 0.99 | figure bridge_event_to_patch_p99 ms none 0 "from the event to the decision written, p99 of the steady ones (upper bound of its bucket)"
    for program in wattle-bridge mpi-operator kueue kube-apiserver; do
        on_kctl pgrep -x "${program:0:15}" >/dev/null || continue
        memory "$program" | figure "memory_${program//-/_}" KB none 0 "resident at the end of the run"
        cpu_s "$program" | figure "cpu_${program//-/_}" s none 0 "CPU time since its start"
    done
}

on_kctl() { lab bench-k8s on kctl -- "$@"; }
# The lab's own has no rights before its manifests are applied; this one has the admin's.
bench_bridge() {
    local i
    on_kctl pkill -KILL -x wattle-bridge || true
    on_kctl sh -c 'setsid -f wattle-bridge --kubeconfig /etc/kubernetes/admin.conf --no-lease >>/var/log/bridge.log 2>&1' </dev/null
    for ((i = 0; i < 300; i++)); do
        [[ $(on_kctl curl -s http://127.0.0.1:9470/readyz </dev/null) != ok ]] || return 0
        sleep 0.2
    done
    note "wattle-bridge is not ready: $(on_kctl tail -n 3 /var/log/bridge.log </dev/null)"
    return 1
}
metrics() { on_kctl curl -s http://127.0.0.1:9470/metrics </dev/null; }
metric() { metrics | awk -v name="wattle_bridge_$1" '$1 == name { print $2 }'; }
wait_decided() {
    local i
    for ((i = 0; i < 3000; i++)); do
        (($(metric 'mpijobs{state="granted"}') >= $1)) && return
        sleep 0.1
    done
    note "only $(metric 'mpijobs{state="granted"}') of $1 were decided"
    return 1
}
memory() { on_kctl sh -c "awk '/^VmRSS/ { print \$2 }' /proc/\$(pgrep -o -x '${1:0:15}')/status" </dev/null; }
cpu_s() { on_kctl sh -c "awk -v hz=\$(getconf CLK_TCK) '{ print (\$14 + \$15) / hz }' /proc/\$(pgrep -o -x '${1:0:15}')/stat" </dev/null; }
since() { awk -v a="$1" -v b="$(date +%s.%N)" 'BEGIN { print b - a }'; }
calc() { awk "BEGIN { print $1 }"; }
quantile() {
    metrics | awk -F'[{}" ]+' -v q="$1" '/^wattle_bridge_event_to_decision_seconds_bucket/ { le[n] = $3; sum[n++] = $NF }
        END { for (i = 0; i < n; i++) if (sum[i] >= q * sum[n - 1]) { print le[i] * 1000; exit } }'
}
