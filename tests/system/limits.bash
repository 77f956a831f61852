# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# For tests that read a node's limits from outside, of Slurm or of Kubernetes. boot.NODE in NODE_DIR: what they are while nothing runs.

READ='cat /sys/class/powercap/intel-rapl:[01]/constraint_[01]_power_limit_uw | paste -sd" " -'

limits() { lab on "$1" -- sh -c "$READ"; }
caps() { printf '%s %s %s %s\n' "$1" "$1" "$1" "$1"; }
is_at() { [[ $(limits "$1") == "$2" ]]; }
at_boot() { is_at "$1" "$(<"$NODE_DIR/boot.$1")"; }
