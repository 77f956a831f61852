# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What the pieces of tests/run share: where things are, steps, counting, the end.
#
# A piece is a file PIECE.bash with a function piece. It runs in a subshell with RUN_PIECE set and counts by calling
# step, count_cunit, count_tap, passed, failed or missing. Results are lines of RUN_RESULTS:
# pass|fail|flaky|skip <tab> piece <tab> name <tab> why. What a failure said is kept in RUN_DETAILS until the end of the
# run, whose last lines are all that some keep of it.

RUN_CACHE=${WATTLE_LAB_CACHE:-/var/cache/wattle-lab}
RUN_KEY=$(printf '%s' "$RUN_CHECKOUT" | sha256sum | cut -c1-12)
RUN_DIR=$RUN_CACHE/run-$RUN_KEY # of this checkout alone
RUN_LOGS=$RUN_DIR/logs
RUN_SRC=$RUN_DIR/src   # the checkout as it is now, bootstrapped
RUN_BUILD=$RUN_DIR/build # make check's and the lab's
RUN_RESULTS=$RUN_DIR/results
RUN_DETAILS=$RUN_DIR/details # a file a failure
RUN_FLAKY=3 # more in a run are a failure of the run
RUN_LAB_NAME=run-$RUN_KEY # and what begins like this
RUN_BESIDE=
RUN_CI_MODE=${CI:-false}
RUN_JOBS=-j$(nproc)
export WATTLE_LAB=$RUN_LAB_NAME

say() { printf '[%3d:%02d] %s\n' $((SECONDS / 60)) $((SECONDS % 60)) "$*"; }
# And at once, where what is said is shown later only.
say_now() {
    say "$@"
    [[ -z ${RUN_NOW-} ]] || say "$@" >&"$RUN_NOW"
}

# --- counting ----------------------------------------------------------
result() { printf '%s\t%s\t%s\t%s\n' "$1" "$RUN_PIECE" "$2" "${3-}" >>"$RUN_RESULTS"; }
passed() { result pass "$1"; }
# failed NAME [WHY [FILE]]: FILE ends in what there is to say about it. Sets DETAILS, for more lines.
failed() {
    result fail "$1" "${2-}"
    say "$RUN_PIECE: FAILED: $1${2:+: $2}"
    DETAILS=$(mktemp "$RUN_DETAILS/$(printf '%04d' "$(find "$RUN_DETAILS" -type f | wc -l)")-XXXXXX")
    echo "$RUN_PIECE: $1${2:+: $2}" >"$DETAILS"
    [[ -z ${3-} ]] || { tail -n 25 "$3" | tee -a "$DETAILS"; }
}
skipped() {
    if [[ $RUN_CI_MODE == true && ${2-} != n/a* ]]; then
        failed "$1" "skipped in CI: ${2:-no reason given}"
    else
        result skip "$1" "${2-}"
        say "$RUN_PIECE: skipped: $1${2:+: $2}"
    fi
}
# Something that a full run needs is not there.
missing() { skipped "$1" "missing: ${2-}"; }

