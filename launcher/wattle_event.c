/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wattle-event PID: connects as a PMIx tool to the server in mpirun PID and notifies the processes of its jobs of PMIX_JCTRL_CHECKPOINT.
 * Exit status 0: the server has taken it. For wattlerun; runs as the user, and talks to nobody but the user's own mpirun. */
#include <pmix_tool.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WITHIN_S 4 /* a server that does not answer */

/* The namespaces that the server knows, separated by commas; the caller frees. */
static char *namespaces(void)
{
	pmix_query_t *query;
	pmix_info_t *results = NULL;
	size_t n = 0;
	char *text = NULL;
	pmix_status_t rc;

	PMIX_QUERY_CREATE(query, 1);
	if (!query)
		return NULL;
	PMIX_ARGV_APPEND(rc, query->keys, PMIX_QUERY_NAMESPACES);
	if (rc == PMIX_SUCCESS && PMIx_Query_info(query, 1, &results, &n) == PMIX_SUCCESS)
		for (size_t i = 0; i < n; i++)
			if (!text && PMIX_CHECK_KEY(&results[i], PMIX_QUERY_NAMESPACES) && results[i].value.type == PMIX_STRING && results[i].value.data.string)
				text = strdup(results[i].value.data.string);
	PMIX_INFO_FREE(results, n);
	PMIX_QUERY_FREE(query, 1);
	return text;
}

/* To all processes of one namespace, and to no handler but one that asked for this event: Open MPI's default handler ends the program. */
static pmix_status_t notify(const char *name, const pmix_proc_t *self)
{
	pmix_data_array_t range = { 0 };
	pmix_proc_t all;
	pmix_info_t *info;
	bool yes = true;
	pmix_status_t rc;

	PMIX_LOAD_PROCID(&all, name, PMIX_RANK_WILDCARD);
	range.type = PMIX_PROC;
	range.size = 1;
	range.array = &all;
	PMIX_INFO_CREATE(info, 2);
	if (!info)
		return PMIX_ERR_NOMEM;
	PMIX_INFO_LOAD(&info[0], PMIX_EVENT_CUSTOM_RANGE, &range, PMIX_DATA_ARRAY);
	PMIX_INFO_LOAD(&info[1], PMIX_EVENT_NON_DEFAULT, &yes, PMIX_BOOL);
	rc = PMIx_Notify_event(PMIX_JCTRL_CHECKPOINT, self, PMIX_RANGE_CUSTOM, info, 2, NULL, NULL);
	PMIX_INFO_FREE(info, 2);
	return rc == PMIX_OPERATION_SUCCEEDED ? PMIX_SUCCESS : rc;
}

int main(int argc, char **argv)
{
	pid_t pid = argc == 2 ? (pid_t) atoi(argv[1]) : 0;
	char *list, *rest, *name;
	pmix_status_t rc;
	pmix_proc_t self;
	pmix_info_t *info;
	int told = 0;

	if (pid <= 0) {
		fprintf(stderr, "usage: wattle-event PID     (of an mpirun of this user's on this node)\n");
		return 2;
	}
	alarm(WITHIN_S);
	PMIX_INFO_CREATE(info, 1);
	if (!info)
		return 1;
	PMIX_INFO_LOAD(&info[0], PMIX_SERVER_PIDINFO, &pid, PMIX_PID);
	rc = PMIx_tool_init(&self, info, 1);
	PMIX_INFO_FREE(info, 1);
	if (rc != PMIX_SUCCESS) {
		fprintf(stderr, "wattle-event: no PMIx server in process %d: %s\n", (int) pid, PMIx_Error_string(rc));
		return 1;
	}
	list = namespaces();
	rest = list;
	while (rest && (name = strsep(&rest, ","))) {
		rc = *name ? notify(name, &self) : PMIX_SUCCESS;
		if (rc == PMIX_SUCCESS)
			told += *name != '\0';
		else
			fprintf(stderr, "wattle-event: %s: %s\n", name, PMIx_Error_string(rc));
	}
	if (!told)
		fprintf(stderr, "wattle-event: process %d has no job that can be told\n", (int) pid);
	free(list);
	/* what was sent goes out before the connection does */
	PMIx_tool_finalize();
	return told ? 0 : 1;
}
