#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# powercapfs as a process: mounted, read and written through the kernel and through libpowercap, and its loop over a
# real cgroup. Run by make check from the build directory, as root; 77 (skipped) where it can't be. Arguments: names of
# tests to run, without test_ (default: all).
set -euo pipefail
shopt -s inherit_errexit

bin=$PWD/tests/lab.d/powercapfs/powercapfs
probe=$PWD/tests/unit/powercap_probe
work=
cgroup=wattle-test-$$

skip() {
    echo "skipped: $*"
    exit 77
}

# --- the node under test ------------------------------------------------
make_cgroup() {
    if [[ -e /sys/fs/cgroup/cpu/cpu.cfs_quota_us || -d /sys/fs/cgroup/cpu && -d /sys/fs/cgroup/cpuacct ]]; then
        cgroups=(/sys/fs/cgroup/cpu/"$cgroup" /sys/fs/cgroup/cpuacct/"$cgroup")
        cgroup_args=(--cgroup-cpu "${cgroups[0]}" --cgroup-cpuacct "${cgroups[1]}")
    else
        cgroups=(/sys/fs/cgroup/"$cgroup")
        cgroup_args=(--cgroup2 "${cgroups[0]}")
        echo +cpu >/sys/fs/cgroup/cgroup.subtree_control 2>/dev/null || true
    fi
    mkdir -p "${cgroups[@]}" 2>/dev/null || skip "no cgroup can be made under /sys/fs/cgroup"
    [[ -e ${cgroups[0]}/cpu.max || -e ${cgroups[0]}/cpu.cfs_quota_us ]] || skip "no cpu controller in ${cgroups[0]}"
    # What is tested is what the quota lets run, not what a busy machine does.
    [[ ! -e ${cgroups[0]}/cpu.shares ]] || echo 262144 >"${cgroups[0]}/cpu.shares"
    [[ ! -e ${cgroups[0]}/cpu.weight ]] || echo 10000 >"${cgroups[0]}/cpu.weight"
}

quota() { if [[ -e ${cgroups[0]}/cpu.max ]]; then cut -d' ' -f1 "${cgroups[0]}/cpu.max"; else cat "${cgroups[0]}/cpu.cfs_quota_us"; fi; }

up() { # [option …]
    mkdir -p "$work/mnt"
    install -d -m 0700 "$work/ctl"
    : >"$work/ctl/faults"
    timeout 20 "$bin" --node n1 "${cgroup_args[@]}" --control "$work/ctl" "$@" "$work/mnt"
    cd "$work/mnt"
}

pids() { # of powercapfs on our mount point
    local p args
    for p in /proc/[0-9]*; do
        mapfile -d '' -t args 2>/dev/null <"$p/cmdline" || continue
        [[ ${args[0]-} == "$bin" && ${args[-1]-} == "$work/mnt" ]] && echo "${p#/proc/}"
    done
    return 0
}

down() {
    cd /
    mountpoint -q "$work/mnt" && umount "$work/mnt"
    within 3 ended
}

ended() { [[ -z $(pids) ]]; }

cleanup() {
    cd /
    local p
    umount -l "$work/mnt" 2>/dev/null || true
    for p in $(pids); do kill -9 "$p" || true; done
    rmdir "${cgroups[@]}" 2>/dev/null || true
    rm -rf "$work"
}

# --- small tools --------------------------------------------------------
die() {
    echo "# ${FUNCNAME[1]}: $*" >&2
    return 1
}
equal() { [[ $1 == "$2" ]] || die "found '$1', wanted '$2'"; }
holds() { [[ $1 == *"$2"* ]] || die "'$1' does not hold '$2'"; }
between() { awk -v x="$1" -v a="$2" -v b="$3" 'BEGIN { exit !(x >= a && x <= b) }' || die "$1 is not within $2 … $3"; }

within() { # SECONDS CMD…: until it holds
    local end=$((SECONDS + $1 + 1))
    shift
    until "$@"; do
        ((SECONDS < end)) || { echo "# within: $* never held" >&2 && return 1; }
        sleep 0.02
    done
}

