# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# libFuzzer over every parser of what others write, with ASan and UBSan: WATTLE_FUZZ_SECONDS of each harness of tests/fuzz (1200), or of those
# that WATTLE_FUZZ_NAMES names, WATTLE_FUZZ_AT_ONCE of them side by side (1). Each begins with the committed corpus and with what earlier runs
# found, which is kept in the cache; what breaks a promise is kept beside it, as NAME-crash-…. doc/fuzzing.md says what to do with it, and has
# the table that is printed in the end.
FUZZ_DIR=$RUN_CACHE/fuzz

piece() {
    local name n=0 build=$RUN_DIR/build-fuzz
    deps build test lint
    echo '| harness | minutes | CPU minutes | inputs, millions | edges reached | the last of them by input, millions |' >"$RUN_DIR/fuzz-table"
    source_ready
    step "build with libFuzzer" fuzz_build "$build" || return 0
    for name in ${WATTLE_FUZZ_NAMES:-$(cd "$build/tests/fuzz" && find . -maxdepth 1 -type f -perm -u+x -name 'fuzz_*' -printf '%P\n' | sed 's/^fuzz_//' | sort)}; do
        lane "$name" step "fuzz_$name, ${WATTLE_FUZZ_SECONDS:-1200} s" fuzz_one "$build/tests/fuzz/fuzz_$name" "$name"
        ((++n % ${WATTLE_FUZZ_AT_ONCE:-1})) || lanes_end
    done
    lanes_end
    cat "$RUN_DIR/fuzz-table"
}

fuzz_build() {
    mkdir -p "$1" && cd "$1" &&
        "$RUN_SRC/configure" CC=clang CFLAGS='-O1 -g -fsanitize=fuzzer-no-link' --enable-fuzzing --enable-sanitizers &&
        make "$RUN_JOBS" fuzz-programs
}

# fuzz_one PROGRAM NAME
fuzz_one() {
    mkdir -p "$FUZZ_DIR/$2"
    {
        TIMEFORMAT='CPU seconds: %U'
        time "$1" -max_total_time="${WATTLE_FUZZ_SECONDS:-1200}" -max_len=4096 -timeout=20 -artifact_prefix="$FUZZ_DIR/$2-" \
            -print_final_stats=1 "$FUZZ_DIR/$2" "$RUN_CHECKOUT/tests/fuzz/corpus/$2"
    } 2>&1 | awk -v name="$2" -v table="$RUN_DIR/fuzz-table" '
        BEGIN { begin = systime() }
        { print; fflush() }
        match($0, / cov: [0-9]+/) { n = substr($0, RSTART + 6, RLENGTH - 6) + 0; if (n > cov) { cov = n; last = /INITED/ ? 0 : substr($1, 2) } }
        /^stat::number_of_executed_units/ { inputs = $2 }
        /^CPU seconds/ { cpu = $3 }
        END { printf "| %s | %.0f | %.1f | %.2f | %d | %.2f |\n", name, (systime() - begin) / 60, cpu / 60, inputs / 1e6, cov, last / 1e6 >>table }'
}
