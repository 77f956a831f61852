# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The tarball builds, passes, installs below its prefix, and uninstalls, all from a read-only source tree.
piece() {
    build_ready
    step "make distcheck" make -C "$RUN_BUILD" "$RUN_JOBS" distcheck
}
