/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_KUBE_WORDS_H
#define WATTLE_KUBE_WORDS_H

/* Words in paths of the Kubernetes API. Pure, any thread. */

#include <stdbool.h>
#include <stddef.h>

/* Escapes text for a path's segment or a query's value. Returns dst, always terminated; text that does not fit gives "". */
char *wattle_kube_escape(char *dst, size_t size, const char *text);

/* A name that Kubernetes gives to objects (RFC 1123 subdomain, up to 253): such need no escape. */
bool wattle_kube_name_ok(const char *name);

#endif
