# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# libFuzzer over the parsers of users' and site's words: WATTLE_FUZZ_SECONDS of it (300). The corpus is kept from run to run, in
# the cache; what breaks a promise is kept beside it.
FUZZ_DIR=$RUN_CACHE/fuzz

piece() {
    deps build lint
    mkdir -p "$FUZZ_DIR/policy"
    fuzz_seeds "$FUZZ_DIR/policy"
    step "build fuzz_policy" fuzz_build || return 0
    step "fuzz_policy, ${WATTLE_FUZZ_SECONDS:-300} s" fuzz_policy || true
}

fuzz_build() {
    local inih
    read -ra inih <<<"$(pkg-config --cflags --libs inih)"
    cd "$RUN_CHECKOUT" &&
        clang -g -O1 -std=gnu11 -D_GNU_SOURCE -w -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -Ilib -Ijobsubmit \
            tests/fuzz/fuzz_policy.c jobsubmit/script.c lib/{err,file,units,hostmatch,siteconf,request,policy,tres,grant}.c \
            "${inih[@]}" -lm -o "$FUZZ_DIR/fuzz_policy"
}

fuzz_policy() {
    "$FUZZ_DIR/fuzz_policy" -max_total_time="${WATTLE_FUZZ_SECONDS:-300}" -max_len=4096 -artifact_prefix="$FUZZ_DIR/" \
        -print_final_stats=1 "$FUZZ_DIR/policy"
}

# fuzz_seeds FOLDER: a word of each kind; the first byte chooses the parser.
fuzz_seeds() {
    printf '\0%s' '1200W/job' >"$1/watts"
    printf '\0%s' '2-12:30:15' >"$1/duration"
    { printf '\1' && cat "$RUN_CHECKOUT/tests/golden/wattle.conf"; } >"$1/conf"
    printf '\2%s' 'matlab:2,power:300;a@b:1' >"$1/licences"
    printf '\2%s' 'gres:gpu:a100:2,gres/power=300' >"$1/gres"
    printf '\3%s' 'v1 watts=300 nodes=1-2 default=1 tasks=4 cpt=2' >"$1/grant"
    printf '\4%s' $'n[1-4,07-12],gpu*,r[1-2]n[1-3]x\nn07' >"$1/hosts"
    printf '\5%s' $'#!/bin/sh\n#SBATCH -N 2 --power="300" # x\n#SBATCH hetjob\n' >"$1/script"
    printf '\5%s' 'sbatch -N 4 --power 300 : --power=200 job.sh' >"$1/line"
}
