#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016 # what single quotes hold is expanded on the hosts
# shellcheck disable=SC2030,SC2031,SC2154 # output, stderr and status are bats's
# wattle report, lease and check on the real cluster.

bats_require_minimum_version 1.5.0
load node.bash

setup_file() {
    clean_up
    boot_values
    as alice sh -c 'mkdir -p cli && cd cli && cat >burn && chmod +x burn' <<'BURN'
#!/bin/bash
end=$((SECONDS + $1)); while ((SECONDS < end)); do :; done
BURN
}
teardown_file() { as alice rm -rf cli; }
teardown() {
    config_back
    clean_up
}

# json EXPR: evaluates a Python expression over $output's JSON, j; numbers and true come out as they are.
json() { python3 -c 'import json,sys; j=json.loads(sys.argv[1]); print(eval(sys.argv[2]))' "$output" "$1"; }
is_true() {
    local got
    got=$(json "$1")
    [[ $got == True ]] || { printf 'not true: %s\nof: %s\n' "$1" "$output" >&2 && return 1; }
}
report() { run -0 --separate-stderr as alice wattle report --json "$@"; }
submit() { as alice sbatch --parsable -o /dev/null -D /home/alice/cli "$@" 2>/dev/null; }
# A finished job is in slurmdbd a moment later.
finish() { until_true 60 job_gone "$1"; }

# --- report -------------------------------------------------------------------

# Microjoules of both packages, and the time in microseconds.
counter() { lab on "$1" -- bash -c 'a=$(</sys/class/powercap/intel-rapl:0/energy_uj) b=$(</sys/class/powercap/intel-rapl:1/energy_uj); echo $((a + b)) ${EPOCHREALTIME/./}'; }

@test "report's joules agree with the node's own counters" {
    local id idle0 idle1 before after
    idle0=$(counter n1)
    sleep 2
    idle1=$(counter n1)
    before=$(counter n1)
    id=$(submit -N1 -w n1 --power=250 --wrap 'srun ./burn 6')
    finish "$id"
    after=$(counter n1)
    report "$id"
    python3 - "$(json 'j["energy_j"]')" "$(json 'j["node_s"]')" "$idle0" "$idle1" "$before" "$after" <<'PY'
import sys
energy_j, node_s, i0, ti0, i1, ti1, e0, t0, e1, t1 = map(float, " ".join(sys.argv[1:]).split())
idle_w = (i1 - i0) / (ti1 - ti0)
wanted_j = (e1 - e0) / 1e6 - idle_w * ((t1 - t0) / 1e6 - node_s)
print(f"report {energy_j:.1f} J over {node_s:.1f} s, counters {wanted_j:.1f} J (idle {idle_w:.1f} W)")
sys.exit(abs(energy_j - wanted_j) > 0.1 * wanted_j)
PY
}

@test "report: steps, nodes, grant, cap, held; the total counts each moment once" {
    local id
    id=$(submit -N2 -w n1,n2 --ntasks-per-node=1 --power=300 --wrap 'srun ./burn 2; srun --power=200 ./burn 2')
    finish "$id"
    report "$id"
    is_true 'len(j["jobs"]) == 1 and j["jobs"][0]["user"] == "alice" and j["jobs"][0]["state"] == "COMPLETED" and not j["so_far"]'
    is_true 'sorted((s["step"], s["node"]) for s in j["jobs"][0]["steps"]) == [("0","n1"),("0","n2"),("1","n1"),("1","n2"),("batch","n1"),("extern","n1"),("extern","n2")]'
    is_true 'all(s["grant_w"] == 300 and s["cap_held"] in (True, False) for s in j["jobs"][0]["steps"])'
    is_true 'all(s["cap_w"] == (200 if s["step"] == "1" else 300) for s in j["jobs"][0]["steps"])'
    is_true 'abs(j["energy_j"] - sum(s["energy_j"] for s in j["jobs"][0]["steps"] if s["step"] == "extern")) < 0.01'
    is_true 'abs(j["node_energy_j"] - j["energy_j"] - 60 * j["node_s"]) < 0.1'
    is_true 'j["jobs"][0]["nodes"] == ["n1","n2"] and j["jobs"][0]["missing_nodes"] == [] and not j["shared"]'
    is_true 'abs(j["energy_kwh"] * 3.6e6 - j["energy_j"]) < 0.01'
    run -0 --separate-stderr as alice wattle report "$id"
    [[ ${lines[0]} == "job $id \"wrap\" of alice, COMPLETED, 2 nodes, "* ]]
    [[ $output == *STEP*NODE*ENERGY*GRANT*CAP*HELD* && $output == *"cap: "*held* && $output == *"granted 300 W"* ]]
    # columns line up: every row has HELD where the head has it
    python3 -c 'import sys
rows = [l for l in sys.argv[1].splitlines() if " n1 " in l or " n2 " in l]
head = next(l for l in sys.argv[1].splitlines() if l.startswith("STEP"))
sys.exit(not rows or any(r[head.index("HELD"):].split()[0] not in ("yes", "no") for r in rows))' "$output"
}

