# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What the benches share: labs, statistics, the lines printed.

BENCH_TMP=$(mktemp -d)
BENCH_LABS=$BENCH_TMP/labs # names of the labs that are up, one a line
: >"$BENCH_LABS"

note() { printf 'bench: %s\n' "$*" >&2; }

# lab_up NAME [up option …]: a lab of that name, ended with the bench; lab NAME COMMAND …: tests/lab on it.
lab_up() {
    local name=$1
    shift
    echo "$name" >>"$BENCH_LABS"
    WATTLE_LAB=$name "$BENCH_CHECKOUT/tests/lab" up "$@" >"$BENCH_TMP/$name.log" 2>&1 </dev/null || {
        cat "$BENCH_TMP/$name.log" >&2
        return 1
    }
}
lab() { WATTLE_LAB=$1 "$BENCH_CHECKOUT/tests/lab" "${@:2}"; }
labs_down() {
    local name
    while read -r name; do
        lab "$name" down >/dev/null 2>&1 </dev/null || note "lab '$name' did not go down: WATTLE_LAB=$name tests/lab down"
    done <"$BENCH_LABS"
    : >"$BENCH_LABS"
}
bench_cleanup() {
    labs_down
    rm -rf "$BENCH_TMP"
}

# repeats FULL QUICK
repeats() { if [[ -n $BENCH_QUICK ]]; then echo "$2"; else echo "$1"; fi; }

# figure NAME UNIT OPERATOR GOAL WHAT: the numbers on standard input, one a line, as one figure. OPERATOR: le or ge: the
# whole 95% interval must keep the goal; reaches: its upper end must be at least the goal; none: no goal.
# The interval is that of the median by order statistics (binomial, so no assumption on the distribution).
figure() {
    sort -g | awk -v name="$1" -v unit="$2" -v op="$3" -v goal="$4" -v what="$5" -v json="$BENCH_JSON" '
        { x[NR] = $1 }
        function num(v) { return sprintf("%.6g", v) }
        END {
            n = NR
            if (!n) { print "bench: " name ": no samples" > "/dev/stderr"; exit 1 }
            median = n % 2 ? x[(n + 1) / 2] : (x[n / 2] + x[n / 2 + 1]) / 2
            j = int((n - 1.96 * sqrt(n)) / 2) # fewer than six samples: the extremes, for want of better
            if (j < 1) j = 1
            low = x[j]; high = x[n - j + 1]
            holds = op == "le" ? high <= goal : op == "ge" ? low >= goal : op == "reaches" ? high >= goal : 1
            if (json)
                printf "{\"name\":\"%s\",\"value\":%s,\"unit\":\"%s\",\"goal\":%s,\"min\":%s,\"max\":%s,\"n\":%d,\"holds\":%s,\"low\":%s,\"high\":%s,\"want\":\"%s\",\"what\":\"%s\"}\n",
                    name, num(median), unit, op == "none" ? "null" : goal, num(x[1]), num(x[n]), n,
                    op == "none" ? "null" : holds ? "true" : "false", num(low), num(high), op == "none" ? "" : op == "le" ? "at most" : "at least", what
            else
                printf "%-28s %10s %-6s 95%% %s to %s, all %s to %s, n=%d  %s  %s\n", name, num(median), unit, num(low),
                    num(high), num(x[1]), num(x[n]), n,
                    op == "none" ? "" : (holds ? "HOLDS " : "FAILS ") (op == "le" ? "<= " : ">= ") goal, what
        }'
}

# Compiles a plugin or program of bench.d; prints where it is.
compile() {
    local out=$BENCH_TMP/${1%.c}
    case $1 in
    spank_*)
        out=$out.so
        cc -O2 -Wall -shared -fPIC -o "$out" "$BENCH_D/$1"
        ;;
    *) cc -O2 -Wall -o "$out" "$BENCH_D/$1" ;;
    esac
    echo "$out"
}

# compile_noop LAB FILE: a plugin that does nothing, with the hooks that the lab's spank_wattle.so has: one with fewer would be
# called less.
compile_noop() {
    local hooks
    lab "$1" on login -- sh -c 'cat /usr/lib/*/slurm-wlm/spank_wattle.so' >"$BENCH_TMP/wattle.so" </dev/null
    hooks=$(nm -D --defined-only "$BENCH_TMP/wattle.so" | sed -n 's/.* T slurm_spank_\(.*\)/NOOP(\1)/p' | tr '\n' ' ')
    [[ $hooks == *job_prolog* ]] || {
        note "spank_wattle.so has no hooks? '$hooks'"
        return 1
    }
    cc -O2 -Wall -shared -fPIC -DHOOKS="$hooks" -o "$2" "$BENCH_D/spank_noop.c"
}