# step NAME CMD…: one counted check. Its output is kept, and shown in full if it fails. CMD is a program, or a function
# that does not rely on errexit: bash has it off wherever a caller looks at the status.
step() {
    local name=$1 log=$RUN_LOGS/$RUN_PIECE-${1//[^A-Za-z0-9._-]/_}.log begin=$SECONDS status=0
    shift
    ("$@") >"$log" 2>&1 </dev/null || status=$?
    if ((status == 0)); then
        passed "$name"
        say "$RUN_PIECE: $name: ok ($((SECONDS - begin)) s)"
    else
        failed "$name" "exit $status, see $log" "$log"
    fi
    return "$status"
}

# Counts what `make check` left in build directory $1: automake writes a .trs and a .log a test program, CUnit's
# summary stands at the end of the log.
count_cunit() {
    local trs log name outcome n=0 ran ok bad inactive
    while IFS= read -r trs; do
        n=$((n + 1))
        log=${trs%.trs}.log name=${trs##*/} name=${name%.trs}
        outcome=$(sed -n 's/^:global-test-result: //p' "$trs")
        read -r ran ok bad inactive < <(awk '/Run Summary:/ { on = 1 }
            on && $1 == "tests" { print $3, $4, $5, $6; found = 1; exit }
            END { if (!found) print 0, 0, 0, 0 }' "$log")
        for ((i = 0; i < ok; i++)); do passed "$name"; done
        for ((i = 0; i < inactive; i++)); do skipped "$name" "inactive test"; done
        case $outcome in
        PASS) ((ran)) || passed "$name" ;;
        SKIP) skipped "$name" "$(tail -n 1 "$log")" ;;
        *)
            failed "$name" "$outcome, see $log" "$log"
            # It died if none of its tests has failed.
            for ((i = 1; i < bad; i++)); do result fail "$name" "$outcome"; done
            ;;
        esac
    done < <(find "$1" -name '*.trs' | sort)
    ((n)) || failed "make check" "ran no test program"
}

