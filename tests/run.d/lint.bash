# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Static checks, each counted: see tests/lint.
piece() {
    build_ready
    LINT_FILES=$RUN_DIR/files make -C "$RUN_BUILD" --no-print-directory lint 2>&1 | count_tap "" || true
}
