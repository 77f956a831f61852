/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "kube_conf.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#include "cleanup.h"
#include "file.h"

#define TEXT_MAX 65536 /* of a value that is no certificate */

void wattle_kube_conf_free(struct wattle_kube_conf *conf)
{
	char *text[] = { conf->server, conf->tls_name, conf->ca_file, conf->cert_file, conf->key_file, conf->token, conf->token_file, conf->namespace };

	if (conf->token)
		explicit_bzero(conf->token, strlen(conf->token));
	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++)
		free(text[i]);
	for (size_t i = 0; i < 3; i++)
		if (conf->fds[i] >= 0)
			close(conf->fds[i]);
	*conf = (struct wattle_kube_conf) WATTLE_KUBE_CONF_INIT;
}

char *wattle_kube_target(const char *path)
{
	struct stat st;

	/* not always: the root of another mount namespace (/proc/PID/root) has no path of ours */
	if (lstat(path, &st) < 0)
		return NULL;
	return S_ISLNK(st.st_mode) ? realpath(path, NULL) : strdup(path);
}

/* What goes into a header or a message: printable, no blanks. */
static bool plain(const char *text)
{
	if (!text[0])
		return false;
	for (const char *p = text; *p; p++)
		if ((unsigned char) *p <= 0x20 || (unsigned char) *p >= 0x7f)
			return false;
	return true;
}

/* --- the server ------------------------------------------------------------------ */

static bool loopback(const char *host)
{
	static const char *const ours[] = { "127.0.0.1", "localhost", "[::1]" };

	for (size_t i = 0; i < 3; i++) {
		size_t n = strlen(ours[i]);

		if (strncmp(host, ours[i], n) == 0 && (host[n] == '\0' || host[n] == ':' || host[n] == '/'))
			return true;
	}
	return false;
}

static int set_server(struct wattle_kube_conf *conf, const char *from, const char *server, struct wattle_err *err)
{
	char quoted[128];
	size_t n = strlen(server);

	wattle_err_quote(quoted, sizeof(quoted), server);
	if (!plain(server) || strchr(server, '@') || strchr(server, '?') || strchr(server, '#'))
		return wattle_err_set(err, EINVAL, "%s: server \"%s\" is no address: https://HOST:PORT is wanted", from, quoted);
	if (strncmp(server, "https://", 8) != 0 && !(strncmp(server, "http://", 7) == 0 && loopback(server + 7)))
		return wattle_err_set(err, EINVAL, "%s: server \"%s\" without TLS: https:// is wanted, http:// is for this host alone", from, quoted);
	while (n > 0 && server[n - 1] == '/')
		n--;
	conf->server = strndup(server, n);
	return conf->server ? 0 : wattle_err_set(err, ENOMEM, "out of memory");
}

/* --- YAML -------------------------------------------------------------------------- */

static yaml_node_t *get(yaml_document_t *doc, yaml_node_t *map, const char *key)
{
	if (!map || map->type != YAML_MAPPING_NODE)
		return NULL;
	for (yaml_node_pair_t *pair = map->data.mapping.pairs.start; pair < map->data.mapping.pairs.top; pair++) {
		const yaml_node_t *name = yaml_document_get_node(doc, pair->key);

		if (name && name->type == YAML_SCALAR_NODE && strcmp((const char *) name->data.scalar.value, key) == 0)
			return yaml_document_get_node(doc, pair->value);
	}
	return NULL;
}

/* NULL if there is none or it is empty. */
static const char *text_of(yaml_document_t *doc, yaml_node_t *map, const char *key)
{
	const yaml_node_t *node = get(doc, map, key);

	/* a NUL can be written in YAML; the file's text has none */
	if (!node || node->type != YAML_SCALAR_NODE || node->data.scalar.length != strlen((const char *) node->data.scalar.value) ||
	    node->data.scalar.length == 0)
		return NULL;
	return (const char *) node->data.scalar.value;
}

