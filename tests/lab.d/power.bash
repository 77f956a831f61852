# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The simulated power hardware of each node.
power_start() { :; }
power_stop() { :; }
