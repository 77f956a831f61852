# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# libFuzzer over every parser of what others write, with ASan and UBSan: WATTLE_FUZZ_SECONDS of each harness of tests/fuzz (1200), or of those
# that WATTLE_FUZZ_NAMES names. It begins with the committed corpus and with what earlier runs found, which is kept in the cache; what
# breaks a promise is kept beside it, as NAME-crash-…. doc/fuzzing.md says what to do with it.
FUZZ_DIR=$RUN_CACHE/fuzz

piece() {
    local name build=$RUN_DIR/build-fuzz
    deps build test lint
    source_ready
    step "build with libFuzzer" fuzz_build "$build" || return 0
    for name in ${WATTLE_FUZZ_NAMES:-$(cd "$build/tests/fuzz" && find . -type f -name 'fuzz_*' ! -name '*.o' -printf '%P\n' | sed 's/^fuzz_//' | sort)}; do
        step "fuzz_$name, ${WATTLE_FUZZ_SECONDS:-1200} s" fuzz_one "$build/tests/fuzz/fuzz_$name" "$name" || true
    done
}

fuzz_build() {
    mkdir -p "$1" && cd "$1" &&
        "$RUN_SRC/configure" CC=clang CFLAGS='-O1 -g -fsanitize=fuzzer-no-link' --enable-fuzzing --enable-sanitizers &&
        make "$RUN_JOBS" fuzz-programs
}

# fuzz_one PROGRAM NAME
fuzz_one() {
    mkdir -p "$FUZZ_DIR/$2"
    "$1" -max_total_time="${WATTLE_FUZZ_SECONDS:-1200}" -max_len=4096 -timeout=20 -artifact_prefix="$FUZZ_DIR/$2-" \
        -print_final_stats=1 "$FUZZ_DIR/$2" "$RUN_CHECKOUT/tests/fuzz/corpus/$2"
}
