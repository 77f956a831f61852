/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "profile_common.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "file.h"
#include "profile_store.h"
#include "terminal.h"
#include "units.h"

int profile_store_dir(const struct profile_place *place, char *ret, size_t size, struct wattle_err *err)
{
	const char *conf_path = place->conf ? place->conf : WATTLE_CONF_PATH, *dir = place->store;
	cleanup_free struct wattle_siteconf *conf = NULL;

	if (!dir) {
		int rc = wattle_siteconf_read(conf_path, &conf, err);

		/* a host without a configuration may have profiles all the same */
		if (rc == -ENOENT)
			return wattle_profile_store(conf_path, ret, size, err);
		if (rc < 0)
			return rc;
		dir = conf->profile_dir;
	}
	if (strlen(dir) >= size)
		return wattle_err_set(err, ENAMETOOLONG, "the path of the store is too long");
	memcpy(ret, dir, strlen(dir) + 1);
	return 0;
}

static int fail_missing(const char *said, const char *dir)
{
	struct wattle_profile_names names;
	struct wattle_err err = WATTLE_ERR_INIT;
	char known[400];

	if (wattle_profile_names_read(dir, &names, &err) < 0)
		return wattle_fail("%s", err.text);
	return wattle_fail("no profile \"%s\" in %s; there are: %s; a file is named with its path, ./%s.json", said, dir,
			   wattle_profile_names_text(&names, known, sizeof(known)), said);
}

int profile_open(const struct profile_place *place, const char *said, struct wattle_profile **ret)
{
	return profile_open_path(place, said, ret, NULL);
}

int profile_open_path(const struct profile_place *place, const char *said, struct wattle_profile **ret, char *ret_path)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	char dir[PATH_MAX], path[PATH_MAX];
	bool stored;
	int rc;

	rc = profile_store_dir(place, dir, sizeof(dir), &err);
	if (rc == 0)
		rc = wattle_profile_locate(dir, said, path, sizeof(path), &stored, &err);
	if (rc == 0)
		rc = wattle_profile_read(path, !stored || place->store, ret, &err);
	if (rc == -ENOENT && stored)
		return fail_missing(said, dir);
	if (rc < 0)
		return wattle_fail("%s", err.text);
	/* in the store the file's name is the profile's, whatever a copy says */
	if (stored)
		memcpy((*ret)->name, said, strlen(said) + 1);
	if (ret_path)
		memcpy(ret_path, path, strlen(path) + 1);
	return 0;
}

bool profile_take_slowdown(const char *text, double *ret_pct)
{
	struct wattle_err err = WATTLE_ERR_INIT;

	if (wattle_slowdown_parse(text, ret_pct, &err) == 0)
		return true;
	wattle_fail("%s", err.text);
	return false;
}

bool profile_take_watts(const char *text, double *ret_w)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_watts watts;

	if (wattle_watts_parse(text, &watts, &err) < 0) {
		wattle_fail("%s", err.text);
		return false;
	}
	if (watts.kind != WATTLE_WATTS_PER_NODE) {
		wattle_fail("\"%.40s\" can't be taken here: say the watts of one node, such as 300W", text);
		return false;
	}
	*ret_w = watts.value;
	return true;
}

double profile_time_min(const struct wattle_sweep *sweep)
{
	cleanup_free struct wattle_caps *caps = sweep->n ? calloc(1, sizeof(*caps)) : NULL;

	if (!caps)
		return 0;
	wattle_sweep_group(sweep, caps);
	return caps->time_min_s;
}

const char *profile_formula(const struct wattle_model *model, char *buf, size_t size)
{
	bool quadratic = model->form == WATTLE_FORM_QUADRATIC;

	if (quadratic)
		snprintf(buf, size, "S = %.4g u^2 + %.4g u %c %.4g, u = 1 - P/%g W", model->square, model->linear,
			 model->offset < 0 ? '-' : '+', model->offset < 0 ? -model->offset : model->offset, model->cap_max_w);
	else
		snprintf(buf, size, "S = %.4g w + %.4g w^2 %c %.4g, w = %g W/P - 1", model->linear, model->square,
			 model->offset < 0 ? '-' : '+', model->offset < 0 ? -model->offset : model->offset, model->cap_max_w);
	return buf;
}

void profile_plot(const struct wattle_plot *plot, bool ascii)
{
	wattle_plot_text(plot, !ascii && wattle_terminal_has_utf8(), stdout);
}

int profile_plot_file(const struct wattle_plot *plot, const char *path, struct wattle_err *err)
{
	const char *slash = strrchr(path, '/');
	cleanup_free char *text = NULL, *folder = NULL;
	cleanup_close int dirfd = -1;
	size_t len;
	int rc = wattle_plot_svg(plot, &text, &len, err);

	if (rc < 0)
		return rc;
	folder = slash ? strndup(path, slash == path ? 1 : (size_t) (slash - path)) : strdup(".");
	dirfd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (dirfd < 0)
		return wattle_err_set(err, errno, "can't write %s: %s", path, strerror(errno));
	return wattle_file_replace(dirfd, slash ? slash + 1 : path, 0644, text, len, err);
}
