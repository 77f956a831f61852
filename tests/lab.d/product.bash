# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Wattle itself, built from this checkout and installed into the lab's layer; and powercapfs, which always runs on the
# machine. Builds are kept in the cache, one for each checkout and Slurm: of a copy of the sources, so that a
# checkout in which somebody ran ./configure does no harm, nor one that is edited while it is compiled.

product_paths() {
    local key
    key=$(printf '%s' "$LAB_CHECKOUT" | sha256sum)
    LAB_BUILDS=$LAB_CACHE/build-${key:0:12}
    LAB_POWERCAPFS=$LAB_BUILDS/native/tests/lab.d/powercapfs/powercapfs
}

product_build() {
    local lock
    product_paths
    mkdir -p "$LAB_BUILDS"
    exec {lock}>"$LAB_BUILDS/lock"
    flock "$lock"
    printf '%s\n' "$LAB_CHECKOUT" >"$LAB_BUILDS/checkout"
    builds_prune
    LAB_LOG=$LAB_BUILDS/build.log
    source_copy "$LAB_BUILDS/src" >"$LAB_LOG" 2>&1 || die_log "copying the sources failed"
    if [[ -n $LAB_PRODUCT && -z ${WATTLE_LAB_BUILD-} ]]; then
        build_one "$LAB_SLURM" "$LAB_SLURM$LAB_FAULT_POINTS" "$LAB_BUILDS/source-id" all install >>"$LAB_LOG" 2>&1 || die_log "building Wattle failed"
    fi
    # Last: the build above may have had to start from nothing in the same folder.
    build_one native native "$LAB_BUILDS/power-id" tests/lab.d/powercapfs/powercapfs >>"$LAB_LOG" 2>&1 || die_log "building powercapfs failed"
    exec {lock}>&-
}

# Builds of checkouts that are no more.
builds_prune() {
    local file
    for file in "$LAB_CACHE"/build-*/checkout; do
        [[ ! -e $file || -d $(<"$file") ]] || rm -rf "${file%/checkout}"
    done
}

# What git would commit, with its times, so that make does what is needed and no more.
source_copy() {
    local copy=$1 list=$LAB_BUILDS/files gone
    mkdir -p "$copy"
    touch "$list"
    if [[ -e $LAB_CHECKOUT/.git ]]; then
        # A file that was deleted but not committed as deleted is still listed.
        git -c safe.directory='*' -C "$LAB_CHECKOUT" ls-files -co --exclude-standard | sort -u |
            while IFS= read -r f; do if [[ -f $LAB_CHECKOUT/$f ]]; then printf '%s\n' "$f"; fi; done
    else
        (cd "$LAB_CHECKOUT" && find . -type f ! -name '*.o' ! -name '*.lo' -printf '%P\n' | sort)
    fi >"$list.new"
    comm -23 "$list" "$list.new" | while IFS= read -r gone; do rm -f "$copy/$gone"; done
    tar -C "$LAB_CHECKOUT" -cf - --verbatim-files-from --files-from="$list.new" | tar -C "$copy" -xf -
    mv "$list.new" "$list"
    # Names, sizes and times of everything: a build made of just this needs no make.
    (cd "$copy" && xargs -d '\n' stat -c '%n %s %.9Y' <"$list") >"$LAB_BUILDS/source-id"
    grep ^tests/lab.d/powercapfs/ "$LAB_BUILDS/source-id" >"$LAB_BUILDS/power-id"
}

# build_one WHERE NAME ID TARGET…: builds for the machine or a Debian tree in a folder NAME, unless it was with that ID, a file.
# `install` is staged for the labs to come.
build_one() {
    local where=$1 name=$2 id=$3 done=$LAB_BUILDS/$2-${4//\//_}.id
    shift 3
    cmp -s "$id" "$done" && return
    rm -f "$done"
    # Makefiles can't always be brought up to date, such as after a folder was renamed: then once more, from nothing.
    build_in "$where" "$name" "$@" || {
        echo "lab: the build failed; once more from the start"
        rm -rf "${LAB_BUILDS:?}/$name" "$LAB_BUILDS/src" "$LAB_BUILDS/files" "$LAB_BUILDS/$name"-*.id
        source_copy "$LAB_BUILDS/src" && build_in "$where" "$name" "$@"
    } || return
    cp "$id" "$done"
}

build_in() {
    local where=$1 name=$2
    shift 2
    mkdir -p "$LAB_BUILDS/$name"
    base_run "$where" "$LAB_D/build-in" "$LAB_BUILDS/src" "$LAB_BUILDS/$name" "$LAB_BUILDS/stage-$name" "$@"
}

# product_stage FOLDER: what `make install` installs.
product_stage() {
    if [[ -n ${WATTLE_LAB_BUILD-} ]]; then
        LAB_LOG=$LAB_STATE/install.log
        make -C "$WATTLE_LAB_BUILD" install DESTDIR="$1" >"$LAB_LOG" 2>&1 || die_log "make install in $WATTLE_LAB_BUILD failed"
    else
        cp -a "$LAB_BUILDS/stage-$LAB_SLURM$LAB_FAULT_POINTS/." "$1/"
    fi
}

product_install() {
    [[ -n $LAB_PRODUCT ]] || return 0
    local layer=$LAB_STATE/layer
    product_stage "$layer"
    cp "$LAB_D/etc/wattle.conf" "$LAB_STATE/shared/etc/wattle/"
    install -d -m 755 "$LAB_STATE/shared/etc/wattle/profiles" "$LAB_STATE/shared/var/lib/wattle/carbon"
}
