# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# libFuzzer over the parsers of users' and site's words, over forecasts of whatever format, and over admission reviews: WATTLE_FUZZ_SECONDS of each (300). The corpus is kept from run to run, in
# the cache; what breaks a promise is kept beside it.
FUZZ_DIR=$RUN_CACHE/fuzz

piece() {
    deps build lint
    mkdir -p "$FUZZ_DIR/policy"
    fuzz_seeds "$FUZZ_DIR/policy"
    step "build fuzz_policy" fuzz_build || return 0
    step "fuzz_policy, ${WATTLE_FUZZ_SECONDS:-300} s" fuzz_policy || true
    mkdir -p "$FUZZ_DIR/forecast"
    fuzz_forecast_seeds "$FUZZ_DIR/forecast"
    step "build fuzz_forecast" fuzz_forecast_build || return 0
    step "fuzz_forecast, ${WATTLE_FUZZ_SECONDS:-300} s" fuzz_forecast || true
    mkdir -p "$FUZZ_DIR/admission"
    fuzz_admission_seeds "$FUZZ_DIR/admission"
    step "build fuzz_admission" fuzz_admission_build || return 0
    step "fuzz_admission, ${WATTLE_FUZZ_SECONDS:-300} s" fuzz_admission || true
}

fuzz_build() {
    local inih
    read -ra inih <<<"$(pkg-config --cflags --libs inih)"
    cd "$RUN_CHECKOUT" &&
        clang -g -O1 -std=gnu11 -D_GNU_SOURCE -w -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -Ilib -Ijobsubmit \
            tests/fuzz/fuzz_policy.c jobsubmit/script.c lib/{err,file,units,hostmatch,siteconf*,request,policy,tres,grant}.c \
            lib/{decimal,model,model_text,scaling,profile_store}.c "${inih[@]}" -lm -o "$FUZZ_DIR/fuzz_policy"
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
    printf '\6%s' $'power-profile\n./mine.json' >"$1/request"
    printf '\7%s' $'5%\nv1 name=mine form=hyperbolic linear=0.2 square=0.1 offset=0 min=100 max=400 time=60 r2=0.99 loo=1 caps=7 runs=21' \
        >"$1/slowdown"
    printf '\5%s' 'sbatch -N 4 --power 300 : --power=200 job.sh' >"$1/line"
}

fuzz_forecast_build() {
    local jsonc
    read -ra jsonc <<<"$(pkg-config --cflags --libs json-c)"
    cd "$RUN_CHECKOUT" &&
        clang -g -O1 -std=gnu11 -D_GNU_SOURCE -w -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -Ilib \
            tests/fuzz/fuzz_forecast.c lib/forecast*.c lib/{csv,decimal,instant,err,file,json}.c "${jsonc[@]}" -lm -o "$FUZZ_DIR/fuzz_forecast"
}

fuzz_forecast() {
    "$FUZZ_DIR/fuzz_forecast" -max_total_time="${WATTLE_FUZZ_SECONDS:-300}" -max_len=4096 -artifact_prefix="$FUZZ_DIR/forecast-" \
        -print_final_stats=1 "$FUZZ_DIR/forecast"
}

# fuzz_forecast_seeds FOLDER: one of each format; the first byte chooses the reader.
fuzz_forecast_seeds() {
    local cache='{"zone":"LAB","signal":"average","unit":"gCO2/kWh","issued":"2026-05-08T20:00:00Z","slot_s":30,"start":1e9,"values":[400,100.5,3e2]}'
    printf '\0%s' "$cache" >"$1/any-cache"
    printf '\1%s' "$cache" >"$1/cache"
    printf '\2%s' "${cache/100.5/null}" >"$1/history"
    printf '\0%s' '{"zone":"DE","forecast":[{"carbonIntensity":351,"datetime":"2026-05-08T21:00:00.000Z"},{"carbonIntensity":null,"datetime":"2026-05-08T22:00:00Z","isEstimated":true}],"updatedAt":"2026-05-08T20:41:00Z","temporalGranularity":"hourly","unit":"gCO2eq/kWh"}' >"$1/electricitymaps"
    printf '\0%s' '{"data":[{"point_time":"2026-04-01T00:00:00+00:00","value":412.5}],"meta":{"region":"CAISO_NORTH","signal_type":"co2_moer","units":"lbs_co2_per_mwh","data_point_period_seconds":300,"generated_at":"2026-03-31T23:55:00+00:00"}}' >"$1/watttime"
    printf '\0%s' '{"data":{"regionid":3,"shortname":"NW","data":[{"from":"2024-01-15T00:00Z","to":"2024-01-15T00:30Z","intensity":{"forecast":245,"actual":null}}]}}' >"$1/uk"
    printf '\0%s' $'Datetime (UTC),Zone Id,Carbon Intensity gCO\xe2\x82\x82eq/kWh (LCA),Price [EUR/MWh],Data Estimated\r\n2022-01-01 00:00:00,DE,270,-1.5,false\n2022-01-01 01:00:00,DE,,3,true\n' >"$1/portal"
    printf '\0%s' $'hour_index,carbon_intensity\n0,144.64\n3,130\n' >"$1/index"
}

fuzz_admission_build() {
    local libs
    read -ra libs <<<"$(pkg-config --cflags --libs inih json-c)"
    cd "$RUN_CHECKOUT" &&
        clang -g -O1 -std=gnu11 -D_GNU_SOURCE -w -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -Ilib -Ik8s-bridge \
            tests/fuzz/fuzz_admission.c k8s-bridge/{dig,mpijob,mutate,nodes,quantity,review}.c lib/{flow,sources,json,json_new,profile_{cache,choose,read,store},csv}.c \
            lib/{err,file,stamp,units,hostmatch,siteconf,request,policy,tres,grant,decimal,model,model_text,scaling,sweep,instant,slotload}.c \
            lib/carbon_{decide,text}.c lib/forecast{,_cache}.c lib/plan*.c "${libs[@]}" -lm -pthread -o "$FUZZ_DIR/fuzz_admission"
}

fuzz_admission() {
    "$FUZZ_DIR/fuzz_admission" -max_total_time="${WATTLE_FUZZ_SECONDS:-300}" -max_len=8192 -artifact_prefix="$FUZZ_DIR/admission-" \
        -print_final_stats=1 "$FUZZ_DIR/admission"
}

# fuzz_admission_seeds FOLDER: a review of a job that asks for much, and of one that asks for nothing.
fuzz_admission_seeds() {
    local worker='{"replicas":2,"template":{"spec":{"nodeSelector":{"a":"b"},"tolerations":[{"operator":"Exists"}],"containers":[{"name":"w","resources":{"limits":{"cpu":"2","wattle.hpc/watts":"300"}}}]}}}'
    local words='"wattle.hpc/power":"300W","wattle.hpc/carbon":"start","wattle.hpc/min-replicas":"1","wattle.hpc/deadline":"2026-05-08T21:00:00Z"'
    printf '%s' '{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","operation":"CREATE","object":{"kind":"MPIJob","metadata":{"name":"a","labels":{"kueue.x-k8s.io/queue-name":"q"},"annotations":{'"$words"'}},"spec":{"slotsPerWorker":4,"runPolicy":{"suspend":false,"activeDeadlineSeconds":60},"mpiReplicaSpecs":{"Worker":'"$worker"'}}}}}' >"$1/much"
    printf '%s' '{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","operation":"CREATE","object":{"kind":"MPIJob","metadata":{"generateName":"a-"},"spec":{"mpiReplicaSpecs":{"Worker":'"$worker"'}}}}}' >"$1/nothing"
}
