# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/lab settle: whether what ran on the lab left it as it was

for part in host slurm good k8s; do
    # shellcheck source=/dev/null
    . "$LAB_D/$part.bash"
done

lab_settle() {
    (($# == 0)) || usage_error "settle: unexpected '$1'"
    need_lab
    # shellcheck source=/dev/null
    . "$LAB_DIR/options"
    local end=$((SECONDS + 90))
    while ((SECONDS < end)); do
        slurm_settled && k8s_is_settled && good_compare >/dev/null && return
        sleep 1
    done
    good_compare || true
    "$LAB_CHECKOUT/tests/lab" trouble
    exit 1
}

k8s_is_settled() { [[ -z ${LAB_K8S-} ]] || k8s_settled; }
slurm_settled() {
    ((LAB_NODES)) || return 0
    [[ -z $(host_do ctl squeue -h 2>&1 </dev/null) && $(host_do ctl sinfo -h -N -o %T </dev/null 2>&1 | sort | uniq -c | tr -s ' ') == " $LAB_NODES idle" ]]
}
