# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The unit and component tests under AddressSanitizer and UndefinedBehaviorSanitizer.
piece() {
    source_ready
    step "build with sanitizers" "$RUN_D/build-in" "$RUN_DIR/build-sanitizers" "$RUN_SRC" \
        --enable-sanitizers CFLAGS='-g -O1'
    check_in "$RUN_DIR/build-sanitizers"
}