fails() { # ERROR-TEXT CMD…
    local text=$1 out
    shift
    out=$("$@" 2>&1) && die "$* succeeded"
    holds "$out" "$text"
}

# One write() of the argument, as the hardware's user does it; printf's escapes.
put() {
    # shellcheck disable=SC2059 # escapes are wanted
    printf -- "$1" | dd of="$2" bs=64k conv=notrunc status=none
}
get() { cat "$1"; }
ms() { echo $(($(date +%s%N) / 1000000)); }
faults() {
    printf '%s\n' "$@" >"$work/ctl/faults"
    sleep 0.03 # the kernel may remember names for 10 ms
}
state() { sed -n "s/^$1 .* $2=\([^ ]*\).*/\1/p" "$work/ctl/state"; }

zone=intel-rapl/intel-rapl:0
limit=$zone/constraint_0_power_limit_uw

# --- tests --------------------------------------------------------------
test_answers_as_soon_as_it_returns() {
    up
    equal "$(get intel-rapl:0/name)" package-0
    equal "$(get intel-rapl:1/name)" package-1
    equal "$(get $limit)" 173125000
    equal "$(ls)" $'intel-rapl\nintel-rapl:0\nintel-rapl:1'
    equal "$(readlink intel-rapl:1)" intel-rapl/intel-rapl:1
    within 2 test -e "$work/ctl/state"
    holds "$(head -n 1 "$work/ctl/state")" "powercapfs v1 node=n1"
}

test_users_read_limits_but_not_energy() {
    up
    local as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
    # The way to a temporary directory may be root's alone: go by the open directory.
    equal "$("${as[@]}" cat $limit)" 173125000
    fails "Permission denied" "${as[@]}" cat $zone/energy_uj
    fails "Permission denied" "${as[@]}" bash -c "echo 100000000 >$limit"
    equal "$(get $limit)" 173125000
    equal "$(stat -L -c %a $zone/energy_uj $limit $zone/name $zone/enabled | xargs)" "400 644 444 644"
}

test_writes_are_parsed_quantised_and_masked() {
    up
    put '120124999\n' $limit
    equal "$(get $limit)" 120000000
    put '95000000\0junk\x01\x7fjunkjunk' $limit
    equal "$(get $limit)" 95000000
    put 5000000000 $limit
    equal "$(get $limit)" 904000000
    local bad
    for bad in '' '-1' ' 1' '1 ' 1x 0x10 '1\n1' 99999999999999999999; do
        [[ -z $bad ]] || fails "Invalid argument" put "$bad" $limit
    done
    equal "$(get $limit)" 904000000
    put 2440 $zone/constraint_1_time_window_us
    equal "$(get $zone/constraint_1_time_window_us)" 1952
    # A second zone and constraint are left alone.
    equal "$(get $zone/constraint_1_power_limit_uw)" 323125000
    equal "$(get intel-rapl:1/constraint_0_power_limit_uw)" 174750000
}

test_what_sysfs_refuses_is_refused_to_root_too() {
    up
    fails "Permission denied" put 0 $zone/energy_uj
    fails "Permission denied" bash -c ": >>$zone/name"
    fails "Permission denied" put 1 $zone/constraint_0_max_power_uw
    fails "Function not implemented" put 0 intel-rapl/enabled
    fails "Permission denied" touch $zone/new
    fails "Operation not permitted" mkdir $zone/new
    fails "Operation not permitted" rm $zone/name
    fails "Operation not permitted" mv $zone/name $zone/other
}

test_a_read_in_pieces_is_of_one_moment() {
    up
    equal "$(dd if=$limit bs=1 status=none)" 173125000
    equal "$(dd if=$limit bs=1 skip=3 status=none)" 125000
    exec 9<$limit
    local first
    first=$(dd bs=3 count=1 status=none <&9)
    put 100000000 $limit
    equal "$first$(dd bs=64 status=none <&9)" 173125000
    exec 9<&-
    equal "$(get $limit)" 100000000
}

