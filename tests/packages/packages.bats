#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Packages on a machine that has nothing but Debian and Slurm, from the first to the last line of doc/install.md. Each test goes on where the one
# before it ended. Run by tests/run packages, which sets
#   PACKAGES_TREE     such a machine's tree (site-make)
#   PACKAGES_DEBS     folder of the packages
#   PACKAGES_GUIDE    the guide
#   PACKAGES_HARDWARE powercapfs
bats_require_minimum_version 1.5.0

here=$BATS_TEST_DIRNAME
machine=$here/machine
name=n1

setup_file() {
    "$machine" up "$name" "$PACKAGES_TREE" "$PACKAGES_HARDWARE"
    on mkdir /root/packages
    "$machine" put "$name" "$PACKAGES_DEBS"/*.deb /root/packages
    on useradd --create-home alice
    until_true 60 on sh -c 'sinfo -h -t idle -o %D | grep -q 1'
}
teardown_file() { "$machine" down "$name"; }

setup() {
    # What a test needs of those before it.
    [[ ! -e $BATS_FILE_TMPDIR/failed ]] || skip "n/a: a test before this one failed"
}
teardown() {
    [[ -n ${BATS_TEST_COMPLETED-} ]] || {
        touch "$BATS_FILE_TMPDIR/failed"
        on journalctl --no-pager -n 40 || true
    }
}

on() { "$machine" on "$name" "$@"; }
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < end)) || { echo "not true in time: $*" && return 1; }
        sleep 0.2
    done
}
# The blocks of the guide's section that begins with $1, as root in the folder of the packages.
follow() {
    local words
    words=$("$here/guide" "$PACKAGES_GUIDE" "$1")
    [[ -n $words ]]
    # apt-get alone needs a network.
    if [[ $words == *apt-get* ]]; then
        "$machine" online "$name" sh -exc "cd /root/packages; $words" </dev/null
    else
        on sh -exc "cd /root/packages; $words" </dev/null
    fi
}
zone_limits() { on sh -c 'cat /sys/class/powercap/intel-rapl:?/constraint_0_power_limit_uw' | paste -sd' '; }
limits_are() { [[ $(zone_limits) == "$1" ]]; }
job_state() { on scontrol show job "$1" | sed -n 's/.*JobState=\([A-Z]*\).*/\1/p'; }
job_is() { [[ $(job_state "$1") == "$2" ]]; }
slurmctld_failed() { [[ $(on systemctl is-active slurmctld) == failed ]]; }
main_pid() { on systemctl show --property=MainPID --value "$1"; }
plugin_loaded() { on sh -c 'grep -h job_submit_wattle /proc/$(pidof slurmctld)/maps' | awk '{ print $6, $7 }' | sort -u; }

@test "the plugins' package goes with the Slurm it was built for, and with no other" {
    local version depends
    version=$(on slurmctld -V | sed 's/.* //')
    depends=$(dpkg-deb -f "$PACKAGES_DEBS"/wattle-slurm-plugins_*.deb Depends)
    [[ $depends == *"slurm-wlm-basic-plugins (>= $version)"* ]]
    [[ $depends == *"slurm-wlm-basic-plugins (<< ${version%.*}.$((${version##*.} + 1))~)"* ]]
}

@test "the guide, step by step: installed, configured, restarted" {
    zone_limits >"$BATS_FILE_TMPDIR/limits"
    follow "2. "
    follow "3. "
    follow "4. "
    follow "5. "
    until_true 60 on sh -c 'sinfo -h -t idle -o %D | grep -q 1'
    follow "6. "
    run on systemctl is-active wattle-agent slurmctld slurmd
    [ "$status" -eq 0 ]
    # They need a configuration of their own first.
    run on systemctl is-enabled wattle-slots.service wattle-carbon-fetch.timer
    [ "$output" = $'disabled\ndisabled' ]
    run on systemctl is-active wattle-slots.service wattle-carbon-fetch.timer
    [ "$output" = $'inactive\ninactive' ]
}

@test "the guide: what it shows a user is what a user sees" {
    local text command wanted
    text=$("$here/guide" "$PACKAGES_GUIDE" "6. " console)
    command=$(sed -n 's/^\$ //p' <<<"$text")
    wanted=$(grep -v '^\$ ' <<<"$text")
    run on runuser -u alice -- sh -c "cd && $command"
    [ "$status" -eq 0 ]
    [ "$output" = "$wanted" ]
}

@test "a job is charged and its node capped; the agent in its sandbox puts the limits back when slurmstepd is killed" {
    local job
    job=$(on sbatch --parsable --power=300W --output=/dev/null --wrap='sleep 600' 2>/dev/null)
    until_true 60 limits_are "120000000 120000000"
    on scontrol show licenses power | grep -q 'Used=300 '
    # Without anybody else who could do it.
    on systemctl stop slurmd
    on sh -c 'kill -KILL $(pgrep -x slurmstepd)'
    until_true 60 limits_are "$(<"$BATS_FILE_TMPDIR/limits")"
    on systemctl start slurmd
    on scancel "$job"
    until_true 120 on sh -c 'sinfo -h -t idle -o %D | grep -q 1'
}

@test "the controller's services do their work in their sandbox" {
    local now
    now=$(date +%s)
    printf '\n[zone LAB]\nprovider = file\nsource = /srv/lab.json\n' | on tee -a /etc/wattle/wattle.conf
    printf '{"zone":"LAB","signal":"average","unit":"gCO2/kWh","issued":%d,"slot_s":3600,"start":%d,"values":[100,200,300,400,500,400]}\n' \
        "$now" "$((now - now % 3600))" | on tee /srv/lab.json
    on systemctl start wattle-carbon-fetch
    on test -s /var/lib/wattle/carbon/LAB.json
    on systemctl start wattle-slots
    until_true 60 on test -s /var/lib/wattle/slots/load
    [ "$(on systemctl is-active wattle-slots)" = active ]
    on systemctl start wattle-resize
}

@test "the units' sandboxes: systemd finds little that they may do" {
    run on sh -c 'systemd-analyze security --no-pager --threshold=25 wattle-agent.service &&
        systemd-analyze security --no-pager --threshold=25 wattle-carbon-fetch.service &&
        systemd-analyze security --no-pager --threshold=25 wattle-slots.service &&
        systemd-analyze security --no-pager --threshold=25 wattle-resize.service'
    [ "$status" -eq 0 ]
    # The bridge's, which the guide does not install.
    run on sh -c 'dpkg-deb -x /root/packages/wattle-bridge_*.deb /tmp/bridge &&
        systemd-analyze security --no-pager --offline=true --threshold=25 "$(find /tmp/bridge -name wattle-bridge.service)"'
    on rm -r /tmp/bridge
    [ "$status" -eq 0 ]
}

@test "the guide: records are kept for a year, if that is what a site wants" {
    follow "What else"
    on systemd-tmpfiles --create /etc/tmpfiles.d/wattle.conf
    on systemd-tmpfiles --cat-config | grep -x 'd /var/spool/wattle 1711 root root 365d'
    [ "$(on stat -c %a /var/spool/wattle)" = 1711 ]
}

@test "an update in the middle of a job: slurmctld, the job, its cap and the services go on; restarted, slurmctld has the new plugin" {
    local job pid slots
    job=$(on sbatch --parsable --power=300W --output=/dev/null --wrap='until [ -e /tmp/end ]; do sleep 0.2; done' 2>/dev/null)
    until_true 60 limits_are "120000000 120000000"
    pid=$(on pidof slurmctld)
    slots=$(main_pid wattle-slots)
    "$here/renumber" "$PACKAGES_DEBS" "$BATS_TEST_TMPDIR/new" 99.0
    on sh -c 'rm -f /root/packages/*.deb'
    "$machine" put "$name" "$BATS_TEST_TMPDIR"/new/*.deb /root/packages
    run follow "2. "
    [ "$status" -eq 0 ]
    [[ $output == *"slurmctld runs the plugin from before: systemctl restart slurmctld"* ]]
    [ "$(on pidof slurmctld)" = "$pid" ]
    [[ $(plugin_loaded) == *"job_submit_wattle.so (deleted)" ]]
    limits_are "120000000 120000000"
    job_is "$job" RUNNING
    # What the site runs of them, it runs anew.
    run on systemctl is-active wattle-agent wattle-slots.service wattle-resize.timer
    [ "$output" = $'active\nactive\nactive' ]
    [ "$(main_pid wattle-slots)" != "$slots" ]
    [ "$(on systemctl is-active wattle-carbon-fetch.timer)" = inactive ]
    follow "Update"
    until_true 60 on scontrol ping
    [[ $(plugin_loaded) == */job_submit_wattle.so* && $(plugin_loaded) != *deleted* ]]
    limits_are "120000000 120000000"
    on touch /tmp/end
    until_true 60 job_is "$job" COMPLETED
    until_true 60 limits_are "$(<"$BATS_FILE_TMPDIR/limits")"
}

