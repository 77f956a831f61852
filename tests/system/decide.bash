# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# For tests that hold the bridge's decisions against a scheduler's: the bridge's own code as a program, from a build folder that has it
# (WATTLE_BUILD_DIR, or the checkout's), else compiled here.

# decide_program NAME FOLDER: prints the path of tests/component/NAME, built in FOLDER if need be
decide_program() {
    local name=$1 folder=$2 checkout dir libs more=()
    checkout=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd -P)
    for dir in "${WATTLE_BUILD_DIR:-}" "$checkout"; do
        [[ -n $dir && -x $dir/tests/component/$name ]] && echo "$dir/tests/component/$name" && return
    done
    read -ra libs <<<"$(pkg-config --cflags --libs inih json-c)"
    [[ $name != admission_serve ]] || {
        more=(k8s-bridge/admission.c)
        read -ra dir <<<"$(pkg-config --cflags --libs libevent_core libmicrohttpd gnutls)"
        libs+=("${dir[@]}")
    }
    (cd "$checkout" && gcc -O1 -w -std=gnu11 -D_GNU_SOURCE '-DPACKAGE_VERSION="test"' -Ilib -Ik8s-bridge "tests/component/$name.c" "${more[@]}" \
        k8s-bridge/{dig,mpijob,mutate,nodes,quantity,review}.c lib/{flow,sources,json,json_new,profile_{cache,choose,read,store,write},csv}.c \
        lib/{err,file,stamp,units,hostmatch,siteconf,request,policy,tres,grant,decimal,model,model_text,scaling,sweep,instant,slotload,faultpoint}.c \
        lib/carbon_{decide,text}.c lib/forecast{,_cache}.c lib/plan*.c "${libs[@]}" -lm -pthread -o "$folder/$name") >&2 && echo "$folder/$name"
}