test_faults_take_effect_with_the_next_operation() {
    up
    local i
    for ((i = 0; i < 60; i++)); do
        # Lines of one length: neither size nor, on older kernels, time tells them apart.
        faults "read * * EBUSY"
        fails "Device or resource busy" cat $limit
        faults "read * * EPERM"
        fails "Operation not permitted" cat $limit
        : >"$work/ctl/faults"
        cat $limit >/dev/null
    done
    printf 'read * * EIO\n' >"$work/new"
    mv "$work/new" "$work/ctl/faults"
    fails "Input/output error" cat $limit
    rm "$work/ctl/faults"
    cat $limit >/dev/null
}

test_faults_do_as_documented() {
    up
    faults "write package-0 constraint_0_power_limit_uw EACCES count=1"
    fails "Permission denied" put 100000000 $limit
    equal "$(get $limit)" 173125000
    put 100000000 $limit
    equal "$(get $limit)" 100000000
    faults "write package-0 constraint_0_power_limit_uw EACCES count=1"
    fails "Permission denied" put 100000000 $limit

    faults "write intel-rapl:0 constraint_0_* ignored"
    put 110000000 $limit
    equal "$(get $limit)" 100000000
    faults "write * *_power_limit_uw offset 3000000"
    put 110000000 $limit
    equal "$(get $limit)" 113000000
    faults "write * *_power_limit_uw atleast 130000000"
    put 110000000 $limit
    equal "$(get $limit)" 130000000
    faults "read * *_power_limit_uw text banana"
    equal "$(get $limit)" banana

    faults "* package-0 * lock"
    fails "No data available" put 110000000 $limit
    equal "$(get $zone/enabled)" 0
    fails "Function not implemented" put 1 $zone/enabled
    put 110000000 intel-rapl:1/constraint_0_power_limit_uw
    faults "bogus line" "write * * EIO"
    fails "Input/output error" put 110000000 $limit
    within 2 grep -q "^error faults line 1: .*bogus line" "$work/ctl/state"
    : >"$work/ctl/faults"
    equal "$(get $limit)" 130000000
    equal "$(get $zone/enabled)" 1
}

test_what_is_missing_is_not_there() {
    up
    exec 9<$limit
    faults "* package-0 constraint_1_* missing"
    [[ ! -e $zone/constraint_1_name && -e $zone/constraint_0_name ]]
    equal "$(find $zone/ -name 'constraint_1*')" ""
    faults "* package-0 * missing"
    equal "$(ls)" $'intel-rapl\nintel-rapl:1'
    [[ ! -e $limit ]] || die "still there"
    fails "No such file or directory" cat $limit
    fails "No such device" read -r _ <&9
    faults "* * * missing"
    equal "$(ls)" ""
    faults
    [[ -e $limit ]] || die "still missing"
    equal "$(get $limit)" 173125000
}

test_a_slow_file_holds_up_no_other() {
    up
    faults "read * energy_uj slow 1500"
    local begin i readers=()
    begin=$(ms)
    for ((i = 0; i < 12; i++)); do
        timeout 20 cat $zone/energy_uj >/dev/null &
        readers+=($!)
    done
    sleep 0.1
    local quick
    quick=$(ms)
    equal "$(get $limit)" 173125000
    put 120000000 $limit
    between $(($(ms) - quick)) 0 700
    wait "${readers[@]}"
    between $(($(ms) - begin)) 1500 4000
}

