/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `wattle profile fit`: from a sweep to a profile, or to the reason why not. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "profile_common.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json.h>

#include "cleanup.h"
#include "fit/model_fit.h"
#include "profile_json.h"

#define CSV_BYTES_MAX (1024 * 1024)

/* The other form is worth a word if it predicts so much better. */
#define OTHER_FORM_RATIO 0.5
#define OTHER_FORM_POINTS 1.0

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

static void note_origin(const struct arguments *args, struct wattle_provenance *p)
{
	time_t now = time(NULL);
	struct tm tm;

	if (!gmtime_r(&now, &tm) || strftime(p->date, sizeof(p->date), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		p->date[0] = '\0';
	snprintf(p->command, sizeof(p->command), "%s", args->command ? args->command : "");
	snprintf(p->host_class, sizeof(p->host_class), "%s", args->class_name ? args->class_name : "");
	snprintf(p->source, sizeof(p->source), "%s", strcmp(args->sweep, "-") == 0 ? "" : args->sweep);
	snprintf(p->version, sizeof(p->version), "%s", PACKAGE_VERSION);
}

static void print_json(const struct wattle_fit *fit, const char *hint)
{
	struct json_object *o = wattle_model_json(&fit->model, fit->solved, fit->usable, fit->why);

	json_object_object_add(o, "note", json_object_new_string(fit->note));
	json_object_object_add(o, "hint", json_object_new_string(hint));
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

static void print_targets(const struct wattle_model *model)
{
	static const double targets_pct[] = { 5, 10, 20 };

	for (size_t i = 0; i < sizeof(targets_pct) / sizeof(targets_pct[0]); i++) {
		struct wattle_model_watts found;

		if (wattle_model_watts(model, targets_pct[i], 0, 0, &found, NULL) < 0)
			continue;
		printf("%-12s %g%%: %.1f W%s%s\n", i ? "" : "slowdown", targets_pct[i], found.watts_w, found.clamped ? ", " : "",
		       wattle_clamp_text(found.clamped));
	}
}

static void print_fit(const struct wattle_fit *fit, const char *hint)
{
	const struct wattle_model *m = &fit->model;
	char formula[160];

	if (fit->solved)
		printf("%-12s %s: %s\n", "model", wattle_form_name(m->form), profile_formula(m, formula, sizeof(formula)));
	printf("%-12s %g to %g W, %u caps, %u runs\n", "measured", m->cap_min_w, m->cap_max_w, m->n_caps, m->n_runs);
	if (fit->has_r2) {
		printf("%-12s R2 %.3f", "quality", m->r2);
		if (fit->has_loo)
			printf(", leave-one-cap-out error %.2f points", m->loo_error_pct);
		putchar('\n');
	}
	if (fit->usable)
		print_targets(m);
	if (fit->note[0])
		printf("%-12s %s\n", "note", fit->note);
	if (hint[0])
		printf("%-12s %s\n", "hint", hint);
}

/* "" unless the other form would predict much better. */
static void compare_forms(const struct wattle_sweep *sweep, const struct wattle_fit *fit, char *ret, size_t size)
{
	enum wattle_form other_form = fit->model.form == WATTLE_FORM_QUADRATIC ? WATTLE_FORM_HYPERBOLIC : WATTLE_FORM_QUADRATIC;
	struct wattle_fit other;

	ret[0] = '\0';
	if (wattle_model_fit(sweep, other_form, &other, NULL) < 0 || !other.usable)
		return;
	if (!fit->usable)
		snprintf(ret, size, "--form=%s would fit: R2 %.3f, leave-one-cap-out error %.2f points", wattle_form_name(other_form),
			 other.model.r2, other.model.loo_error_pct);
	else if (fit->model.loo_error_pct > OTHER_FORM_POINTS &&
		 other.model.loo_error_pct < OTHER_FORM_RATIO * fit->model.loo_error_pct)
		snprintf(ret, size, "--form=%s predicts a left-out cap better: %.2f points off, not %.2f", wattle_form_name(other_form),
			 other.model.loo_error_pct, fit->model.loo_error_pct);
}

static int draw(const struct arguments *args, const struct wattle_profile *profile, bool usable)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_model_watts found = { 0, 0, WATTLE_CLAMP_NONE };

	if (usable)
		(void) wattle_model_watts(&profile->model, 5, 0, 0, &found, NULL);

	const struct wattle_plot plot = { profile->name, &profile->model, &profile->sweep, profile_time_min(&profile->sweep),
					  found.watts_w, found.slowdown_pct };

	if (args->plot && !args->json) {
		putchar('\n');
		profile_plot(&plot, args->ascii);
	}
	if (args->svg && profile_plot_file(&plot, args->svg, &err) < 0)
		return wattle_fail("%s", err.text);
	return 0;
}

static int fit_and_keep(const struct arguments *args, enum wattle_form form)
{
	cleanup_free struct wattle_profile *profile = calloc(1, sizeof(*profile));
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_fit fit;
	char hint[200];
	int status;

	if (!profile)
		return wattle_fail("out of memory");
	status = find_name(args, profile->name);
	if (status)
		return status;
	if (read_sweep(args->sweep, &profile->sweep, &err) < 0 ||
	    (args->scaling && read_scaling(args->scaling, &profile->scaling, &err) < 0) ||
	    wattle_model_fit(&profile->sweep, form, &fit, &err) < 0)
		return wattle_fail("%s", err.text);
	profile->model = fit.model;
	note_origin(args, &profile->provenance);
	compare_forms(&profile->sweep, &fit, hint, sizeof(hint));

	/* what is written comes first: what is printed may end in a closed pipe */
	if (fit.usable && args->output && wattle_profile_write(args->output, profile, &err) < 0)
		return wattle_fail("%s", err.text);
	if (args->json)
		print_json(&fit, hint);
	else
		print_fit(&fit, hint);
	if (fit.solved && draw(args, profile, fit.usable) != 0)
		return wattle_finish(WATTLE_EXIT_FAILED);
	if (!fit.usable) {
		fflush(stdout);
		return wattle_finish(wattle_fail("%s: no model: %s%s", args->sweep, fit.why,
						 args->output ? "; nothing is written" : ""));
	}
	if (args->output && !args->json)
		printf("%-12s %s\n", "written", args->output);
	return wattle_finish(WATTLE_EXIT_DONE);
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
	static char output[] = "--output";
	struct wattle_err err = WATTLE_ERR_INIT;
	enum wattle_form form;
	int first, status;

	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "-o") == 0)
			argv[i] = output; /* the one short option that people expect */
	if (!wattle_options_take(&usage, argc, argv, &first, &status))
		return status;
	args.sweep = argv[first];
	if (wattle_form_parse(args.form, &form, &err) < 0) {
		wattle_warn("%s", err.text);
		return WATTLE_EXIT_USAGE;
	}
	return fit_and_keep(&args, form);
}
