# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# As for tests/system.
# shellcheck source=tests/system/setup_suite.bash
. "${BASH_SOURCE[0]%/*}/../system/setup_suite.bash"