@test "report: users see their own, root all; and into a pipe that closes" {
    local id
    id=$(submit -N1 --power=300 --wrap true)
    finish "$id"
    run -1 --separate-stderr as bob wattle report "$id"
    [[ -z $output && $stderr == "wattle: job $id is alice's: only alice and root see its records" ]]
    run -0 lab run -- wattle report "$id"
    run -0 lab on n3 -- wattle report "$id"
    run -0 as alice sh -c "wattle report $id | head -1"
    [[ ${#lines[@]} == 1 ]]
    run -1 as alice sh -c "wattle report $id >/dev/full"
    [[ $output == *"can't write"* ]]
}

@test "report: a running job has its numbers so far" {
    local id
    id=$(submit -N1 -w n1 --power=300 --wrap 'srun true; touch first; sleep 60')
    until_true 60 as alice test -e cli/first
    report "$id"
    is_true 'j["so_far"] and j["jobs"][0]["end"] is None and [s["step"] for s in j["jobs"][0]["steps"]] == ["0"]'
    run -0 as alice wattle report "$id"
    [[ $output == *"so far:"* && $output == *"has not ended"* ]]
    as alice rm cli/first
    id=$(submit -N1 -w n2 --power=300 --wrap 'sleep 60')
    until_true 60 book_has n2 "$id"
    run -0 as alice wattle report "$id"
    [[ $output == *"none has ended yet"* ]]
}

@test "report: a job that waits has nothing yet, and one that was cancelled while it waited never will" {
    local id
    id=$(submit -N1 --power=300 --begin=now+1hour --wrap true)
    run -0 as alice wattle report "$id"
    [[ $output == *"PENDING"$'\n'"The job has not begun: there is nothing to report yet."* ]]
    report "$id"
    is_true 'j["so_far"] and j["jobs"][0]["start"] is None'
    as alice scancel "$id"
    until_true 60 job_gone "$id"
    run -1 as alice wattle report "$id"
    [[ $output == *"job $id: CANCELLED, and it never had a node: it drew nothing" ]]
}

@test "report: array tasks and heterogeneous components, each and together" {
    local id
    id=$(submit -N1 --array=1-2 --power=200 --wrap './burn 1')
    finish "$id"
    report "$id"
    is_true '[x["job"] for x in j["jobs"]] == ["'"$id"'_1", "'"$id"'_2"] or [x["job"] for x in j["jobs"]] == ["'"$id"'_2", "'"$id"'_1"]'
    is_true 'abs(j["energy_j"] - sum(x["energy_j"] for x in j["jobs"])) < 0.01 and j["energy_j"] > 0'
    report "${id}_2"
    is_true 'len(j["jobs"]) == 1 and j["jobs"][0]["job"] == "'"$id"'_2"'
    run -0 as alice wattle report "$id"
    [[ $output == *"all of $id:"* ]]
    # without PMIx: srun of Slurm 22.05 has one thread of it for all components, joins it once for each, and then may never end
    id=$(submit -N1 --power=200 : -N1 --power=250 --wrap 'srun --mpi=none --het-group=0,1 ./burn 1')
    finish "$id"
    report "$id+1"
    is_true 'j["jobs"][0]["job"] == "'"$id"'+1" and j["grant_w"] == 250'
    report "$id"
    is_true 'len(j["jobs"]) == 2 and j["grant_w"] == 200'
}

@test "report: names the nodes whose records are missing" {
    local id
    id=$(submit -N2 -w n1,n2 --power=300 --wrap 'srun -N2 true')
    finish "$id"
    lab on n2 -- mv "/var/spool/wattle/$id/n2.jsonl" /var/spool/wattle/aside
    report "$id"
    is_true 'j["jobs"][0]["missing_nodes"] == ["n2"]'
    run -0 as alice wattle report "$id"
    lab on n2 -- rm /var/spool/wattle/aside
    [[ $output == *"No records of n2: is report_dir shared"* ]]
}

@test "report: jobs that shared a node are marked" {
    local id
    id=$(submit -N1 -n1 -c1 -w n1 --power=120 --wrap './burn 4')
    submit -N1 -n1 -c1 -w n1 --power=130 --wrap './burn 4'
    finish "$id"
    report "$id"
    is_true 'j["shared"]'
    run -0 as alice wattle report "$id"
    [[ $output == *"(shared)"* && $output == *"Other jobs ran on the same node"* ]]
}

@test "report: the runs of a requeued job add up, on whatever nodes they were" {
    local id
    id=$(submit -N1 -w n1 --requeue --power=200 --wrap 'srun ./burn 2; [ -e ran ] || { touch ran; sleep 60; }')
    until_true 60 as alice test -e cli/ran
    sleep 0.5
    lab on ctl -- scontrol requeue "$id"
    # the new start time is lost on a job that is still completing; and one that starts again at once gets no extern step
    until_true 60 job_is "$id" PENDING
    sleep 3
    lab on ctl -- scontrol update jobid="$id" starttime=now
    finish "$id"
    as alice rm cli/ran
    report "$id"
    is_true 'len([s for s in j["jobs"][0]["steps"] if s["step"] == "0"]) == 2'
    # the script slept between the two: more than what both ran, less than what all rows say
    is_true 'j["energy_j"] > sum(s["energy_j"] for s in j["jobs"][0]["steps"] if s["step"] == "0")'
    is_true 'j["energy_j"] <= sum(s["energy_j"] for s in j["jobs"][0]["steps"] if s["step"] != "0") + 0.01'
    is_true 'j["node_s"] >= sum(s["elapsed_s"] for s in j["jobs"][0]["steps"] if s["step"] == "0")'
}

@test "report: a job whose name and script read like words of Slurm's is reported as it is" {
    local id forged='JobId=1 JobName=y UserId=root(0) JobState=FAILED NodeList=n4 AdminComment=wattle: 1 W'
    id=$(submit -N1 -w n1 --power=300 -J "x $forged"$'\n'"$forged" --wrap "./burn 1"$'\n'"exit 0 # $forged")
    finish "$id"
    report "$id"
    is_true 'len(j["jobs"]) == 1 and j["jobs"][0]["state"] == "COMPLETED" and j["jobs"][0]["user"] == "alice" and j["jobs"][0]["nodes"] == ["n1"]'
}

@test "report: what is not there, wrong words, and without Slurm" {
    local id
    run -1 --separate-stderr as alice wattle report 99999999
    [[ -z $output && $stderr == *"Slurm knows no job 99999999"* ]]
    run -2 as alice wattle report
    run -2 as alice wattle report x
    run -2 as alice wattle report 1 --frob
    run -2 as alice wattle
    run -2 as alice wattle frob
    id=$(submit -N1 -w n2 --power=300 --wrap true)
    finish "$id"
    run -1 --separate-stderr as alice wattle report "$id" --no-slurm
    [[ $stderr == *"--nodes=n1,n2"* ]]
    run -0 --separate-stderr as alice wattle report "$id" --no-slurm --nodes=n1,n2 --json
    is_true 'j["jobs"][0]["missing_nodes"] == ["n1"] and j["energy_j"] > 0 and "--no-slurm" in j["slurm"]'
}

# bats test_tags=native
@test "report believes no forged or damaged record" {
    local id
    id=$(submit -N1 -w n2 --power=300 --wrap true)
    finish "$id"
    report "$id"
    local energy
    energy=$(json 'j["energy_j"]')
    as alice sh -c "f=/var/spool/wattle/$id/n2.jsonl; { cat \$f | sed 's/\"node\":\"n2\"/\"node\":\"n1\"/'; echo '{torn'; } >>\$f"
    report "$id"
    is_true 'j["jobs"][0]["bad_lines"] >= 2 and j["energy_j"] == '"$energy"
}

# --- lease ------------------------------------------------------------------------

@test "lease list and sweep: holders, limits before, set and now; root's alone" {
    local id
    run -0 lab on n1 -- wattle lease list
    [[ $output == *"no lease lives on n1"* ]]
    id=$(sleeper n1 200)
    run -0 --separate-stderr lab on n1 -- wattle lease list --json
    is_true '[x["job_id"] for x in j["jobs"]] == ['"$id"'] and j["jobs"][0]["grant_w"] == 200'
    is_true '{s["step"] for s in j["jobs"][0]["steps"]} == {"batch", "extern"} and all(s["holder"]["alive"] for s in j["jobs"][0]["steps"])'
    is_true 'len(j["limits"]) == 4 and all(l["wrote_uw"] == l["now_uw"] == 70000000 and not l["owed"] for l in j["limits"])'
    is_true '[l["baseline_uw"] for l in sorted(j["limits"], key=lambda l: (l["zone"], l["constraint"] != "long_term"))] == [int(x) for x in "'"$(<"$NODE_DIR/boot.n1")"'".split()]'
    run -0 lab on n1 -- wattle lease list
    [[ $output == *"alice"*"200 W"* && $output == *"package-0"*"long_term"*"70.000 W"* ]]
    run -0 lab on n1 -- wattle lease sweep
    [[ $output == *"nothing to sweep on n1"* ]]
    is_at n1 "$(caps 70000000)"
    run -1 as alice wattle lease list
    [[ $output == *"root's"* ]]
    run -2 lab on n1 -- wattle lease frob
    lab on n1 -- pkill -KILL -x wattle-agent
    until_true 30 agent_gone n1
    lab node n1 kill-stepd
    run -0 lab on n1 -- wattle lease sweep
    [[ $output == *"its last holder is gone"* ]]
    at_boot n1
}

# --- check --------------------------------------------------------------------------

@test "check: the lab is well, on every kind of host, for root and users" {
    local id
    id=$(submit -N2 --power=300 --wrap 'srun -N2 true')
    finish "$id"
    for host in n1 login ctl; do
        run -0 --separate-stderr lab on "$host" -- wattle check --json
        is_true 'j["ok"] and j["wrong"] == 0 and j["warnings"] == 0'
    done
    is_true 'j["role"] == "controller"'
    run -0 --separate-stderr as alice wattle check --json
    is_true 'j["ok"] and j["role"] == "login host" and j["warnings"] == 0'
    run -0 lab on n1 -- wattle check
    [[ $output == *"all well"* && $output == *"n1, a node"* ]]
    run -2 lab on n1 -- wattle check --role=king
    at_boot n1
}

# bats test_tags=native
@test "check takes the example configuration" {
    lab on n1 -- sh -c 'rm -f /tmp/w.conf; cat >/tmp/w.conf' <"$BATS_TEST_DIRNAME/../../conf/wattle.conf.example"
    run --separate-stderr lab on n1 -- wattle check --json --conf=/tmp/w.conf
    is_true 'j["findings"][0]["topic"] == "config" and j["findings"][0]["level"] == "ok"'
}

# found HOST LEVEL PATTERN 'COMMANDS': after the commands, in a mount namespace of their own, check finds that, says how to
# mend it, and exits as it should; without them it does not.
found() {
    local host=$1 level=$2 pattern=$3 well=$BATS_TEST_TMPDIR/well.$1
    run --separate-stderr lab on "$host" -- unshare -m --propagation private bash -ec "$4; exec wattle check --json ${5-}"
    ((status == ($(json 'j["wrong"]') > 0)))
    python3 - "$level" "$pattern" "$output" <<'PY' || return 1
import json, re, sys
level, pattern, text = sys.argv[1:]
hits = [f for f in json.loads(text)["findings"] if f["level"] == level and re.search(pattern, f["text"])]
if not hits or not all(f["mend"] for f in hits):
    sys.exit(f"no finding {level} /{pattern}/ with a way to mend it in\n{text}")
PY
    # which is the same all through a test
    [[ -s $well ]] || lab on "$host" -- wattle check --json >"$well" || true
    python3 - "$level" "$pattern" "$(<"$well")" <<'PY'
import json, re, sys
level, pattern, text = sys.argv[1:]
sys.exit(any(f["level"] == level and re.search(pattern, f["text"]) for f in json.loads(text)["findings"]))
PY
}
conf() { echo "rm -f /tmp/w.conf; cp /etc/wattle/wattle.conf /tmp/w.conf; $1; mount --bind /tmp/w.conf /etc/wattle/wattle.conf"; }

# bats test_tags=native
@test "check finds a broken site configuration" {
    found n1 wrong 'wattle.conf: No such file' 'mkdir -p /tmp/e; chmod 755 /tmp/e; mount --bind /tmp/e /etc/wattle'
    found n1 wrong 'w.conf:[0-9]+: unknown key|wattle.conf:[0-9]+: unknown key' "$(conf 'echo frob=1 >>/tmp/w.conf')"
    found n1 wrong 'wattle.conf:[0-9]+: .*400W' "$(conf 'sed -i s/^max_w.*/max_w=400W/ /tmp/w.conf')"
    found n1 wrong 'belongs to uid' "$(conf 'chown 12345 /tmp/w.conf')"
    found n1 wrong 'writable by others' "$(conf 'chmod 666 /tmp/w.conf')"
    found n1 wrong 'no class has [0-9]+ of Slurm.s 4 nodes: n3, n4' "$(conf 'echo "nodes = n[1-2]" >>/tmp/w.conf')"
    found login wrong 'Slurm has no partition of that name: nowhere' "$(conf 'printf "[partition nowhere]\nmin_w = 120\n" >>/tmp/w.conf')"
    found login wrong 'default_partition = nowhere' "$(conf 'sed -i "s/^.site.*/[site]\ndefault_partition = nowhere/" /tmp/w.conf')"
    found login warning 'cpus= differs' "$(conf 'sed -i s/^cpus.*/cpus=64/ /tmp/w.conf')"
    found login wrong 'no licence "watts"' "$(conf 'sed -i "s/^.site.*/[site]\nlicence = watts/" /tmp/w.conf')"
    found login wrong 'budget_w = 4000 in .*, and licence power counts 5000: jobs that could run are refused' \
        "$(conf 'sed -i s/^budget_w.*/budget_w=4000/ /tmp/w.conf')"
    found login wrong 'lacks watts' "$(conf 'sed -i "s/^.site.*/[site]\ncharge = gres\ngres = watts/" /tmp/w.conf')"
}

@test "check finds a partition that hands out whole nodes and is charged shares" {
    lab on ctl -- scontrol create PartitionName=whole Nodes=ALL OverSubscribe=EXCLUSIVE
    run --separate-stderr lab on login -- wattle check --json
    is_true 'any(f["level"] == "warning" and f["text"].endswith("shares of them in: whole") and f["mend"] for f in j["findings"])'
    run --separate-stderr lab on login -- unshare -m --propagation private bash -ec \
        "$(conf 'printf "[partition whole]\ndefault_charge = node\n" >>/tmp/w.conf'); exec wattle check --json"
    lab on ctl -- scontrol delete PartitionName=whole
    is_true 'j["findings"] and not any("shares of them in" in f["text"] for f in j["findings"])'
}

# bats test_tags=native
@test "check finds forecasts that are missing, stale or broken, and credentials that others can read" {
    local zone='printf "[zone DE]\nprovider = watttime\ncredentials = /tmp/cred\n" >>/tmp/w.conf; rm -f /tmp/cred'
    local lab='mkdir -p /tmp/c; rm -f /tmp/c/*; mount --bind /tmp/c /var/lib/wattle/carbon; echo '
    found ctl warning 'zone DE: there is no forecast' "$(conf "$zone")"
    found ctl wrong '/tmp/cred: file of uid 0, mode 0644' "$(conf "$zone; echo >/tmp/cred")"
    found ctl warning 'zone LAB: its forecast is 2[0-9]\.[0-9] hours old' "$lab"'{\"issued\": $(($(date +%s) - 90000)), \"slot_s\": 3600, \"start\": 0, \"values\": [1]} >/tmp/c/LAB.json'
    found ctl wrong 'LAB.json:[0-9]+: .*cut off' "$lab"'{\"slot_s\": 3600, \"start\": 0, \"values\": [1] >/tmp/c/LAB.json'
}

@test "check finds broken plugins" {
    local dir
    dir=$(lab on n1 -- sh -c 'scontrol show config | sed -n "s/^PluginDir *= *//p"')
    found n1 wrong 'spank_wattle.so: No such file' 'echo "required /nowhere/spank_wattle.so" >/tmp/p; mount --bind /tmp/p /etc/slurm/plugstack.conf'
    found ctl wrong 'no job_submit_wattle.so' "mkdir -p /tmp/e; cp -a $dir/. /tmp/e/; rm /tmp/e/job_submit_wattle.so; mount --bind /tmp/e $dir"
    found ctl wrong 'is no plugin of this machine|damaged' "head -c 1000 $dir/job_submit_wattle.so >/tmp/j.so; mount --bind /tmp/j.so $dir/job_submit_wattle.so"
    found ctl wrong 'built for Slurm 01.02.3' "cp $dir/job_submit_wattle.so /tmp/j.so; "'perl -0777 -pi -e '"'"'
        BEGIN { ($v) = `scontrol --version` =~ /([\d.]+)/; @v = split /\./, $v; $old = pack("V", $v[0] << 16 | $v[1] << 8 | $v[2]) }
        s/\Q$old\E/pack("V", 0x010203)/ge or die'"'"' /tmp/j.so; '"mount --bind /tmp/j.so $dir/job_submit_wattle.so"
    found ctl wrong 'others than root can change it' "cp $dir/job_submit_wattle.so /tmp/j.so; chmod 777 /tmp/j.so; mount --bind /tmp/j.so $dir/job_submit_wattle.so"
    found login wrong 'does not load spank_wattle' 'echo "# required spank_wattle.so" >/tmp/p; mount --bind /tmp/p /etc/slurm/plugstack.conf'
    found n1 warning 'as optional' 'echo "optional spank_wattle.so" >/tmp/p; mount --bind /tmp/p /etc/slurm/plugstack.conf'
}

# bats test_tags=native
@test "check finds unsafe folders" {
    found n1 wrong '/run/wattle: owner 0, mode 0755' 'mount -t tmpfs -o mode=755 x /run/wattle'
    found n1 wrong '/var/spool/wattle: owner 0, mode 1777' 'mount -t tmpfs -o mode=1777 x /var/spool/wattle'
    found login wrong '/var/spool/wattle: owner 0, mode 0755' 'mount -t tmpfs -o mode=755 x /var/spool/wattle'
    found login wrong '/etc/wattle: owner 12345' 'mkdir -p /tmp/e; cp /etc/wattle/wattle.conf /tmp/e; chown 12345 /tmp/e; mount --bind /tmp/e /etc/wattle'
    found login warning 'report_dir. is not there' "$(conf 'sed -i "s,^.site.*,[site]\nreport_dir = /var/spool/nowhere," /tmp/w.conf')"
}

# bats test_tags=native
@test "check says what a node's hardware can't" {
    found n1 wrong 'package' 'mount -t tmpfs x /sys/class/powercap'
    lab fault n1 '* * * missing'
    run -1 --separate-stderr lab on n1 -- wattle check --json
    is_true 'any(f["level"] == "wrong" and f["topic"] == "hardware" and f["mend"] for f in j["findings"])'
    lab fault n1 '* * * lock'
    run -1 --separate-stderr lab on n1 -- wattle check --json
    is_true 'any(f["level"] == "wrong" and f["topic"] == "hardware" and "BIOS" in f["text"] + f["mend"] for f in j["findings"])'
    lab fault n1 'write package-1 constraint_0_power_limit_uw EACCES'
    run -1 --separate-stderr lab on n1 -- wattle check --json
    is_true 'any(f["level"] == "wrong" and "package-1" in f["text"] and f["topic"] == "hardware" for f in j["findings"])'
    lab fault n1 'read * energy_uj ENODATA'
    run --separate-stderr lab on n1 -- wattle check --json
    is_true 'any(f["level"] != "ok" and f["topic"] == "hardware" for f in j["findings"])'
    lab fault n1 clear
    found n1 warning 'packages .* make' "$(conf 'sed -i s/^max_w.*/max_w=100000/ /tmp/w.conf')"
    at_boot n1
}

# bats test_tags=native
@test "check tries no limit while a lease lives" {
    sleeper n1 200
    lab fault n1 write package-1 'constraint_0_power_limit_uw' EACCES
    run -0 --separate-stderr lab on n1 -- wattle check --json
    is_true 'any("not tried now" in f["text"] for f in j["findings"])'
    is_at n1 "$(caps 70000000)"
}

# bats test_tags=native
@test "check finds owed limits, and a dead agent" {
    sleeper n1 200
    lab fault n1 write package-1 'constraint_*_power_limit_uw' EIO
    lab node n1 kill-stepd
    until_true 30 owed n1
    run -1 --separate-stderr lab on n1 -- wattle check --json
    is_true 'any(f["level"] == "wrong" and "2 limits could not be put back" in f["text"] for f in j["findings"])'
    lab fault n1 clear
    lab on n1 -- wattle lease sweep
    lab on n1 -- pkill -KILL -x wattle-agent
    until_true 30 agent_gone n1
    run -0 --separate-stderr lab on n1 -- wattle check --json
    is_true 'any(f["level"] == "warning" and f["topic"] == "agent" for f in j["findings"])'
}

# Slurm's own fault, before 25.11: a job that was COMPLETING as slurmctld was restarted gives back watts of others.
@test "check finds licences that slurmctld has lost count of, and that a restart counts anew" {
    local lost runs
    runs=$(submit -N1 -w n1 --power=300 --wrap 'sleep 300')
    lost=$(submit -N1 -w n2 --power=200 --wrap 'sleep 300')
    until_true 60 job_is "$runs" RUNNING
    until_true 60 job_is "$lost" RUNNING
    until_true 60 has_stepds n2 2
    lab node n2 kill-slurmd
    as alice scancel "$lost"
    until_true 60 job_is "$lost" COMPLETING
    run -0 --separate-stderr lab on ctl -- wattle check --json
    lab restart ctl
    lab node n2 start-slurmd
    until_true 120 job_gone "$lost"
    if [[ $(power_used) == 300 ]]; then
        as alice scancel "$runs"
        skip "n/a: this Slurm counts right"
    fi
    run -1 --separate-stderr lab on ctl -- wattle check --json
    is_true 'any(f["level"] == "wrong" and f["mend"] and "counts 100 W in use, and the jobs that run hold 300 W" in f["text"] for f in j["findings"])'
    lab restart ctl
    until_true 60 power_is 300
    run -0 --separate-stderr lab on ctl -- wattle check --json
    as alice scancel "$runs"
    until_true 60 job_gone "$runs"
}
power_is() { [[ $(power_used) == "$1" ]]; }

# The real thing: slurm.conf changed and slurmctld restarted.
config_back() {
    lab on ctl -- sh -c '[ ! -e /etc/slurm/was ] || { cp -p /etc/slurm/was/* /etc/slurm/ && rm -rf /etc/slurm/was; }; [ ! -e /etc/slurm/wasnt ]' ||
        { lab on ctl -- rm /etc/slurm/wasnt && lab restart ctl; }
}

@test "check finds what slurm.conf lacks, from the slurmctld that runs and from the file when it is dead" {
    lab on ctl -- sh -ec 'cd /etc/slurm; touch wasnt; mkdir was; cp -p slurm.conf lab.conf was/
        sed -i -e "/^JobSubmitPlugins/d" lab.conf
        sed -i -e "/^JobSubmitPlugins/d" -e "s/^PrologFlags.*/PrologFlags=Alloc/" -e "s/bf_licenses,//" -e "/^PriorityFlags/d" \
            -e "s/^AccountingStorageTRES.*/AccountingStorageTRES=gres\/power/" -e "/^Licenses/d" \
            -e "s/^AccountingStorageEnforce.*/AccountingStorageEnforce=associations/" slurm.conf'
    lab restart ctl
    for round in alive dead; do
        run -1 --separate-stderr lab on ctl -- wattle check --json
        python3 - "$output" "$round" <<'PY'
import json, sys
found = [(f["level"], f["text"]) for f in json.loads(sys.argv[1])["findings"]]
wanted = [("wrong", "JobSubmitPlugins="), ("wrong", "PrologFlags=Alloc"), ("warning", "bf_licenses"), ("warning", "ACCRUE_ALWAYS"),
          ("warning", "AccountingStorageTRES lacks license/power"), ("warning", "AccountingStorageEnforce=associations")]
if sys.argv[2] == "alive":
    wanted.append(("wrong", 'no licence "power"'))
missing = [w for w in wanted if not any(l == w[0] and w[1] in t for l, t in found)]
sys.exit(f"missing: {missing}\n{found}" if missing else 0)
PY
        [[ $round == dead ]] || lab on ctl -- sh -c 'kill $(pgrep -x slurmctld); while pgrep -x slurmctld; do sleep 0.1; done'
    done
}
