# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a prolog waits for. The lab's power hardware is a FUSE file system, so a write costs two context switches here
# that it does not on real hardware.

bench() {
    local n program=$BENCH_TMP/cap_apply libs
    n=$(repeats 200 10)
    read -ra libs <<<"$(pkg-config --cflags --libs json-c inih)"
    cc -O2 -w -D_GNU_SOURCE -I"$BENCH_CHECKOUT/lib" -o "$program" "$BENCH_D/cap_apply.c" "$BENCH_CHECKOUT"/lib/*.c \
        "${libs[@]}" -lpowercap -lm
    lab_up bench-cap --nodes 1
    lab bench-cap on n1 -- sh -c 'cat >/root/cap_apply && chmod +x /root/cap_apply' <"$program"
    lab bench-cap on n1 -- /root/cap_apply "$n" </dev/null >"$BENCH_TMP/cap"
    awk '{ print $1 }' "$BENCH_TMP/cap" | figure cap_apply us none 0 "all four limits of a node written and read back"
    awk '{ print $2 }' "$BENCH_TMP/cap" | figure cap_transaction us none 0 "the same with lock, journal and fsync"
}