@test "packages that Slurm's configuration names are not removed: it says why, and slurmctld still starts" {
    run on apt-get remove -y wattle-slurm-plugins
    [ "$status" -ne 0 ]
    [[ $output == *"not removed: Slurm would not start without it"*/etc/slurm/plugstack.conf*/etc/slurm/slurm.conf* ]]
    run on apt-get remove -y wattle-launcher
    [ "$status" -ne 0 ]
    [[ $output == *"wattle-resize is slurmctld's EpilogSlurmctld"* ]]
    on systemctl restart slurmctld
    until_true 60 on scontrol ping
    on runuser -u alice -- sh -c 'cd && srun --power=300W true'
    # apt did not lose track of them
    on dpkg --audit
    [ "$(on dpkg-query -W -f '${db:Status-Status}' wattle-slurm-plugins)" = installed ]
}

@test "what is refused is what would happen: forced, slurmctld does not start" {
    on env WATTLE_REMOVE=anyway apt-get remove -y wattle-slurm-plugins
    on systemctl restart slurmctld || true
    until_true 60 slurmctld_failed
    # It says why, in the journal or in its log.
    on sh -c '{ journalctl -u slurmctld --no-pager; cat /var/log/slurm/slurmctld.log; } | grep -i "\(fatal\|find\).*job_submit"'
    "$machine" online "$name" sh -c 'apt-get install -y /root/packages/wattle-slurm-plugins_*.deb'
    on systemctl restart slurmctld
    until_true 60 on scontrol ping
}

