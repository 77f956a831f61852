# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Debian packages, built from the tarball in clean trees of each release, and installed, updated and removed on machines that have nothing but
# Debian and Slurm, by the words of doc/install.md; and the RPM packages' recipe.
#
# WATTLE_RUN_SLURM: "native trixie", native being bookworm here as elsewhere.
piece() {
    local release tarball
    deps build test lab packages
    build_ready
    step "make dist" make -C "$RUN_BUILD" dist || return 0
    step "powercapfs" make -C "$RUN_BUILD" tests/lab.d/powercapfs/powercapfs || return 0
    tarball=$(echo "$RUN_BUILD"/wattle-*.tar.xz)
    for release in ${WATTLE_RUN_SLURM:-native trixie}; do
        [[ $release != native ]] || release=bookworm
        packages_of "$release" "$tarball" || true
    done
    step "RPM spec" packages_rpm "$tarball" || true
}

# packages_of RELEASE TARBALL
packages_of() {
    local debs=$RUN_DIR/packages/$1
    DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS-nocheck} parallel=$(nproc)" \
        step "build for $1" "$RUN_CHECKOUT/tests/packages/build" "$1" "$RUN_CACHE" "$2" "$debs" || return
    step "lintian, $1" lintian --allow-root --display-info --fail-on error,warning,info "$debs"/*.changes || true
    step "a site of $1" "$RUN_CHECKOUT/tests/packages/site-make" "$1" "$RUN_CACHE" || return
    find "$debs" -name '*-dbgsym_*' -delete
    PACKAGES_TREE=$RUN_CACHE/site-$1 PACKAGES_DEBS=$debs PACKAGES_GUIDE=$RUN_CHECKOUT/doc/install.md \
        PACKAGES_HARDWARE=$RUN_BUILD/tests/lab.d/powercapfs/powercapfs \
        timeout --kill-after=20 1800 bats --tap "$RUN_CHECKOUT/tests/packages" 2>&1 | count_tap "$1"
}

# packages_rpm TARBALL: rpmbuild takes it from the tarball, and what is installed stands in a package. Debian has no RPM packages of what it
# needs, hence --nodeps.
packages_rpm() {
    local top=$RUN_DIR/packages/rpm n
    rm -rf "$top"
    mkdir -p "$top"
    tar -xf "$1" -C "$top" --strip-components=2 --wildcards '*/packaging/wattle.spec' &&
        rpmspec -P "$top/wattle.spec" | grep -E "^Requires: slurm = $(slurmctld -V | sed 's/.* //')$" &&
        rpmbuild -ts --quiet --define "_topdir $top" "$1" &&
        rpmbuild -tb --nodeps --quiet --define "_topdir $top" --define "_smp_mflags $RUN_JOBS" \
            --define "slurm_plugindir /usr/lib/$(gcc -print-multiarch)/slurm-wlm" "$1" || return
    n=$(find "$top/RPMS" -name '*.rpm' | wc -l)
    ((n == 7)) || { echo "$n packages" && return 1; }
}
