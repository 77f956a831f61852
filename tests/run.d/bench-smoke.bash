# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Does every benchmark run and give well-formed figures; what they say is not looked at: CI machines are busy.
piece() {
    local name
    deps build test lab
    while read -r name; do
        step "bench $name" bench_once "$name" || true
    done < <(sed -n 's/^BENCH_ALL=(\(.*\))$/\1/p' "$RUN_CHECKOUT/tests/bench" | tr ' ' '\n')
}

# A figure a line, each with a number for a value.
bench_once() {
    local out=$RUN_DIR/bench-$1.json
    timeout 600 "$RUN_CHECKOUT/tests/bench" --quick --json "$1" >"$out" </dev/null || return
    cat "$out"
    awk '!/^\{"name":"[a-z0-9_]+","value":-?[0-9.e+-]+,"unit":"[^"]+","goal":.*,"n":[1-9][0-9]*,"holds":(true|false|null)/ { bad = 1 }
        END { exit bad || !NR }' "$out"
}