/* clusters, users and contexts are lists of {name, what: {…}}. */
static yaml_node_t *entry(yaml_document_t *doc, yaml_node_t *root, const char *list, const char *what, const char *name)
{
	const yaml_node_t *all = get(doc, root, list);

	if (!all || all->type != YAML_SEQUENCE_NODE)
		return NULL;
	for (const yaml_node_item_t *item = all->data.sequence.items.start; item < all->data.sequence.items.top; item++) {
		yaml_node_t *one = yaml_document_get_node(doc, *item);
		const char *its = text_of(doc, one, "name");

		if (its && strcmp(its, name) == 0)
			return get(doc, one, what);
	}
	return NULL;
}

/* --- files and data ------------------------------------------------------------------ */

/* A path as the kubeconfig means it: relative to its own folder. */
static char *resolve(const char *kubeconfig, const char *path)
{
	const char *slash = strrchr(kubeconfig, '/');
	char *ret = NULL;

	if (path[0] == '/' || !slash)
		return strdup(path);
	return asprintf(&ret, "%.*s/%s", (int) (slash - kubeconfig), kubeconfig, path) < 0 ? NULL : ret;
}

/* Base64 to an anonymous file. */
static int data_file(const char *what, const char *data, int *ret_fd, char **ret_path, struct wattle_err *err)
{
	gnutls_datum_t in = { (unsigned char *) (uintptr_t) data, (unsigned) strlen(data) }, out = { NULL, 0 };
	int fd, rc = 0;

	if (gnutls_base64_decode2(&in, &out) < 0)
		return wattle_err_set(err, EINVAL, "%s is no base64", what);
	fd = memfd_create("wattle-kube", MFD_CLOEXEC);
	if (fd < 0 || write(fd, out.data, out.size) != (ssize_t) out.size || asprintf(ret_path, "/proc/self/fd/%d", fd) < 0) {
		*ret_path = NULL;
		rc = wattle_err_set(err, errno ? errno : EIO, "%s: %s", what, strerror(errno));
	}
	explicit_bzero(out.data, out.size);
	gnutls_free(out.data);
	if (rc < 0 && fd >= 0)
		close(fd);
	else
		*ret_fd = fd;
	return rc;
}

/* KEY-data, else KEY. Neither: 0 and NULL. */
static int file_or_data(yaml_document_t *doc, yaml_node_t *map, const char *kubeconfig, const char *key, int *ret_fd, char **ret_path,
			struct wattle_err *err)
{
	char data_key[64];
	const char *text;

	snprintf(data_key, sizeof(data_key), "%s-data", key);
	text = text_of(doc, map, data_key);
	if (text) {
		if (data_file(data_key, text, ret_fd, ret_path, err) < 0)
			return wattle_err_wrap(err, "%s", kubeconfig);
		return 0;
	}
	text = text_of(doc, map, key);
	if (!text)
		return 0;
	*ret_path = resolve(kubeconfig, text);
	if (!*ret_path)
		return wattle_err_set(err, ENOMEM, "out of memory");
	if (access(*ret_path, R_OK) < 0)
		return wattle_err_set(err, errno, "%s: %s %s: %s", kubeconfig, key, *ret_path, strerror(errno));
	return 0;
}

/* --- kubeconfig ------------------------------------------------------------------------ */

static int read_cluster(yaml_document_t *doc, yaml_node_t *cluster, const char *path, struct wattle_kube_conf *conf, struct wattle_err *err)
{
	const char *server = text_of(doc, cluster, "server"), *skip = text_of(doc, cluster, "insecure-skip-tls-verify");
	const char *name = text_of(doc, cluster, "tls-server-name");

	if (skip && strcmp(skip, "false") != 0)
		return wattle_err_set(err, EINVAL, "%s: insecure-skip-tls-verify is not taken: give certificate-authority", path);
	if (text_of(doc, cluster, "proxy-url"))
		return wattle_err_set(err, EINVAL, "%s: proxy-url is not supported", path);
	if (!server)
		return wattle_err_set(err, EINVAL, "%s: the cluster has no server", path);
	if (name && (!plain(name) || strlen(name) > 253))
		return wattle_err_set(err, EINVAL, "%s: tls-server-name is no name", path);
	if (name && !(conf->tls_name = strdup(name)))
		return wattle_err_set(err, ENOMEM, "out of memory");
	if (set_server(conf, path, server, err) < 0)
		return -err->code;
	return file_or_data(doc, cluster, path, "certificate-authority", &conf->fds[0], &conf->ca_file, err);
}

