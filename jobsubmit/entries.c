/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "jobsubmit.h"

#include <errno.h>
#include <string.h>

void wattle_entries_remove(char **entries, uint32_t *n, bool (*unwanted)(const char *entry))
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < *n; i++) {
		char *entry = entries[i];

		entries[i] = NULL;
		if (entry && unwanted(entry))
			slurm_xfree((void **) &entry);
		if (entry)
			entries[kept++] = entry;
	}
	*n = kept;
}

int wattle_entries_append(char ***entries, uint32_t *n, const char *entry, struct wattle_err *err)
{
	/* may fail: a list is as long as its user made it */
	char **longer = slurm_xcalloc(*n + 2, sizeof(*longer), true, true, __FILE__, __LINE__, __func__);

	if (!longer)
		return wattle_err_set(err, ENOMEM, "out of memory for %u entries", *n + 1);
	if (*n > 0)
		memcpy(longer, *entries, *n * sizeof(*longer));
	longer[*n] = slurm_xstrdup(entry);
	slurm_xfree((void **) entries);
	*entries = longer;
	(*n)++;
	return 0;
}
