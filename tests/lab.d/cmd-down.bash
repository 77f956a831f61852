# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/lab down

# shellcheck source=tests/lab.d/room.bash
. "$LAB_D/room.bash"

lab_down() {
    case ${1-} in
    '') need_owner ;;
    --force) ;;
    *) usage_error "down: unexpected '$1'" ;;
    esac
    need_root
    lab_lock
    [[ ${1-} == --force ]] || need_owner
    room_stop
    lab_unlock
}
