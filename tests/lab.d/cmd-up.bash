# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/lab up

for part in room host power slurm base product good k8s; do
    # shellcheck source=/dev/null
    . "$LAB_D/$part.bash"
done

lab_up() {
    LAB_NODES=4 LAB_SLURM=native LAB_JOB_SUBMIT=wattle LAB_SPANK=wattle
    LAB_SLURM_CONF='' LAB_PLUGSTACK='' LAB_POWER_CONFIG='' LAB_PRODUCT=1 LAB_FAULT_POINTS='' LAB_K8S='' LAB_WATTLE_AS=processes
    local keep='' value
    while (($#)); do
        value=${2-}
        # These two have a value only with a =.
        case $1 in
        --k8s | --k8s-only) set -- "$1=2" "${@:2}" ;;
        esac
        if [[ $1 == --*=* ]]; then
            set -- "${1%%=*}" "${1#*=}" "${@:2}"
            value=$2
        fi
        case $1 in
        --wattle-as | --nodes | --slurm | --job-submit | --spank | --slurm-conf | --plugstack | --power-config)
            (($# > 1)) || usage_error "up: $1 wants a value"
            ;;&
        --nodes) LAB_NODES=$value && shift ;;
        --slurm) LAB_SLURM=$value && shift ;;
        --job-submit) LAB_JOB_SUBMIT=$value && shift ;;
        --spank) LAB_SPANK=$value && shift ;;
        --slurm-conf) LAB_SLURM_CONF=$(readable "$1" "$value") && shift ;;
        --plugstack) LAB_PLUGSTACK=$(readable "$1" "$value") && shift ;;
        --power-config) LAB_POWER_CONFIG=$(readable "$1" "$value") && shift ;;
        --wattle-as) LAB_WATTLE_AS=$value && shift ;;
        --no-wattle) LAB_PRODUCT='' LAB_JOB_SUBMIT=none LAB_SPANK=none ;;
        --fault-points) LAB_FAULT_POINTS=-faults ;;
        --keep) keep=1 ;;
        --k8s) LAB_K8S=$value && shift ;;
        --k8s-only) LAB_K8S=$value LAB_NODES=0 && shift ;;
        *) usage_error "up: unexpected '$1'" ;;
        esac
        shift
    done
    [[ -z $LAB_K8S || $LAB_K8S =~ ^[1-9][0-9]?$ && $LAB_K8S -le 16 ]] || usage_error "up: --k8s=$LAB_K8S: wanted 1 to 16"
    [[ $LAB_WATTLE_AS == processes || $LAB_WATTLE_AS == pods && -n $LAB_K8S && -n $LAB_PRODUCT ]] ||
        usage_error "up: --wattle-as $LAB_WATTLE_AS: wanted processes, or pods with Kubernetes and Wattle"
    [[ -z $LAB_K8S || $LAB_SLURM == native ]] || usage_error "up: --slurm $LAB_SLURM: with Kubernetes, native alone: the images have this machine's libraries"
    [[ $LAB_NODES == 0 && -n $LAB_K8S || $LAB_NODES =~ ^[1-9][0-9]?$ && $LAB_NODES -le 64 ]] || usage_error "up: --nodes $LAB_NODES: wanted 1 to 64"
    [[ $LAB_SLURM =~ ^(native|trixie|sid)$ ]] || usage_error "up: --slurm $LAB_SLURM: wanted native, trixie or sid"
    case $LAB_JOB_SUBMIT in
    none | wattle) ;;
    lua:*) LAB_JOB_SUBMIT=lua:$(readable --job-submit "${LAB_JOB_SUBMIT#lua:}") ;;
    *) usage_error "up: --job-submit $LAB_JOB_SUBMIT: wanted none, lua:FILE or wattle" ;;
    esac
    case $LAB_SPANK in
    none | wattle) ;;
    *) LAB_SPANK=$(readable --spank "$LAB_SPANK") ;;
    esac

    need_root
    need_owner
    lab_lock
    need_owner
    local options
    options=$(set | grep -E '^LAB_(NODES|SLURM|JOB_SUBMIT|SPANK|SLURM_CONF|PLUGSTACK|POWER_CONFIG|PRODUCT|FAULT_POINTS|K8S|WATTLE_AS)=')
    if lab_find && [[ -e $LAB_STATE/ready ]]; then
        [[ $(<"$LAB_DIR/options") == "$options" ]] ||
            die "lab '$LAB_NAME' is up with other options; end it first: tests/lab down"
        say "lab '$LAB_NAME' is up already"
        return
    fi
    "$LAB_D/install"
    room_stop # what an `up` that was killed has left
    mkdir -p "$LAB_DIR"
    printf '%s\n' "$LAB_CHECKOUT" >"$LAB_DIR/owner"
    printf '%s\n' "$options" >"$LAB_DIR/options"
    # In a process of its own, so that there is somebody to clean up, however it ends.
    up_all </dev/null &
    UP_PID=$!
    trap 'up_interrupted "$keep" 130' INT
    trap 'up_interrupted "$keep" 143' TERM HUP
    wait "$UP_PID" || up_failed "$keep" 1
    trap - INT TERM HUP
    lab_find && good_record && : >"$LAB_STATE/ready"
    say "lab '$LAB_NAME' is up in $SECONDS s: $(lab_has)"
}

lab_has() {
    local has=''
    ((LAB_NODES == 0)) || has="$LAB_NODES nodes, $(host_do ctl slurmctld -V)"
    [[ -z $LAB_K8S ]] || has+="${has:+; }$LAB_K8S nodes of Kubernetes $(k8s_version)"
    echo "$has"
}

up_interrupted() {
    trap '' INT TERM HUP
    kill -TERM "$UP_PID" 2>/dev/null || true
    wait "$UP_PID" || true
    up_failed "$@"
}

up_failed() {
    [[ -z $1 ]] || exit "$2"
    say "taking the lab down again (up --keep leaves it)"
    room_stop
    lab_unlock
    exit "$2"
}

readable() {
    [[ -f $2 && -r $2 ]] || usage_error "up: $1 $2: no such file"
    realpath "$2"
}

up_all() {
    local host hosts jobs=()
    base_prepare
    product_build
    [[ -z $LAB_K8S ]] || k8s_prepare
    room_start
    cp "$LAB_DIR/options" "$LAB_STATE/"
    [[ -z $LAB_POWER_CONFIG ]] || cp "$LAB_POWER_CONFIG" "$LAB_STATE/power.conf"
    layer_create
    product_install
    hosts=$(lab_hosts)
    for host in $hosts; do host_create "$host"; done
    [[ -z $LAB_K8S ]] || k8s_create
    for host in $hosts; do
        (host_boot "$host" && munge_start "$host") &
        jobs+=($!)
    done
    for_all "${jobs[@]}"

    jobs=()
    if [[ -n $LAB_K8S ]]; then
        k8s_up &
        jobs+=($!)
    fi
    ((LAB_NODES == 0)) || slurm_up
    for_all "${jobs[@]}"
}

slurm_up() {
    local host jobs=()
    slurm_configure
    db_up
    # The nodes need no slurmctld to start: they ask until it answers.
    jobs=()
    for host in $(lab_nodes); do
        slurmd_start "$host" &
        jobs+=($!)
    done
    slurmctld_up || slurmctld_start
    for_all "${jobs[@]}"
    for host in $(lab_nodes); do agent_start "$host"; done
    slurm_wait_idle
}

for_all() {
    local pid
    for pid in "$@"; do wait "$pid" || exit 1; done
}

db_up() {
    db_start
    slurmdbd_start
    accounts_create
}