static int read_user(yaml_document_t *doc, yaml_node_t *user, const char *path, struct wattle_kube_conf *conf, struct wattle_err *err)
{
	const char *token = text_of(doc, user, "token"), *token_file = text_of(doc, user, "tokenFile");

	if (get(doc, user, "exec") || get(doc, user, "auth-provider"))
		return wattle_err_set(err, EINVAL, "%s: programs that make credentials (exec, auth-provider) are not run: "
				      "give token, tokenFile or client-certificate and client-key", path);
	if (get(doc, user, "username") || get(doc, user, "password"))
		return wattle_err_set(err, EINVAL, "%s: user names with passwords are not supported", path);
	if (file_or_data(doc, user, path, "client-certificate", &conf->fds[1], &conf->cert_file, err) < 0 ||
	    file_or_data(doc, user, path, "client-key", &conf->fds[2], &conf->key_file, err) < 0)
		return -err->code;
	if (!conf->cert_file != !conf->key_file)
		return wattle_err_set(err, EINVAL, "%s: client-certificate and client-key go together", path);
	if (token_file) { /* wins over token, as in client-go */
		conf->token_file = resolve(path, token_file);
		return conf->token_file ? 0 : wattle_err_set(err, ENOMEM, "out of memory");
	}
	if (!token)
		return 0;
	if (!plain(token) || strlen(token) > TEXT_MAX)
		return wattle_err_set(err, EINVAL, "%s: token has bytes that no token has", path);
	conf->token = strdup(token);
	return conf->token ? 0 : wattle_err_set(err, ENOMEM, "out of memory");
}

static int read_document(yaml_document_t *doc, const char *path, const char *context, struct wattle_kube_conf *conf, struct wattle_err *err)
{
	yaml_node_t *root = yaml_document_get_root_node(doc), *chosen, *cluster, *user;
	const char *name = context ? context : text_of(doc, root, "current-context"), *cluster_name, *user_name, *namespace;
	char quoted[128];

	if (!name)
		return wattle_err_set(err, EINVAL, "%s: no current-context", path);
	wattle_err_quote(quoted, sizeof(quoted), name);
	chosen = entry(doc, root, "contexts", "context", name);
	if (!chosen)
		return wattle_err_set(err, ENOENT, "%s: context \"%s\" is not in contexts", path, quoted);
	cluster_name = text_of(doc, chosen, "cluster");
	user_name = text_of(doc, chosen, "user");
	cluster = cluster_name ? entry(doc, root, "clusters", "cluster", cluster_name) : NULL;
	if (!cluster)
		return wattle_err_set(err, ENOENT, "%s: the cluster of context \"%s\" is not in clusters", path, quoted);
	user = user_name ? entry(doc, root, "users", "user", user_name) : NULL;
	if (user_name && !user)
		return wattle_err_set(err, ENOENT, "%s: the user of context \"%s\" is not in users", path, quoted);
	namespace = text_of(doc, chosen, "namespace");
	conf->namespace = strdup(namespace ? namespace : "default");
	if (!conf->namespace)
		return wattle_err_set(err, ENOMEM, "out of memory");
	if (read_cluster(doc, cluster, path, conf, err) < 0)
		return -err->code;
	return user ? read_user(doc, user, path, conf, err) : 0;
}

