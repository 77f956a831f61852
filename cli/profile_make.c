/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "profile_make.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cleanup.h"
#include "fit/model_fit.h"
#include "profile_common.h"
#include "profile_json.h"

/* The other form is worth a word if it predicts so much better. */
#define OTHER_FORM_RATIO 0.5
#define OTHER_FORM_POINTS 1.0

static void note_date(struct wattle_provenance *p)
{
	time_t now = time(NULL);
	struct tm tm;

	if (!gmtime_r(&now, &tm) || strftime(p->date, sizeof(p->date), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		p->date[0] = '\0';
	snprintf(p->version, sizeof(p->version), "%s", PACKAGE_VERSION);
}

/* Printed, or handed to who prints more. */
static void give_json(const struct wattle_fit *fit, const char *hint, struct json_object *into)
{
	struct json_object *o = wattle_model_json(&fit->model, fit->solved, fit->usable, fit->why);

	json_object_object_add(o, "note", json_object_new_string(fit->note));
	json_object_object_add(o, "hint", json_object_new_string(hint));
	if (into) {
		json_object_object_add(into, "fit", o);
		return;
	}
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

static int draw(const struct profile_making *making, const struct wattle_profile *profile, bool usable)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_model_watts found = { 0, 0, WATTLE_CLAMP_NONE };

	if (usable)
		(void) wattle_model_watts(&profile->model, 5, 0, 0, &found, NULL);

	const struct wattle_plot plot = { profile->name, &profile->model, &profile->sweep, profile_time_min(&profile->sweep),
					  found.watts_w, found.slowdown_pct };

	if (making->plot && !making->json) {
		putchar('\n');
		profile_plot(&plot, making->ascii);
	}
	if (making->svg && profile_plot_file(&plot, making->svg, &err) < 0)
		return wattle_fail("%s", err.text);
	return 0;
}

int profile_make(const struct profile_making *making, struct wattle_profile *profile)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_fit fit;
	char hint[200];

	if (wattle_model_fit(&profile->sweep, making->form, &fit, &err) < 0)
		return wattle_fail("%s", err.text);
	profile->model = fit.model;
	note_date(&profile->provenance);
	compare_forms(&profile->sweep, &fit, hint, sizeof(hint));

	/* what is written comes first: what is printed may end in a closed pipe */
	if (fit.usable && making->output && wattle_profile_write(making->output, profile, &err) < 0)
		return wattle_fail("%s", err.text);
	if (making->json)
		give_json(&fit, hint, making->into);
	else
		print_fit(&fit, hint);
	if (fit.solved && draw(making, profile, fit.usable) != 0)
		return WATTLE_EXIT_FAILED;
	if (!fit.usable) {
		fflush(stdout);
		return wattle_fail("%s: no model: %s%s", making->from, fit.why, making->output ? "; nothing is written" : "");
	}
	if (making->output && !making->json)
		printf("%-12s %s\n", "written", making->output);
	return WATTLE_EXIT_DONE;
}
