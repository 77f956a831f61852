/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `wattle profile fit`: from a sweep to a profile, or to the reason why not. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "profile_common.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "profile_make.h"

#define CSV_BYTES_MAX (1024 * 1024)

struct arguments {
	bool json, plot, ascii;
	const char *form, *scaling, *output, *name, *class_name, *command, *svg;
	const char *sweep;
};

/* A user's own input may come through a link or a pipe: no rule but its size. "-" is stdin. */
static int read_text(const char *path, char **ret_text, struct wattle_err *err)
{
	cleanup_fclose FILE *file = strcmp(path, "-") == 0 ? fdopen(dup(0), "r") : fopen(path, "re");
	cleanup_free char *text = malloc(CSV_BYTES_MAX + 1);
	size_t len;

	if (!file)
		return wattle_err_set(err, errno, "can't read %s: %s", path, strerror(errno));
	if (!text)
		return wattle_err_set(err, ENOMEM, "out of memory for %s", path);
	len = fread(text, 1, CSV_BYTES_MAX + 1, file);
	if (ferror(file))
		return wattle_err_set(err, EIO, "can't read %s: %s", path, strerror(errno));
	if (len > CSV_BYTES_MAX)
		return wattle_err_set(err, EFBIG, "%s has more than %d bytes", path, CSV_BYTES_MAX);
	if (memchr(text, '\0', len))
		return wattle_err_set(err, EINVAL, "%s holds NUL bytes: it is no CSV", path);
	text[len] = '\0';
	*ret_text = text;
	text = NULL;
	return 0;
}

static int read_sweep(const char *path, struct wattle_sweep *ret, struct wattle_err *err)
{
	cleanup_free char *text = NULL;
	int rc = read_text(path, &text, err);

	return rc < 0 ? rc : wattle_sweep_parse(path, text, ret, err);
}

static int read_scaling(const char *path, struct wattle_scaling *ret, struct wattle_err *err)
{
	cleanup_free char *text = NULL;
	int rc = read_text(path, &text, err);

	return rc < 0 ? rc : wattle_scaling_parse(path, text, ret, err);
}

/* --name, else the stem of what is written or read. */
static int find_name(const struct arguments *args, char ret[WATTLE_MODEL_NAME_MAX])
{
	const char *from = args->name ? args->name : args->output ? args->output : args->sweep, *slash, *dot;
	char name[WATTLE_MODEL_NAME_MAX];
	size_t len;

	if (!args->name && (slash = strrchr(from, '/')))
		from = slash + 1;
	dot = args->name ? NULL : strrchr(from, '.');
	len = dot ? (size_t) (dot - from) : strlen(from);
	if (len >= sizeof(name))
		return wattle_fail("the name \"%.20s...\" is too long: say a shorter one with --name", from);
	memcpy(name, from, len);
	name[len] = '\0';
	if (strcmp(from, "-") == 0)
		snprintf(name, sizeof(name), "sweep");
	if (!wattle_model_name_valid(name))
		return wattle_fail("\"%s\" is no profile's name: say one of letters, digits, '.', '_' and '-' with --name", name);
	memcpy(ret, name, sizeof(name));
	return 0;
}

static int fit_and_keep(const struct arguments *args, enum wattle_form form)
{
	cleanup_free struct wattle_profile *profile = calloc(1, sizeof(*profile));
	const struct profile_making making = { form, args->json, args->plot, args->ascii, args->output, args->svg, args->sweep, NULL };
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_provenance *p;
	int status;

	if (!profile)
		return wattle_fail("out of memory");
	status = find_name(args, profile->name);
	if (status)
		return status;
	if (read_sweep(args->sweep, &profile->sweep, &err) < 0 ||
	    (args->scaling && read_scaling(args->scaling, &profile->scaling, &err) < 0))
		return wattle_fail("%s", err.text);
	p = &profile->provenance;
	snprintf(p->command, sizeof(p->command), "%s", args->command ? args->command : "");
	snprintf(p->host_class, sizeof(p->host_class), "%s", args->class_name ? args->class_name : "");
	snprintf(p->source, sizeof(p->source), "%s", strcmp(args->sweep, "-") == 0 ? "" : args->sweep);
	return wattle_finish(profile_make(&making, profile));
}

int wattle_cmd_profile_fit(int argc, char **argv)
{
	struct arguments args = { .form = "hyperbolic" };
	const struct wattle_option options[] = {
		{ "form", NULL, "FORM", &args.form, "hyperbolic [default] or quadratic (GEOPM's)" },
		{ "scaling", NULL, "CURVE.csv", &args.scaling, "keep this scaling curve too: nodes,throughput,power" },
		{ "output", NULL, "NAME.json", &args.output, "write the profile (or -o NAME.json)" },
		{ "name", NULL, "NAME", &args.name, "its name [that of the file]" },
		{ "class", NULL, "NAME", &args.class_name, "the class of nodes that was swept, to be remembered" },
		{ "command", NULL, "TEXT", &args.command, "what was run, to be remembered" },
		{ "plot", &args.plot, NULL, NULL, "draw points, curve and the cap for 5%" },
		{ "ascii", &args.ascii, NULL, NULL, "plot without braille characters" },
		{ "svg", NULL, "FILE", &args.svg, "draw into this file" },
		{ "json", &args.json, NULL, NULL, "print JSON" },
	};
	const struct wattle_usage usage = {
		"wattle profile fit", "SWEEP.csv",
		"Fits a slowdown model to a sweep, cap_w,time_s[,energy_j] or cap_w,throughput, and says how good it\n"
		"is; a sweep that bears no model is refused with the reason. \"-\" reads standard input.",
		options, sizeof(options) / sizeof(options[0]), 1, 1, "wattle-profile(1)",
	};
	struct wattle_err err = WATTLE_ERR_INIT;
	enum wattle_form form;
	int first, status;

	if (!wattle_options_take(&usage, argc, argv, &first, &status))
		return status;
	args.sweep = argv[first];
	if (wattle_form_parse(args.form, &form, &err) < 0) {
		wattle_warn("%s", err.text);
		return WATTLE_EXIT_USAGE;
	}
	return fit_and_keep(&args, form);
}
