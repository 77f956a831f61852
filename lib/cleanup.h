/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_CLEANUP_H
#define WATTLE_CLEANUP_H

/* Memory and descriptors that leave with their scope. Undoing an effect on
 * hardware is never hidden behind these: it is explicit code. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void wattle_cleanup_free(void *p)
{
	free(*(void **) p);
}

static inline void wattle_cleanup_close(const int *fd)
{
	if (*fd >= 0) {
		int saved = errno;
		close(*fd);
		errno = saved;
	}
}

static inline void wattle_cleanup_fclose(FILE **f)
{
	if (*f)
		fclose(*f);
}

#define cleanup_free __attribute__((cleanup(wattle_cleanup_free)))
#define cleanup_close __attribute__((cleanup(wattle_cleanup_close)))
#define cleanup_fclose __attribute__((cleanup(wattle_cleanup_fclose)))

#endif
