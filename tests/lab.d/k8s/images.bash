# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The images that are on every node, without a registry. A containerd root with them is made once and kept in the cache; each node's is made
# of links to it, so that images cost a lab neither time nor memory. The layer that stands for Wattle links to what this lab has installed.

# Sets LAB_IMAGES.
images_prepare() {
    local list=$LAB_D/k8s/image.packages tree=$LAB_CACHE/k8s-tree id lock
    id=$(cat "$LAB_D/k8s/images-make" "$list" <(basename "${K8S_DIR[containerd]}") | sha256sum)
    LAB_IMAGES=$LAB_CACHE/k8s-images/${id:0:12}
    mkdir -p "${LAB_IMAGES%/*}"
    [[ ! -d $LAB_IMAGES ]] || return 0
    exec {lock}>"${LAB_IMAGES%/*}/lock"
    flock "$lock"
    if [[ ! -d $LAB_IMAGES ]]; then
        "$LAB_D/tree-make" bookworm "$tree" "$list" || exit 1
        say "making the images (once)"
        LAB_LOG=${LAB_IMAGES%/*}/log
        "$LAB_D/k8s/images-make" "$LAB_IMAGES" "${K8S_DIR[containerd]}" "$tree" >"$LAB_LOG" 2>&1 || die_log "the images could not be made"
    fi
    exec {lock}>&-
}

# What the images have as Wattle.
images_layer() {
    local wattle=$LAB_STATE/image
    mkdir -p "$wattle"
    [[ -z $LAB_PRODUCT ]] || product_stage "$wattle"
}

# images_place FOLDER: the root folder of a node's containerd. Databases are its own; layers and blobs are links.
images_place() {
    local to=$1 from=$LAB_IMAGES dir
    (cd "$from" && find . -type d ! -path './*/snapshots/*/*' -exec mkdir -p "$to/{}" \;)
    (cd "$from" && find . -type f ! -path './*/snapshots/*' ! -path './*/blobs/*' -exec cp --parents {} "$to" \;)
    (cd "$from" && find . -type f -path './*/blobs/*' -exec ln -s "$from/{}" "$to/{}" \;)
    for dir in "$from"/*snapshotter*overlayfs/snapshots/*; do
        mkdir -p "$to/${dir#"$from/"}/work"
        if [[ -e $dir/fs/.wattle ]]; then
            ln -s /var/lib/wattle-image "$to/${dir#"$from/"}/fs"
        else
            ln -s "$dir/fs" "$to/${dir#"$from/"}/fs"
        fi
    done
}