test_libpowercap_reads_and_sets() {
    [[ -x $probe ]] || { echo "# powercap_probe was not built: no libpowercap" && return; }
    # libpowercap's path is compiled in: put the mount there, in a mount namespace of our own.
    up
    export probe
    local out
    # shellcheck disable=SC2016 # for the inner shell
    out=$(unshare --mount --propagation private bash -euc '
        mount -t tmpfs none /sys/class
        mkdir /sys/class/powercap
        mount --bind . /sys/class/powercap
        $probe show 0
        $probe set 1 0 98765432
        $probe set 1 1 99000000
        $probe show 1
        ! $probe show 2
        echo "write package-0 *limit_uw EACCES" >"$0/ctl/faults"
        ! $probe set 0 0 100000000
        echo "* package-1 * missing" >"$0/ctl/faults"
        ! $probe show 1' "$work")
    holds "$out" "name=package-0 energy_uj="
    holds "$out" " range_uj=262143328850 enabled=1 long_term=173125000/170000000/999424 short_term=323125000/0/2440"
    holds "$out" $'\n98750000\n99000000\nname=package-1'
    holds "$out" "long_term=98750000/170000000/999424 short_term=99000000/0/2440"
    holds "$out" "set power_limit_uw: -13"
}

test_the_counter_wraps() {
    # 12 W per idle package: 6 J last half a second.
    printf '[tree]\nenergy_left_uj = 6000000\n' >"$work/conf"
    up --config "$work/conf"
    local before after
    before=$(get $zone/energy_uj)
    between "$before" 262137000000 262143328850
    sleep 1.2
    after=$(get $zone/energy_uj)
    between "$after" 1 40000000
    # Over the wrap: some 14 J.
    between $((262143328850 - before + after)) 12000000 40000000
}

# Work done in SECONDS by a busy process in the cgroup, in thousands of loops.
busy() {
    local dir
    (
        for dir in "${cgroups[@]}"; do echo "$BASHPID" >"$dir/cgroup.procs"; done
        exec bash -c 'end=$(($(date +%s%N) / 1000000 + $1 * 1000)) n=0 i=0
            while (($(printf "%(%s)T" -1) * 1000 < end - 1000)); do for ((i = 0; i < 1000; i++)); do :; done; n=$((n + 1)); done
            while (($(date +%s%N) / 1000000 < end)); do for ((i = 0; i < 1000; i++)); do :; done; n=$((n + 1)); done
            echo $n' busy "$1"
    )
}

cap_all() {
    local z c
    for z in 0 1; do for c in 0 1; do put "$1" intel-rapl:$z/constraint_${c}_power_limit_uw; done; done
}

# Sets full and capped to what was done in two interleaved runs of each, and checks the capped runs' energy.
measure() {
    local e0 e1 begin round
    full=0 capped=0
    for round in 1 2; do
        full=$((full + $(busy 2)))
        # 60 W base and twice 40 W: 140 of 400 W, 1.82 times slower.
        cap_all 40000000
        within 1 quota_below 2000
        begin=$(ms)
        e0=$(get $zone/energy_uj)
        capped=$((capped + $(busy 2)))
        e1=$(get $zone/energy_uj)
        # Never above the cap, and well above idle, which is 24 J in 2 s.
        between $((e1 - e0)) 35000000 $((($(ms) - begin + 10) * 40000))
        cap_all 200000000
    done
    echo "# full $full, capped $capped"
}
quota_below() { (($(quota) < $1)); }
quota_is() { (($(quota) == $1)); }

test_a_cap_slows_and_saves() {
    up
    local full capped attempt
    equal "$(quota)" 3000
    # What else runs on the machine may still take more from the faster runs: three attempts.
    for attempt in 1 2 3; do
        measure
        if awk "BEGIN { r = $full / $capped; exit !(r >= 1.5 && r <= 2.2) }"; then break; fi
        ((attempt < 3)) || die "the cap made it $full / $capped times slower, wanted 1.8"
    done
    within 1 quota_is 3000
    within 3 low_power
}
low_power() { awk "BEGIN { exit !($(state 'zone intel-rapl:0' power_w) < 15) }"; }

test_state_tells_what_is() {
    up
    cap_all 120000000
    within 2 grep -q "^zone intel-rapl:1 .* long_term_uw=120000000 .* short_term_uw=120000000" "$work/ctl/state"
    equal "$(state node quota_us)" 2673
    equal "$(state node writes)" 4
    equal "$(state node allowed_w)" 300.000
    holds "$(sed -n 4p "$work/ctl/writes")" " intel-rapl:1/constraint_1_power_limit_uw value=120000000 result=ok pid="
    equal "$(wc -l <"$work/ctl/writes")" 4
}

test_it_costs_little() {
    up
    local pid before after
    pid=$(pids)
    sleep 0.3
    before=$(cpu_ns "$pid")
    sleep 3
    after=$(cpu_ns "$pid")
    echo "# $(((after - before) / 3000)) us of CPU a second"
    # Under 1% of a CPU; a sanitizer build costs several times that.
    [[ $(nm -D "$bin" 2>/dev/null) == *__asan_init* ]] || between $(((after - before) / 3000)) 0 10000
}
cpu_ns() { cat "/proc/$1"/task/*/schedstat | awk '{ sum += $1 } END { printf "%.0f", sum }'; }

test_sigterm_unmounts_and_frees_the_node() {
    up
    cap_all 40000000
    within 1 quota_below 2000
    faults "read * energy_uj slow 60000"
    timeout 20 cat $zone/energy_uj >/dev/null 2>&1 &
    sleep 0.1
    cd /
    local begin
    begin=$(ms)
    kill "$(pids)"
    within 3 ended
    between $(($(ms) - begin)) 0 2000
    ! mountpoint -q "$work/mnt" || die "still mounted"
    equal "$(quota)" 3000
    wait || true
}

test_it_ends_with_its_mount() {
    up
    cd /
    umount "$work/mnt"
    within 3 ended
    equal "$(quota)" 3000
}

test_it_refuses_what_it_cannot_do() {
    mkdir -p "$work/mnt"
    install -d -m 0755 "$work/ctl"
    local base=(timeout 20 "$bin" --node n1 "${cgroup_args[@]}" --control)
    fails "mode 0700, found owner 0 and mode 0755" "${base[@]}" "$work/ctl" "$work/mnt"
    chmod 0700 "$work/ctl"
    fails "No such file or directory" "${base[@]}" "$work/none" "$work/mnt"
    fails "No such file or directory" "${base[@]}" "$work/ctl" "$work/nowhere"
    fails "usage:" "${base[@]}" "$work/ctl"
    fails "usage:" "${base[@]}" "$work/ctl" --cgroup2 /x --cgroup-cpu /y "$work/mnt"
    fails "/nonexistent" "$bin" --node n1 --cgroup2 /nonexistent --control "$work/ctl" "$work/mnt"
    printf '[node]\nbase = 1\n' >"$work/conf"
    fails "conf:2: [node] base: no such key" "${base[@]}" "$work/ctl" --config "$work/conf" "$work/mnt"
    : >"$work/file"
    fails "Not a directory" "${base[@]}" "$work/ctl" "$work/file"
    equal "$(pids)" ""
}

# --- running them -------------------------------------------------------
((EUID == 0)) || skip "not root"
[[ -x $bin ]] || skip "powercapfs was not built: no libfuse3"
[[ -c /dev/fuse ]] || skip "no /dev/fuse"
# In a mount namespace of our own: one that somebody else made meanwhile would hold a copy of our mount, and keep it
# alive beyond our umount.
if [[ ${TEST_POWERCAPFS_UNSHARED-} != "$PPID" ]]; then
    unshare --mount --propagation private true || skip "no mount namespace of its own"
    TEST_POWERCAPFS_UNSHARED=$$ unshare --mount --propagation private "$0" "$@" || exit $?
    exit 0
fi

work=$(mktemp -d)
chmod 0755 "$work"
trap cleanup EXIT
make_cgroup

if (($#)); then
    names=("${@/#/test_}")
else
    mapfile -t names < <(declare -F | sed -n 's/^declare -f \(test_.*\)/\1/p')
fi
failures=0
number=0
echo "1..${#names[@]}"
for name in "${names[@]}"; do
    number=$((number + 1))
    # A subshell of its own, outside any condition, so that errexit holds.
    set +e
    (
        set -e
        "$name"
    )
    status=$?
    set -e
    down || status=1
    rm -rf "${work:?}"/*
    if ((status == 0)); then
        echo "ok $number - ${name#test_}"
    else
        echo "not ok $number - ${name#test_}"
        failures=$((failures + 1))
    fi
done
((failures == 0))
