/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_NOTIFY_H
#define WATTLE_NOTIFY_H

/* Tells a service manager that asked by NOTIFY_SOCKET (sd_notify(3)'s protocol: one datagram). state: "READY=1",
 * "STOPPING=1". Without NOTIFY_SOCKET, or if nobody listens: nothing happens. */
void wattle_notify(const char *state);

#endif
