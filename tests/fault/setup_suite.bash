# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# As for tests/system. A lab brought up here must be told of a build with fault points: WATTLE_LAB_BUILD.
# shellcheck source=tests/system/setup_suite.bash
. "${BASH_SOURCE[0]%/*}/../system/setup_suite.bash"
