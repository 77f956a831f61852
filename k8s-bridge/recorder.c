/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "recorder.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "thread.h"

#define LEAVE_MS 2000

struct waiting {
	struct waiting *next;
	struct wattle_pod_record record;
};

struct wattle_recorder {
	char report_dir[256];
	void (*say)(bool warning, const char *text);
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct waiting *first, **last;
	size_t n;
	bool leave;
};

static void *run(void *arg)
{
	struct wattle_recorder *r = arg;

	for (;;) {
		struct wattle_err err = WATTLE_ERR_INIT;
		struct waiting *one;
		char text[700];

		pthread_mutex_lock(&r->lock);
		while (!r->first && !r->leave)
			pthread_cond_wait(&r->wake, &r->lock);
		one = r->first;
		if (one) {
			r->first = one->next;
			r->n--;
			if (!r->first)
				r->last = &r->first;
		}
		pthread_mutex_unlock(&r->lock);
		if (!one)
			return NULL;
		if (wattle_report_pod_append(r->report_dir, &one->record, &err) < 0) {
			snprintf(text, sizeof(text), "the record of pod %.100s is lost: %s", one->record.pod, err.text);
			r->say(true, text);
		}
		free(one);
	}
}

struct wattle_recorder *wattle_recorder_new(const char *report_dir, void (*say)(bool warning, const char *text))
{
	struct wattle_recorder *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	snprintf(r->report_dir, sizeof(r->report_dir), "%s", report_dir);
	r->say = say;
	r->last = &r->first;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->wake, NULL);
	if (wattle_thread_start(&r->thread, run, r) < 0) {
		free(r);
		return NULL;
	}
	return r;
}

/* False: so many wait already. */
static bool append(struct wattle_recorder *r, struct waiting *one)
{
	bool room;

	pthread_mutex_lock(&r->lock);
	room = r->n < WATTLE_RECORDER_ROOM;
	if (room) {
		*r->last = one;
		r->last = &one->next;
		r->n++;
		pthread_cond_signal(&r->wake);
	}
	pthread_mutex_unlock(&r->lock);
	return room;
}

int wattle_recorder_put(struct wattle_recorder *r, const struct wattle_pod_record *record)
{
	struct waiting *one = calloc(1, sizeof(*one));

	if (!one)
		return -ENOMEM;
	one->record = *record;
	if (append(r, one))
		return 0;
	free(one);
	return -ENOBUFS;
}

void wattle_recorder_free(struct wattle_recorder *r)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->leave = true;
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
	if (!wattle_thread_wait(r->thread, LEAVE_MS)) {
		pthread_detach(r->thread);
		return;
	}
	pthread_mutex_destroy(&r->lock);
	pthread_cond_destroy(&r->wake);
	free(r);
}