int wattle_kube_conf_read(const char *path, const char *context, struct wattle_kube_conf *ret, struct wattle_err *err)
{
	static const struct wattle_file_rule rule = { WATTLE_KUBE_CONF_BYTES_MAX, true };
	struct wattle_kube_conf conf = WATTLE_KUBE_CONF_INIT;
	cleanup_free char *text = NULL, *whole = NULL;
	yaml_parser_t parser;
	yaml_document_t doc;
	struct stat st;
	size_t len;
	int rc;

	whole = wattle_kube_target(path);
	if (!whole)
		return wattle_err_set(err, errno, "%s: %s", path, strerror(errno));
	rc = wattle_file_read(whole, &rule, &text, &len, &st, err);
	if (rc < 0)
		return rc;
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return wattle_err_set(err, EPERM, "%s: others than its reader and root may write it: chmod go-w, chown", path);
	if (!yaml_parser_initialize(&parser))
		return wattle_err_set(err, ENOMEM, "out of memory");
	yaml_parser_set_input_string(&parser, (const unsigned char *) text, len);
	if (!yaml_parser_load(&parser, &doc)) {
		rc = wattle_err_set(err, EINVAL, "%s:%zu: %s", path, parser.problem_mark.line + 1, parser.problem ? parser.problem : "no YAML");
		yaml_parser_delete(&parser);
		return rc;
	}
	rc = read_document(&doc, path, context, &conf, err);
	yaml_document_delete(&doc);
	yaml_parser_delete(&parser);
	explicit_bzero(text, len);
	if (rc < 0) {
		wattle_kube_conf_free(&conf);
		return rc;
	}
	*ret = conf;
	return 0;
}

/* --- in a pod ---------------------------------------------------------------------------- */

int wattle_kube_conf_in_cluster(const char *dir, const char *host, const char *port, struct wattle_kube_conf *ret, struct wattle_err *err)
{
	struct wattle_kube_conf conf = WATTLE_KUBE_CONF_INIT;
	cleanup_free char *server = NULL, *namespace_file = NULL, *real = NULL;
	bool v6;

	if (!host || !host[0] || !port || !port[0])
		return wattle_err_set(err, ENOENT, "not in a pod (no KUBERNETES_SERVICE_HOST): give --kubeconfig=PATH");
	v6 = strchr(host, ':') != NULL;
	if (asprintf(&server, "https://%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "", port) < 0) {
		server = NULL;
		return wattle_err_set(err, ENOMEM, "out of memory");
	}
	if (set_server(&conf, "KUBERNETES_SERVICE_HOST", server, err) < 0)
		return -err->code;
	if (asprintf(&conf.ca_file, "%s/ca.crt", dir) < 0)
		conf.ca_file = NULL;
	if (asprintf(&conf.token_file, "%s/token", dir) < 0)
		conf.token_file = NULL;
	if (asprintf(&namespace_file, "%s/namespace", dir) < 0)
		namespace_file = NULL;
	if (!conf.ca_file || !conf.token_file || !namespace_file) {
		wattle_kube_conf_free(&conf);
		return wattle_err_set(err, ENOMEM, "out of memory");
	}
	if (access(conf.token_file, R_OK) < 0) {
		wattle_err_set(err, errno, "%s: %s (automountServiceAccountToken?)", conf.token_file, strerror(errno));
		wattle_kube_conf_free(&conf);
		return -err->code;
	}
	real = wattle_kube_target(namespace_file);
	if (!real || wattle_file_read(real, &(struct wattle_file_rule){ 256, true }, &conf.namespace, NULL, NULL, NULL) < 0 || !plain(conf.namespace)) {
		free(conf.namespace);
		conf.namespace = strdup("default");
	}
	*ret = conf;
	return 0;
}

int wattle_kube_conf_find(const char *path, struct wattle_kube_conf *ret, struct wattle_err *err)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST"), *kubeconfig = getenv("KUBECONFIG");

	if (path)
		return wattle_kube_conf_read(path, NULL, ret, err);
	if (host || !kubeconfig || !kubeconfig[0])
		return wattle_kube_conf_in_cluster(WATTLE_KUBE_SA_DIR, host, getenv("KUBERNETES_SERVICE_PORT"), ret, err);
	return wattle_kube_conf_read(kubeconfig, NULL, ret, err);
}
