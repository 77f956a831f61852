# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# CUnit programs and component tests of a build without warnings.
piece() {
    build_ready
    check_in "$RUN_BUILD"
}