# Counts TAP on standard input, under the names prefixed by $1. A plan that was not fulfilled is a failure. Passes
# other lines on, and with progress those that passed, unless $2 is quiet. RUN_STATE is a command that tells in a few
# lines what the matter is at the moment of a failure.
count_tap() {
    local line plan=-1 seen=0 bad number name took prefix=${1:+$1: } in_failure=
    while IFS= read -r line; do
        if [[ $line =~ ^1\.\.([0-9]+) ]]; then
            plan=${BASH_REMATCH[1]}
        elif [[ $line =~ ^(not\ )?ok\ ([0-9]+)\ ?(-\ )?(.*)$ ]]; then
            [[ -z $in_failure ]] || state_said
            in_failure=
            seen=$((seen + 1))
            bad=${BASH_REMATCH[1]} number=${BASH_REMATCH[2]} name=${BASH_REMATCH[4]} took=
            # bats --timing adds it; a second try goes by the name
            if [[ $name =~ ^(.*)\ in\ ([0-9]+)ms(\ \#.*)?$ ]]; then
                name=${BASH_REMATCH[1]}${BASH_REMATCH[3]} took=" ($(((BASH_REMATCH[2] + 500) / 1000)) s)"
            fi
            if [[ -n $bad ]]; then
                name=${name% # timeout after *} # bats adds it, too
                failed "$prefix${name:-$number}"
                in_failure=1
                # said once: none of the file's tests ran
                [[ $name != 'setup_file failed' ]] || seen=$plan
                [[ -z ${RUN_STATE-} ]] || "$RUN_STATE" >"$RUN_OWN/state"
            elif [[ $name =~ ^(.*)\ \#\ [Ss][Kk][Ii][Pp]\ ?(.*)$ ]]; then
                skipped "$prefix${BASH_REMATCH[1]}" "${BASH_REMATCH[2]#(}"
            else
                passed "$prefix${name:-$number}"
                [[ ${2-} == quiet ]] || say "$RUN_PIECE: ok: $prefix$name$took"
            fi
        else
            printf '%s\n' "$line"
            [[ -z $in_failure ]] || printf '%s\n' "$line" >>"$DETAILS"
        fi
    done
    [[ -z $in_failure ]] || state_said
    if ((plan < 0)); then
        failed "${prefix}the file" "no plan: it died before the first test"
    elif ((seen < plan)); then
        failed "${prefix}the file" "planned $plan tests, saw $seen: it died on the way"
    fi
}

# A test that took the state at the very moment of its failure knows better.
state_said() {
    [[ -n ${RUN_STATE-} ]] || return 0
    grep -q '^# *lab .*: not idle' "$DETAILS" || cat "$RUN_OWN/state" >>"$DETAILS"
}

# --- building ----------------------------------------------------------
deps() { step "packages" "$RUN_CHECKOUT/tests/deps.d/install" "$@"; }

# once STAMP FUNCTION …: for what several pieces need; where it failed for one it has failed for all.
once() {
    local stamp=$RUN_DIR/done-$1
    shift
    [[ ! -e $stamp ]] || return "$(<"$stamp")"
    local status=0
    "$@" || status=$?
    echo "$status" >"$stamp"
    ((status == 0)) || say "$RUN_PIECE: can't go on"
    return "$status"
}

source_ready() { once source make_source; }
make_source() { deps build test lint && step "bootstrap" "$RUN_D/copy-source" "$RUN_CHECKOUT" "$RUN_SRC" "$RUN_DIR/files"; }

# The build that most pieces use.
build_ready() { source_ready && once build step "build with -Werror" "$RUN_D/build-in" "$RUN_BUILD" "$RUN_SRC"; }

# check_in DIR [CMD…]: make check there, by CMD if it is to be elsewhere; what it ran is counted one by one, so that its own exit status isn't.
check_in() {
    local log=$RUN_LOGS/$RUN_PIECE-check.log
    (cd "$1" && find . \( -name '*.trs' -o -name '*.log' \) -path './tests/*' -delete && "${@:2}" make -C "$1" -k "$RUN_JOBS" check) \
        >"$log" 2>&1 </dev/null || {
        # Only what make says itself is of use here; the tests' logs follow.
        grep -E '^(make|.*error|.*undefined)' "$log" || true
        [[ -n $(find "$1" -name '*.trs') ]] || failed "make check" "see $log" "$log"
    }
    count_cunit "$1"
}

# --- the run -----------------------------------------------------------
run_begin() {
    mkdir -p "$RUN_CACHE" /run/lock
    exec {RUN_LOCK}>"$RUN_CACHE/run-$RUN_KEY.lock"
    flock -n "$RUN_LOCK" || {
        echo "tests/run: another run of this checkout is under way: wait for it or end it" >&2
        exit 1
    }
    rm -rf "$RUN_DIR"
    mkdir -p "$RUN_LOGS" "$RUN_DETAILS"
    : >"$RUN_RESULTS"
    RUN_TRACES_BEFORE=$(traces "$RUN_LAB_NAME")
    say "tests/run: $RUN_CHECKOUT, logs in $RUN_LOGS"
}

# The pieces in their order; those that wait, beside the first that bears it, and at the latest before one that does not.
run_pieces() {
    local piece waits=()
    for piece; do ! is_one_of "$piece" "${RUN_WAITS[@]}" || waits+=("$piece"); done
    for piece; do
        if is_one_of "$piece" "${RUN_COMPUTES[@]}" "${RUN_BEARS[@]}"; then
            [[ -n $RUN_BESIDE ]] || beside_begin "${waits[@]}"
            waits=()
        elif is_one_of "$piece" "${waits[@]}"; then
            waits=("${waits[@]:1}")
        elif is_one_of "$piece" "${RUN_WAITS[@]}"; then
            continue
        else
            beside_end
        fi
        run_piece "$piece"
    done
    beside_end
}
is_one_of() { [[ " ${*:2} " == *" $1 "* ]]; }

# What they print is kept and shown as one when they have ended.
beside_begin() {
    (($#)) || return 0
    say "== beside what follows: $*"
    set -m
    (
        set +m
        trap - EXIT INT TERM HUP
        trap 'kill -TERM -- "-$RUN_GROUP" 2>/dev/null; exit 143' TERM
        WATTLE_LAB=$RUN_LAB_NAME-beside
        for piece; do run_piece "$piece"; done
    ) </dev/null >"$RUN_DIR/beside.out" 2>&1 &
    RUN_BESIDE=$!
    set +m
}
beside_end() {
    [[ -n $RUN_BESIDE ]] || return 0
    wait "$RUN_BESIDE" || true # what failed is counted
    RUN_BESIDE=
    cat "$RUN_DIR/beside.out"
}

# lane NAME CMD…: a part of a piece that runs beside other parts, in the background, with a lab and counts of its own. What it prints is shown
# as one by lanes_end, after all have ended; what it says with say_now, now, too.
LANES=()
lane() {
    local name=$RUN_PIECE-$1
    mkdir -p "$RUN_DIR/own-$name"
    : >"$RUN_DIR/results-$name"
    RUN_RESULTS=$RUN_DIR/results-$name RUN_OWN=$RUN_DIR/own-$name WATTLE_LAB=$RUN_LAB_NAME-${RUN_PIECE:0:3}-$1 RUN_NOW=5 "${@:2}" \
        5>&1 </dev/null >"$RUN_DIR/$name.out" 2>&1 &
    LANES+=("$!:$name")
}
lanes_end() {
    local lane status
    for lane in "${LANES[@]}"; do
        status=0
        wait "${lane%%:*}" || status=$?
        cat "$RUN_DIR/${lane#*:}.out"
        ((status == 0)) || grep -q '^fail' "$RUN_DIR/results-${lane#*:}" || failed "${lane#*:}" "exit $status"
        cat "$RUN_DIR/results-${lane#*:}" >>"$RUN_RESULTS"
    done
    LANES=()
}

# Counts into a file of its own, in a folder of its own, so that what runs beside it does not get in between.
run_piece() {
    RUN_PIECE=$1
    local begin=$SECONDS status=0 results=$RUN_RESULTS
    RUN_RESULTS=$RUN_DIR/results-$RUN_PIECE
    RUN_OWN=$RUN_DIR/own-$RUN_PIECE
    mkdir -p "$RUN_OWN"
    : >"$RUN_RESULTS"
    say "== $RUN_PIECE"
    # In the background, so that a signal is acted on at once, and in a group that can be ended as a whole.
    set -m
    (
        set +m
        trap - EXIT INT TERM HUP
        exec {RUN_LOCK}>&- # a daemon of the lab must not hold it
        # what waits is to be served at once
        [[ -z $RUN_BESIDE ]] || ! is_one_of "$RUN_PIECE" "${RUN_COMPUTES[@]}" || renice -n 5 -p "$BASHPID" >/dev/null
        # shellcheck source=/dev/null
        . "$RUN_D/$RUN_PIECE.bash"
        piece
    ) </dev/null &
    RUN_GROUP=$!
    set +m
    wait "$RUN_GROUP" || status=$?
    RUN_GROUP=
    # Its failures are counted; one that counted none died of something else.
    if ((status)) && ! grep -q "^fail" "$RUN_RESULTS"; then
        failed "the piece itself" "exit $status"
    fi
    cat "$RUN_RESULTS" >>"$results"
    RUN_RESULTS=$results
    printf '%s\t%s\n' "$RUN_PIECE" $((SECONDS - begin)) >>"$RUN_DIR/times"
}

# Everything of the labs whose name begins with $1 that could outlive them, one a line: processes, mounts, namespaces, interfaces, control
# groups and files that carry the name, or are a lab daemon's outside any lab.
traces() {
    local p name=$1
    {
        awk -v name="wattle-lab/$name" 'index($0, name) { print "mount", $5 }' /proc/self/mountinfo
        find /run/netns /run/wattle-lab /tmp /dev/shm -maxdepth 1 -name "*$name*" || true
        find /sys/fs/cgroup -type d -name "*$name*" || true
        for p in /proc/[0-9]*; do
            if compgen -G "$p/root/run/wattle-lab/$name*/room/hosts" >/dev/null; then
                printf 'process %s %s\n' "${p##*/}" "$(tr '\0' ' ' <"$p/cmdline" 2>/dev/null)"
            fi
        done
    } 2>/dev/null | sort
}

# tree_end GROUP: ends a process group and all that descends from its leader: timeout(1) puts what it runs into groups of their own.
tree_end() {
    local pids pid i
    mapfile -t pids < <(tree_of "$1")
    kill -TERM -- "-$1" "${pids[@]}" 2>/dev/null || true
    for ((i = 0; i < 100; i++)); do
        kill -0 "${pids[@]}" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -KILL "${pids[@]}" 2>/dev/null || true
}
tree_of() {
    local pid
    for pid in $(pgrep -P "$1"); do
        echo "$pid"
        tree_of "$pid"
    done
}

# Nothing may be left over, whatever happened. Runs once.
run_cleanup() {
    local status=$? left lab group
    trap - EXIT INT TERM HUP
    RUN_PIECE=cleanup
    # Interrupted: the piece has a process group of its own.
    for group in ${RUN_GROUP-} $RUN_BESIDE; do tree_end "$group"; done
    [[ -z $RUN_BESIDE ]] || wait "$RUN_BESIDE" || true
    for lab in "/run/wattle-lab/$RUN_LAB_NAME"*; do
        [[ -e $lab ]] || continue
        say "ending the lab"
        WATTLE_LAB=${lab##*/} "$RUN_CHECKOUT/tests/lab" down || true
    done
    left=$(comm -13 <(printf '%s\n' "$RUN_TRACES_BEFORE") <(traces "$RUN_LAB_NAME"))
    if [[ -z $left ]]; then
        passed "nothing left behind"
    else
        printf '%s\n' "$left" >"$RUN_DIR/left"
        failed "nothing left behind" "" "$RUN_DIR/left"
    fi
    # Builds are large and made anew each time; logs stay for a look.
    rm -rf "$RUN_SRC" "$RUN_DIR"/build*
    return "$status"
}

# More tests that need a second time than that: something is wrong, if not with what they test.
limit_flaky() {
    local n
    n=$(grep -c "^flaky" "$RUN_RESULTS") || true
    RUN_PIECE=flaky
    ((n <= RUN_FLAKY)) || failed "$n tests passed only the second time" "$RUN_FLAKY are let pass"
}

# What the failures said: the first lines of each, so that all have their part of a hundred.
run_details() {
    local file n each
    n=$(find "$RUN_DETAILS" -type f | wc -l)
    ((n)) || return 0
    each=$((n > 12 ? 8 : n > 1 ? 100 / n : 60))
    find "$RUN_DETAILS" -type f | sort | head -n 12 | while IFS= read -r file; do
        echo
        head -n "$each" "$file" | cut -c1-200
    done
    ((n <= 12)) || printf '\n%d more: %s\n' $((n - 12)) "$RUN_DETAILS"
}

run_summary() {
    run_details
    awk -F'\t' '
        FILENAME == ARGV[1] { time[$1] = $2; next }
        { if (!($2 in seen)) { seen[$2]; order[++n] = $2 } count[$2, $1]++; total[$1]++ }
        { words = sprintf("  %s: %s%s\n", $2, $3, $4 ? ": " $4 : "") }
        $1 == "skip" { skips = skips words }
        $1 == "left" { lefts = lefts words; left += $4 }
        $1 == "flaky" { flakes = flakes words }
        $1 == "fail" && ++shown <= 20 { fails = fails words }
        END {
            printf "\n%-14s %8s %8s %8s %8s %8s\n", "piece", "passed", "failed", "flaky", "skipped", "seconds"
            for (i = 1; i <= n; i++)
                printf "%-14s %8d %8d %8d %8d %8d\n", order[i], count[order[i], "pass"], count[order[i], "fail"],
                    count[order[i], "flaky"], count[order[i], "skip"], time[order[i]]
            if (skips) printf "\nskipped:\n%s", skips
            if (lefts) printf "\n%d slow tests left to a run by hand (tests/run --help):\n%s", left, lefts
            if (flakes) printf "\nFLAKY, failed and then passed on a new lab:\n%s", flakes
            if (fails) printf "\nfailed:\n%s", fails
            if (shown > 20) printf "  and %d more\n", shown - 20
            # The check for leftovers alone is no test run.
            ran = total["pass"] - count["cleanup", "pass"]
            if (!ran && !total["fail"]) print "\nnothing ran"
            printf "\n%d passed, %d failed, %d skipped%s\n", total["pass"], total["fail"], total["skip"],
                total["flaky"] ? sprintf(", %d flaky", total["flaky"]) : ""
            exit total["fail"] || !ran
        }' "$RUN_DIR/times" "$RUN_RESULTS"
}
