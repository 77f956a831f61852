/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_KUBE_EVENT_H
#define WATTLE_KUBE_EVENT_H

/* Events: what `kubectl describe` shows below an object. */

#include <stdbool.h>

#include "kube_http.h"

struct wattle_kube_ref {
	const char *api_version, *kind; /* "kubeflow.org/v2beta1", "MPIJob" */
	const char *namespace, *name, *uid; /* namespace NULL or "": none, the event goes to "default" */
};

/* Its name is made of object, reason and text: the same said again raises a count instead of making another. Best effort: nobody waits for it,
 * and a failure is only counted. reason: CamelCase; text: cut at 1,000 bytes. component: who says it, "wattle-bridge". */
void wattle_kube_event(struct wattle_kube *kube, const char *component, const struct wattle_kube_ref *about, bool warning, const char *reason,
		       const char *text);

#endif
