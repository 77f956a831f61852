# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# CUnit programs and component tests of a build without warnings: on this machine, or in a tree of each Debian release that WATTLE_RUN_SLURM
# names ("native"), against that release's Slurm and by its compiler.
piece() {
    local slurm
    for slurm in ${WATTLE_RUN_SLURM:-native}; do
        if [[ $slurm == native ]]; then
            build_ready
            check_in "$RUN_BUILD"
        else
            unit_in_tree "$slurm" || true
        fi
    done
}

unit_in_tree() {
    local tree=$RUN_CACHE/check-$1 build=$RUN_DIR/build-$1 list=$RUN_OWN/packages.$1 inside
    sed -n 's/^build: *//p; s/^test: *//p' "$RUN_CHECKOUT/tests/deps.d/bookworm.txt" >"$list"
    echo "slurmd slurm-client libpmix-dev libopenmpi-dev openmpi-bin iproute2 fuse3" >>"$list"
    source_ready
    step "a Debian $1 to build in" "$RUN_CHECKOUT/tests/lab.d/tree-make" "$1" "$tree" "$list" || return
    inside=(unshare --mount --propagation private -- "$RUN_CHECKOUT/tests/lab.d/tree-run" "$tree" "$RUN_CACHE" "$RUN_CHECKOUT")
    step "build with -Werror, $1" "${inside[@]}" "$RUN_D/build-in" "$build" "$RUN_SRC" || return
    check_in "$build" "${inside[@]}"
}
