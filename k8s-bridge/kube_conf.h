/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_KUBE_CONF_H
#define WATTLE_KUBE_CONF_H

/* Where the Kubernetes API is and who we are there: from a kubeconfig, or from what a pod is given. */

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

#define WATTLE_KUBE_CONF_BYTES_MAX (1024u * 1024)
#define WATTLE_KUBE_SA_DIR "/var/run/secrets/kubernetes.io/serviceaccount"

/* Strings are owned; NULL: not said. What a kubeconfig carries inline (…-data) lies in an anonymous file of this process, whose name
 * is then the path: keys never touch a disk. */
struct wattle_kube_conf {
	char *server;     /* "https://10.0.0.1:6443": no path beyond a prefix, no slash at its end. http:// alone for a loopback address */
	char *tls_name;   /* the name that the server's certificate must have, if not that of `server` */
	char *ca_file;    /* NULL: the system's authorities */
	char *cert_file, *key_file;
	char *token;      /* fixed; of a token_file NULL */
	char *token_file; /* re-read as it changes: service-account tokens live for an hour or less */
	char *namespace;  /* of the context, of the pod; else "default" */
	int fds[3];       /* the anonymous files; -1: none */
};

#define WATTLE_KUBE_CONF_INIT { .fds = { -1, -1, -1 } }

/* A kubeconfig: its current-context, or `context` if not NULL. Relative paths in it are relative to its folder. Refused, and err says what and
 * where: a file over WATTLE_KUBE_CONF_BYTES_MAX or that others may write, bad YAML, a missing context, cluster or user, insecure-skip-tls-verify,
 * credential plugins (exec, auth-provider), user names with passwords, a server without TLS that is not this host.
 * On error *ret is untouched. The caller frees with wattle_kube_conf_free. */
int wattle_kube_conf_read(const char *path, const char *context, struct wattle_kube_conf *ret, struct wattle_err *err);

/* What a pod is given: dir is WATTLE_KUBE_SA_DIR (ca.crt, token, namespace), host and port what KUBERNETES_SERVICE_HOST and _PORT say.
 * -ENOENT: not in a pod. */
int wattle_kube_conf_in_cluster(const char *dir, const char *host, const char *port, struct wattle_kube_conf *ret, struct wattle_err *err);

/* The kubeconfig if path is not NULL; else the pod's; else $KUBECONFIG (a single path). What daemons call. */
int wattle_kube_conf_find(const char *path, struct wattle_kube_conf *ret, struct wattle_err *err);

/* What a path links to (people link to kubeconfigs, and what kubelet mounts are links), for readers that follow none. NULL with errno. Freed by the
 * caller. */
char *wattle_kube_target(const char *path);

void wattle_kube_conf_free(struct wattle_kube_conf *conf);

#endif
