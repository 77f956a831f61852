#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The plugin exports what Slurm looks up and nothing else. A hook missing here would silently never run.
set -euo pipefail

so=spank/.libs/spank_wattle.so
wanted=$(sort "${srcdir:-.}/spank/spank_wattle.sym")
# Version and end-of-section marks of the toolchain aside.
found=$(nm -D --defined-only "$so" | awk '{print $3}' | grep -v -E '^(_init|_fini|__.*|_end|_edata)$' | sort)

if [ "$wanted" != "$found" ]; then
	echo "$so exports something else than spank/spank_wattle.sym says:" >&2
	diff <(echo "$wanted") <(echo "$found") >&2 || true
	exit 1
fi

# No library that may exit, abort or keep a state of its own in slurmstepd; ours are linked statically.
needed=$(readelf -d "$so" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -v -E '^(libpowercap|libjson-c|libinih|libc|libm|ld-linux.*|libasan|libubsan|libgcov|libgcc_s)\.so' || true)
if [ -n "$needed" ]; then
	echo "$so also needs: $needed" >&2
	exit 1
fi
