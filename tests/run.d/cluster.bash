# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# For the pieces that need a cluster: a lab is brought up, every file of a folder runs on it, and it is ended.
#
# Each file finds the lab as `up` leaves it: what a file left behind is counted against it, and the next gets a new lab.
# What failed is tried once more, on a new lab: tests/README.md says why, and what becomes of it.

CLUSTER_AGAIN=6 # with more failures in a file it is not the machine's fault

# on_cluster FOLDER SLURM [up option …]: the bats files of tests/FOLDER on a lab with that Slurm. CLUSTER_IS says what lab that
# is, where there are several with it.
on_cluster() {
    local folder=$1 slurm=$2 file files=() lab=${CLUSTER_IS:-Slurm $2}
    shift 2
    mapfile -t files < <(compgen -G "$RUN_CHECKOUT/tests/$folder/${WATTLE_RUN_FILES:-*}.bats" | sort)
    ((${#files[@]})) || {
        missing "tests of $folder" "no file tests/$folder/${WATTLE_RUN_FILES:-*}.bats"
        return 0
    }
    for file in "${CLUSTER_ALONE[@]}"; do
        [[ -z ${CLUSTER_TURN-} || -e $RUN_CHECKOUT/tests/$folder/$file.bats ]] || failed "tests/$folder/$file.bats" "is to run alone, and there is none"
    done
    mapfile -t files < <(for file in "${files[@]}"; do ! in_turn "$(basename "$file" .bats)" || echo "$file"; done)
    ((${#files[@]})) || return 0
    # long ones first, so that labs that share them end together
    [[ -z ${CLUSTER_CLAIMS-} ]] || mapfile -t files < <(ls -S "${files[@]}")
    export WATTLE_LAB_SLURM=$slurm
    CLUSTER_UP=(up --slurm "$slurm" "$@")
    CLUSTER_TAGS=()
    [[ $slurm == native ]] || CLUSTER_TAGS=('!native') # tests/README.md
    if step "lab up, $lab" "$RUN_CHECKOUT/tests/lab" "${CLUSTER_UP[@]}"; then
        for file in "${files[@]}"; do
            claimed "$file" || continue
            bats_file "$file" "$slurm/$(basename "$file" .bats)" || break
        done
        step "lab down, $lab" "$RUN_CHECKOUT/tests/lab" down || true
    fi
    step "nothing left of the lab, $lab" no_traces || true
}

# With CLUSTER_ALONE, names of files that must not run beside anything, and CLUSTER_TURN: those, or the others.
in_turn() {
    case ${CLUSTER_TURN-} in
    alone) is_one_of "$1" "${CLUSTER_ALONE[@]}" ;;
    others) ! is_one_of "$1" "${CLUSTER_ALONE[@]}" ;;
    esac
}

# With CLUSTER_CLAIMS, a folder that several labs share: this one is to run the file, as no other has begun it.
claimed() { [[ -z ${CLUSTER_CLAIMS-} ]] || mkdir "$CLUSTER_CLAIMS/${1##*/}" 2>/dev/null; }

# bats_file FILE NAME: the file's tests, and once more those that failed. Fails if there is no lab any more.
bats_file() {
    local before log=$RUN_LOGS/$RUN_PIECE-${2//\//-} failures=() filter='' begin=$SECONDS left
    left=$(slow_tests "$1")
    ((left == 0)) || {
        result left "$2" "$left"
        say "$RUN_PIECE: $2: $left slow tests are left to a run by hand"
        (($(bats --count "$1") > left)) || return 0
    }
    before=$(wc -l <"$RUN_RESULTS")
    say "$RUN_PIECE: $2"
    bats_run "$2" "$log" "$1"
    mapfile -t failures < <(tail -n "+$((before + 1))" "$RUN_RESULTS" | awk -F'\t' '$1 == "fail" { print $3 }')
    say_now "$RUN_PIECE: $2: ${#failures[@]} failed ($((SECONDS - begin)) s)"
    if ((${#failures[@]} == 0)); then
        settled "$2" "$log" || fresh_lab "$2"
        return
    fi
    daemon_logs "$log-daemons.log"
    fresh_lab "$2" || return
    if ((${#failures[@]} > CLUSTER_AGAIN)); then
        say "$RUN_PIECE: $2: ${#failures[@]} failures: not tried again"
        return
    fi
    # The whole file, if it was more than a test that failed.
    if [[ ! " ${failures[*]##*: } " =~ \ (setup_file\ failed|teardown_file\ failed|the\ file)\  ]]; then
        # shellcheck disable=SC2016
        filter=$(printf '%s\n' "${failures[@]#"$2: "}" | sed 's/[][\.|$(){}?+*^]/\\&/g' | paste -sd'|')
    fi
    say "$RUN_PIECE: $2: once more, on a new lab: ${filter:-the whole file}"
    : >"$RUN_OWN/again"
    RUN_RESULTS=$RUN_OWN/again bats_run "$2" "$log-again" ${filter:+--filter "^($filter)\$"} "$1"
    count_again "$RUN_OWN/again" "$((before + 1))"
    settled "$2" "$log-again" || fresh_lab "$2"
}

# Are slow tests left out? All are run but in CI.
slow_left() { [[ ${WATTLE_RUN_SLOW:-$([[ $RUN_CI_MODE == true ]] && echo no)} == no ]]; }
# How many tests of FILE are left out.
slow_tests() { if slow_left; then bats --count --filter-tags slow "$1"; else echo 0; fi; }

# bats_run NAME LOG ARGS…: a file that hangs is ended, and what it did not run is counted as failed.
bats_run() {
    local name=$1 log=$2
    shift 2
    local tags=("${CLUSTER_TAGS[@]}")
    ! slow_left || tags+=('!slow')
    ((${#tags[@]} == 0)) || set -- --filter-tags "$(IFS=, && echo "${tags[*]}")" "$@"
    BATS_TEST_TIMEOUT=${BATS_TEST_TIMEOUT:-300} timeout --kill-after=20 1800 bats --print-output-on-failure --timing --tap "$@" \
        </dev/null 2>&1 | tee "$log.tap" | RUN_STATE=trouble count_tap "$name" || true # what failed is counted
}

# What failed the first time is counted as flaky if it passed now, and what did not run then is counted now. A failure that is no test's, as of
# setup_file, has no like: all must have passed then, and something have run.
# count_again RESULTS FIRST: FIRST is the line of RUN_RESULTS where the first time begins.
count_again() {
    awk -F'\t' -v OFS='\t' -v begin="$2" '
        FILENAME == ARGV[1] { now[$3] = $1; line[$3] = $0; if ($1 == "fail") bad = 1; else ran = 1; next }
        FNR < begin { print; next }
        { then[$3]; if ($1 == "fail" && ($3 in now ? now[$3] == "pass" : ran && !bad)) $1 = "flaky"; print }
        END { for (name in now) if (!(name in then)) print line[name] }' "$1" "$RUN_RESULTS" >"$RUN_RESULTS.new"
    mv "$RUN_RESULTS.new" "$RUN_RESULTS"
}

trouble() { timeout 60 "$RUN_CHECKOUT/tests/lab" trouble </dev/null 2>&1 || true; }

# settled NAME LOG: the lab is as `up` left it, or NAME has failed.
settled() {
    timeout 300 "$RUN_CHECKOUT/tests/lab" settle </dev/null >"$RUN_OWN/settle" 2>&1 && return
    daemon_logs "$2-daemons.log"
    failed "$1: leaves the lab as it was" "" "$RUN_OWN/settle"
    return 1
}

fresh_lab() {
    "$RUN_CHECKOUT/tests/lab" down </dev/null >"$RUN_OWN/fresh" 2>&1 &&
        "$RUN_CHECKOUT/tests/lab" "${CLUSTER_UP[@]}" </dev/null >>"$RUN_OWN/fresh" 2>&1 && return
    failed "$1: a new lab after it" "" "$RUN_OWN/fresh"
    return 1
}

# What the daemons said, for who can look into the logs.
daemon_logs() {
    local host
    for host in ctl n1 n2 n3 n4 kctl k1 k2; do
        echo "----- $host"
        timeout 20 "$RUN_CHECKOUT/tests/lab" logs "$host" 2>&1 </dev/null || true
    done >"$1"
}

no_traces() {
    local left
    left=$(traces "$WATTLE_LAB")
    [[ -z $left ]] || {
        printf '%s\n' "$left"
        return 1
    }
}
