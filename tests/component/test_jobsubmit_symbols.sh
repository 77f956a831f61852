#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The plugin exports what slurmctld looks up and nothing else, and asks slurmctld for nothing it may not have.
set -euo pipefail

so=jobsubmit/.libs/job_submit_wattle.so
list=${srcdir:-.}/jobsubmit/exports.txt
# Marks of the toolchain aside.
found=$(nm -D --defined-only "$so" | awk '{print $3}' | grep -v -E '^(_init|_fini|__.*|_end|_edata)$' | LC_ALL=C sort)
if [[ $found != "$(LC_ALL=C sort "$list")" ]]; then
    echo "$so exports something else than $list says:" >&2
    diff <(LC_ALL=C sort "$list") <(echo "$found") >&2 || true
    exit 1
fi

# Strong symbols must be in every version of Slurm that the plugin is for.
wanted="slurm_error slurm_info slurm_xcalloc slurm_xfree slurm_xstrdup"
# AddressSanitizer's build has the C library's without their versions, too.
ours=.
if readelf -d "$so" | grep -q libasan; then ours=^slurm_; fi
asked=$(nm -D --undefined-only "$so" | awk '$1 == "U" && $2 !~ /@/ {print $2}' |
    grep -v -E '^(__.*|_ITM_.*|ini_parse_stream)$' | grep -e "$ours" | LC_ALL=C sort | paste -sd' ' -)
if [[ $asked != "$wanted" ]]; then
    echo "$so asks slurmctld for: $asked" >&2
    echo "wanted: $wanted" >&2
    exit 1
fi

# No library that may exit, abort on input or keep a state of its own in slurmctld (json-c: what Slurm itself reads JSON with).
needed=$(readelf -d "$so" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
    grep -v -E '^(libinih|libjson-c|libc|libm|libpthread|ld-linux.*|libasan|libubsan|libgcov|libgcc_s)\.so' || true)
if [[ -n $needed ]]; then
    echo "$so also needs: $needed" >&2
    exit 1
fi
