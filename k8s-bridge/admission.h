/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_K8S_ADMISSION_H
#define WATTLE_K8S_ADMISSION_H

/* The HTTPS server of the admission webhook: POST /mutate. libmicrohttpd without a thread of its own: it runs on the caller's event loop, so
 * that reviews see the nodes and the configuration as the controller does and nothing is shared between threads. A review takes a fraction of
 * a millisecond; nobody is waited for: clients are non-blocking, at most WATTLE_ADMISSION_CLIENTS of them, idle ones are dropped after 30 s.
 *
 * Certificate and key are files that others replace (cert-manager, a Secret's volume): looked at every 10 s, and the new pair is taken for new
 * connections while old ones end in peace. A pair that does not fit is reported, and the old one stays. */

#include <event2/event.h>
#include <stdint.h>

#include "err.h"
#include "mpijob.h"
#include "review.h"

#define WATTLE_ADMISSION_CLIENTS 256
#define WATTLE_ADMISSION_CERT_BYTES_MAX (256u * 1024)

struct wattle_admission;

struct wattle_admission_spec {
	const char *address;        /* numeric, "0.0.0.0"; NULL: any, IPv6 too */
	uint16_t port;              /* 0: any free one */
	const char *cert_file, *key_file; /* PEM */
	const struct wattle_k8s_site *site; /* read at each review: the caller keeps it current */
	/* After each review: for counters and the log. MAY be NULL. */
	void (*reviewed)(void *arg, enum wattle_review_kind kind, double took_s);
	void (*trouble)(void *arg, const char *text); /* one line for the log; may be NULL */
	void *arg;
};

/* Strings are copied. -errno: port taken, no certificate … */
int wattle_admission_open(struct event_base *base, const struct wattle_admission_spec *spec, struct wattle_admission **ret,
			  struct wattle_err *err);
uint16_t wattle_admission_port(const struct wattle_admission *admission);
/* Looks at the certificate now instead of in up to 10 s. 1: a new pair is in force; 0: nothing changed; -errno. */
int wattle_admission_reload(struct wattle_admission *admission);
void wattle_admission_close(struct wattle_admission *admission);

#endif