@test "the guide: taken out and purged, slurmctld works as if it had never been there" {
    [ "$(on systemctl is-active wattle-slots)" = active ]
    follow "Take it out again"
    run on systemctl is-active wattle-agent wattle-slots.service wattle-resize.timer
    [ "$output" = $'inactive\ninactive\ninactive' ]
    run on pgrep -a wattle
    [ -z "$output" ]
    on systemctl restart slurmctld
    until_true 60 on scontrol ping
    until_true 60 on runuser -u alice -- sh -c 'cd && srun hostname'
    run on sh -c 'systemctl is-active slurmctld slurmd'
    [ "$status" -eq 0 ]
    run on dpkg-query -W -f '${db:Status-Status} ${Package}\n' 'wattle*' 'libwattle*'
    [[ $output != *installed* && $output != *config-files* ]]
    # Everything is gone but what people wrote and what jobs recorded.
    run on sh -c 'find / -xdev \( -name "*wattle*" -o -path "*/wattle/*" \) ! -path "/root/*" ! -path "/proc/*" ! -path "/sys/*"'
    echo "$output"
    [ -z "$(grep -vE '^/(etc/wattle(/wattle.conf)?|etc/wattle-site|etc/tmpfiles.d/wattle.conf|var/cache/wattle-lab|var/spool/wattle(/.*)?|run/.*|var/log/.*|var/lib/systemd/.*)$' <<<"$output")" ]
    [[ $output == */var/spool/wattle/* ]]
    limits_are "$(<"$BATS_FILE_TMPDIR/limits")"
}
