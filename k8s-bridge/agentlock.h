/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_AGENTLOCK_H
#define WATTLE_AGENTLOCK_H

/* One wattle-agent per node, and a way for others to see that it runs: a lock that the kernel drops with the process. */

/* Takes RUN_DIR/agent.lock and keeps it as long as the descriptor lives. The descriptor; -EBUSY: another agent runs; or -errno. */
int wattle_agent_lock(const char *run_dir);

/* 1: an agent runs, 0: none, -errno: can't be told. Takes no lock. */
int wattle_agent_running(const char *run_dir);

#endif
