# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Jobs of wattlerun under forecasts whose slots are seconds.

job_state() { lab on ctl -- scontrol show job -o "$1" | grep -o 'JobState=[A-Z]*' | cut -d= -f2; }
end_of() { date -d "$(lab on ctl -- scontrol show job -o "$1" | grep -o ' EndTime=[^ ]*' | cut -d= -f2)" +%s; }
out_has() { as alice grep -q -e "$2" "mall/$1"; }

keep_site() { lab on ctl -- sh -c 'cd /etc/wattle && cp -p wattle.conf wattle.conf.mall && mkdir -p profiles'; }
back_to_site() { lab on ctl -- sh -c 'cd /etc/wattle && mv wattle.conf.mall wattle.conf'; }

# put_carbon LINE…: the site's configuration with these in [carbon]
put_carbon() {
    lab on ctl -- sh -c 'cd /etc/wattle && { cat wattle.conf.mall; echo "[carbon]"; printf "%s\n" "$@"; } >wattle.conf.new && mv wattle.conf.new wattle.conf' sh "$@"
}

# put_profile NAME CURVE-LINE…: a program that watts from 200 on hardly slow down
put_profile() {
    local name=$1
    shift
    lab on ctl -- sh -c 'cd /root && printf "%s\n" "$@" >curve.csv && printf "cap_w,time_s\n200,60.6\n250,60.4\n300,60.2\n400,60\n" >sweep.csv &&
        wattle profile fit sweep.csv --scaling curve.csv -o /etc/wattle/profiles/'"$name"'.json' sh "$@" >/dev/null
}

# put_forecast SLOT_S "VALUE TIMES" …: from $T on, in seconds since 1970, which it sets unless FROM is said
put_forecast() {
    local slot_s=$1 values='' part i
    T=${FROM-$(date +%s)}
    shift
    for part; do for ((i = 0; i < ${part#* }; i++)); do values+=,${part% *}; done; done
    lab on login -- sh -c 'cd /var/lib/wattle/carbon && cat >LAB.json.new && mv LAB.json.new LAB.json' <<<"{\"zone\": \"LAB\",
        \"signal\": \"average\", \"unit\": \"gCO2/kWh\", \"issued\": $(date +%s), \"slot_s\": $slot_s, \"start\": $T, \"values\": [${values:1}]}"
}

# submit_run OUT SBATCH-ARGS… -- the arguments of wattlerun: prints the job id.
submit_run() {
    local args=() out=$1
    shift
    while [[ $1 != -- ]]; do args+=("$1") && shift; done
    shift
    as alice sbatch --parsable -o "mall/$out" --ntasks-per-node=1 "${args[@]}" 2> >(cat >&2) <<JOB
#!/bin/bash
cd mall || exit
export OMPI_MCA_mpi_yield_when_idle=1 PRTE_MCA_bindto=none # ranks that wait would use up their node's share of the CPU
wattlerun $(wattlerun_by) $*
JOB
}
