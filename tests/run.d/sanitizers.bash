# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The unit and component tests under AddressSanitizer and UndefinedBehaviorSanitizer.
piece() {
    source_ready
    step "build with sanitizers" configure_and_make "$RUN_DIR/build-sanitizers" --enable-sanitizers CFLAGS='-g -O1'
    check_in "$RUN_DIR/build-sanitizers"
}
