# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The lab's Slurm: configuration, database, daemons.

# Files that every host sees under /etc/slurm.
slurm_configure() {
    local etc=$LAB_STATE/shared/etc/slurm
    cp "$LAB_D"/etc/slurm/* "$etc/"
    {
        echo "NodeName=DEFAULT CPUs=2 RealMemory=1000 Gres=power:400 State=UNKNOWN"
        # shellcheck disable=SC2046
        printf 'NodeName=%s\n' $(lab_nodes)
        echo "PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE DefaultTime=60 OverSubscribe=NO"
        if compgen -G "${LAB_BASE%/}/usr/lib/*/slurm-wlm/mpi_pmix.so" >/dev/null; then
            echo "MpiDefault=pmix"
        else
            say "Slurm of $LAB_SLURM has no PMIx plugin: srun starts no MPI programs here"
        fi
        # Lets malleable jobs change their size.
        [[ -z $LAB_PRODUCT ]] || echo "EpilogSlurmctld=/usr/libexec/wattle/wattle-resize"
        case $LAB_JOB_SUBMIT in
        none) ;;
        lua:*) echo "JobSubmitPlugins=lua" ;;
        *) echo "JobSubmitPlugins=$LAB_JOB_SUBMIT" ;;
        esac
    } >"$etc/lab.conf"
    # Slurm needs no cgroups here: the hosts' belong to the simulated hardware. It opens the plugin all the same.
    case $LAB_SLURM in
    native) echo "CgroupPlugin=cgroup/v1" ;;
    *) echo "CgroupPlugin=disabled" ;;
    esac >"$etc/cgroup.conf"
    case $LAB_JOB_SUBMIT in
    lua:*) cp "${LAB_JOB_SUBMIT#lua:}" "$etc/job_submit.lua" ;;
    esac
    case $LAB_SPANK in
    none) : ;;
    wattle) echo "required spank_wattle.so" ;;
    *) echo "required /etc/slurm/${LAB_SPANK##*/}" && cp "$LAB_SPANK" "$etc/" ;;
    esac >"$etc/plugstack.conf"
    [[ -z $LAB_SLURM_CONF ]] || cat "$LAB_SLURM_CONF" >>"$etc/lab.conf"
    [[ -z $LAB_PLUGSTACK ]] || cat "$LAB_PLUGSTACK" >>"$etc/plugstack.conf"
    host_do ctl chown slurm: /etc/slurm/slurmdbd.conf
    host_do ctl chmod 600 /etc/slurm/slurmdbd.conf
}

munge_start() {
    [[ $1 != k* ]] || return 0
    LAB_LOG=$LAB_STATE/hosts/$1/upper/var/log/munge/munged.log
    host_do "$1" setpriv --reuid munge --regid munge --init-groups munged --num-threads 1 </dev/null >/dev/null 2>&1 ||
        die_log "$1: munged does not start"
}

db_start() {
    LAB_LOG=$LAB_STATE/hosts/ctl/upper/var/log/slurm/mariadb.log
    # shellcheck disable=SC2016
    host_do ctl sh -c '
        install -d -o slurm -g slurm /run/mysqld
        ln -s mysqld /run/mariadbd # where newer client libraries look
        chown slurm: /var/lib/mysql
        [ -d /var/lib/mysql/mysql ] || mariadb-install-db --defaults-file=/etc/wattle-lab/my.cnf --skip-test-db \
            --auth-root-authentication-method=normal >/var/log/slurm/mariadb.log 2>&1 || exit 1
        setsid -f mariadbd --defaults-file=/etc/wattle-lab/my.cnf >>/var/log/slurm/mariadb.log 2>&1' </dev/null ||
        die_log "MariaDB does not start"
    wait_for 120 "MariaDB does not answer" test -S "/proc/$(host_pid ctl)/root/run/mysqld/mysqld.sock"
}

