#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# One table, two schedulers: the rows of tests/golden/decisions.tsv that an MPIJob can say too, through sbatch and job_submit on this Slurm
# and through the bridge's own code. Answers, charges and refusals must be the same, to the letter.

bats_require_minimum_version 1.5.0
load cluster.bash
load decide.bash

GOLDEN=$BATS_TEST_DIRNAME/../golden
PARTITIONS='eco hot fat small whole'

setup_file() {
    local partition
    wait_idle
    lab on ctl -- sh -c 'cd /etc/wattle && cp -p wattle.conf wattle.conf.parity && cp -a profiles profiles.parity'
    for partition in $PARTITIONS; do
        lab on ctl -- scontrol create PartitionName="$partition" Nodes=ALL State=UP MaxTime=INFINITE
    done
    mkdir "$BATS_FILE_TMPDIR/programs"
    DECIDE=$(decide_program mpijob_decide "$BATS_FILE_TMPDIR/programs")
    export DECIDE
    "$DECIDE" profiles "$GOLDEN/models.txt" "$BATS_FILE_TMPDIR"
    tar -C "$BATS_FILE_TMPDIR" -cf - . | lab on ctl -- tar -C /etc/wattle/profiles --no-same-owner -xf - --wildcards '*.json'
    mkdir "$BATS_FILE_TMPDIR/store"
    mv "$BATS_FILE_TMPDIR"/*.json "$BATS_FILE_TMPDIR/store/"
}

teardown_file() {
    local partition
    lab on ctl -- scancel --user=alice
    wait_idle
    for partition in $PARTITIONS; do
        lab on ctl -- scontrol delete PartitionName="$partition"
    done
    lab on ctl -- sh -c 'cd /etc/wattle && mv wattle.conf.parity wattle.conf && rm -rf profiles && mv profiles.parity profiles'
}

# Rows on stdin, NAME and ARGs in tabs; NAME STATUS ID-OR-MESSAGE comes out. One shell for all of them: a thousand lab calls would take long.
SUBMIT='while IFS= read -r row; do
    IFS=$(printf "\t") read -r name args <<ROW
$row
ROW
    set --
    while [ -n "$args" ]; do
        arg=${args%%"$(printf "\t")"*}
        set -- "$@" "$arg"
        [ "$arg" = "$args" ] && break
        args=${args#*"$(printf "\t")"}
    done
    if said=$(sbatch -H --parsable -o /dev/null "$@" --wrap true 2>.parity-said </dev/null); then
        printf "%s\tok\t%s\n" "$name" "$said"
    else
        printf "%s\trefused\t%s\n" "$name" "$(sed -n "s/.*wattle: //p" .parity-said | head -n 1)"
    fi
done'

# of_slurm CONF: NAME ok|refused TEXT of each row of that site
of_slurm() {
    local name outcome text
    sed 's/^profile_dir.*//' "$GOLDEN/$1.conf" | lab on ctl -- sh -c 'cat >/etc/wattle/wattle.conf.new && mv /etc/wattle/wattle.conf.new /etc/wattle/wattle.conf'
    "$DECIDE" sbatch "$GOLDEN/decisions.tsv" 2>/dev/null | awk -F'\t' -v OFS='\t' -v conf="$1" '$2 == conf { $2 = ""; sub(/\t\t/, "\t"); print }' \
        >"$BATS_TEST_TMPDIR/rows"
    lab run --user alice -- sh -c "$SUBMIT" <"$BATS_TEST_TMPDIR/rows" >"$BATS_TEST_TMPDIR/submitted"
    lab on ctl -- scontrol show job -o >"$BATS_TEST_TMPDIR/jobs"
    while IFS=$'\t' read -r name outcome text; do
        if [[ $outcome == ok ]]; then
            # what slurmctld holds: the answer, and the licences that it counts
            text=$(awk -v id="JobId=$text" '$1 == id' "$BATS_TEST_TMPDIR/jobs" |
                sed -E 's/.* Licenses=power:([0-9]+) .*AdminComment=(wattle: .*)/\2 charged \1/; s/ +[A-Z][A-Za-z]+=.* charged / charged /; s/ charged/\tcharged/')
        fi
        printf '%s\t%s\t%s\n' "$name" "$outcome" "$text"
    done <"$BATS_TEST_TMPDIR/submitted"
    lab on ctl -- scancel --user=alice
}

# the bridge's text, and the charge that the table says
of_bridge() {
    "$DECIDE" bridge "$GOLDEN/decisions.tsv" "$GOLDEN" "$BATS_FILE_TMPDIR/store" 2>/dev/null |
        awk -F'\t' -v OFS='\t' 'NR == FNR { charge[$1] = $19; next } $2 == "ok" { $3 = $3 OFS "charged " charge[$1] } { print }' \
            "$GOLDEN/decisions.tsv" -
}

# an option and an annotation are named differently in a refusal, and nothing else is
plain() { sed -E 's/\tpower-cap: /\tpower: /; s/\tpower-profile: /\tprofile: /' | sort; }

@test "a hundred requests and more are decided alike by job_submit and by the bridge" {
    local conf
    for conf in wattle node budget; do
        of_slurm "$conf"
    done | plain >"$BATS_TEST_TMPDIR/slurm"
    of_bridge | plain >"$BATS_TEST_TMPDIR/bridge.all"
    join -t $'\t' -j 1 -o 2.1,2.2,2.3,2.4 <(cut -f1 "$BATS_TEST_TMPDIR/slurm") "$BATS_TEST_TMPDIR/bridge.all" | sed 's/\t$//' >"$BATS_TEST_TMPDIR/bridge"
    [[ $(wc -l <"$BATS_TEST_TMPDIR/slurm") -ge 100 ]]
    [[ $(cut -f2 "$BATS_TEST_TMPDIR/slurm" | grep -c ok) -ge 50 ]]
    diff "$BATS_TEST_TMPDIR/slurm" "$BATS_TEST_TMPDIR/bridge"
}