slurmdbd_start() {
    # slurmdbd would make it; but its second connection fails with libmariadb 11.8.9 if the first found no database.
    host_do ctl mariadb --socket=/run/mysqld/mysqld.sock -e 'CREATE DATABASE IF NOT EXISTS slurm_acct_db' </dev/null ||
        die_log "MariaDB does not answer"
    LAB_LOG=$LAB_STATE/hosts/ctl/upper/var/log/slurm/slurmdbd.log
    host_do ctl slurmdbd </dev/null >/dev/null 2>&1 || die_log "slurmdbd does not start"
    wait_for 120 "slurmdbd does not answer" slurmdbd_up
}
slurmdbd_up() {
    local out
    out=$(host_do ctl sacctmgr -n show tres </dev/null 2>&1) && return
    # What no waiting mends, such as an unknown key in slurm.conf.
    [[ $out != *'fatal: '* ]] || die "sacctmgr does not work: $out"
    return 1
}

slurmctld_start() {
    LAB_LOG=$LAB_STATE/hosts/ctl/upper/var/log/slurm/slurmctld.log
    host_do ctl slurmctld </dev/null >/dev/null 2>&1 || die_log "slurmctld does not start"
    wait_for 120 "slurmctld does not answer" slurmctld_up
}
slurmctld_up() { host_do ctl scontrol ping 2>/dev/null | grep -q 'is UP$'; }

slurmctld_stop() {
    local pid
    pid=$(host_do ctl pgrep -x slurmctld) || return 0
    host_do ctl kill "$pid"
    wait_for 120 "slurmctld does not stop" host_do ctl sh -c '! kill -0 '"$pid"' 2>/dev/null'
}

slurmd_start() {
    LAB_LOG=$LAB_STATE/hosts/$1/upper/var/log/slurm/slurmd.log
    host_do "$1" slurmd </dev/null >/dev/null 2>&1 || die_log "$1: slurmd does not start"
}

# What wattle-resize.timer does, at shorter intervals.
sweep_start() {
    host_do ctl sh -c '[ ! -x /usr/libexec/wattle/wattle-resize ] || setsid -f setpriv --reuid slurm --regid slurm --init-groups \
        sh -c "while sleep 5; do /usr/libexec/wattle/wattle-resize --sweep; done" >/var/log/slurm/wattle-resize.log 2>&1' </dev/null
}

# Every node of the lab idle, as slurmctld sees them.
slurm_wait_idle() {
    LAB_LOG=$LAB_STATE/hosts/ctl/upper/var/log/slurm/slurmctld.log
    wait_for 120 "not all nodes came up: $(slurm_node_states)" slurm_all_idle
}
slurm_all_idle() { [[ $(host_do ctl sinfo -h -t idle -o %D) == "$LAB_NODES" ]]; }
slurm_node_states() { host_do ctl sinfo -h -N -o '%N %T' | tr '\n' ';'; }

# Cluster, accounts, users, and a QOS whose jobs together may have 600 W. license/power is a TRES only once a
# slurmctld has registered it.
accounts_create() {
    LAB_LOG=$LAB_STATE/hosts/ctl/upper/var/log/slurm/slurmdbd.log
    host_do ctl sh -ec '
        m() { sacctmgr -i "$@" >/dev/null; }
        m add cluster wattle
        m add account astro,bio
        m add user alice account=astro
        m add user bob account=bio' || die_log "sacctmgr failed"
    slurmctld_start
    LAB_LOG=$LAB_STATE/hosts/ctl/upper/var/log/slurm/slurmdbd.log
    wait_for 120 "slurmctld did not register the licence 'power'" \
        host_do ctl sh -c 'sacctmgr -nP show tres format=type,name | grep -q "^license|power$"'
    host_do ctl sh -ec '
        m() { sacctmgr -i "$@" >/dev/null; }
        m add qos lowpower set GrpTRES=license/power=600
        m modify account root,astro,bio set qos=normal,lowpower defaultqos=normal' || die_log "sacctmgr failed"
}

agent_start() {
    LAB_LOG=$LAB_STATE/hosts/$1/upper/var/log/slurm/wattle-agent.log
    # shellcheck disable=SC2016
    host_do "$1" sh -c '! command -v wattle-agent >/dev/null || setsid -f wattle-agent >>/var/log/slurm/wattle-agent.log 2>&1' \
        </dev/null || die_log "$1: wattle-agent does not start"
    # shellcheck disable=SC2016
    wait_for 60 "$1: wattle-agent does not start" host_do "$1" sh -c '! command -v wattle-agent >/dev/null || pgrep -x wattle-agent >/dev/null'
}
