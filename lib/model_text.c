/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "decimal.h"

#define VERSION "v1"
#define DIGITS 12         /* of what decides */
#define SCALING_DIGITS 7  /* of what plans */

bool wattle_model_name_valid(const char *name)
{
	size_t n = 0;

	if (!name || name[0] == '.' || name[0] == '-')
		return false;
	for (; name[n]; n++) {
		char c = name[n];

		if (n + 1 >= WATTLE_MODEL_NAME_MAX || !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
							(c >= '0' && c <= '9') || strchr("._-", c)))
			return false;
	}
	return n > 0;
}

struct text {
	char *buf;
	size_t size, len;
	bool full;
};

static void put_string(struct text *t, const char *s)
{
	size_t n = strlen(s);

	if (t->full || t->len + n + 1 > t->size) {
		t->full = true;
		return;
	}
	memcpy(t->buf + t->len, s, n + 1);
	t->len += n;
}

static void put_number(struct text *t, const char *before, double value, int digits)
{
	char number[40];

	put_string(t, before);
	if (wattle_decimal_print(number, sizeof(number), value, digits) < 0)
		t->full = true;
	else
		put_string(t, number);
}

static void put_scaling(struct text *t, const struct wattle_scaling *scaling, uint32_t keep)
{
	for (uint32_t i = 0; i < keep; i++) {
		uint32_t at = keep < 2 ? 0 : (uint32_t) ((uint64_t) i * (scaling->n - 1) / (keep - 1));
		const struct wattle_scaling_point *p = &scaling->point[at];

		put_number(t, i == 0 ? " scaling=" : ",", p->nodes, 10);
		put_number(t, ":", p->throughput_per_s, SCALING_DIGITS);
		put_number(t, ":", p->power_w, SCALING_DIGITS);
	}
}

int wattle_model_format(const char *name, const struct wattle_model *model, const struct wattle_scaling *scaling, char *text,
			size_t size, struct wattle_err *err)
{
	struct text t = { text, size < WATTLE_MODEL_TEXT_MAX ? size : WATTLE_MODEL_TEXT_MAX, 0, false };
	size_t head;
	int rc;

	if (!wattle_model_name_valid(name))
		return wattle_err_set(err, EINVAL, "a profile's name is letters, digits, '.', '_' and '-'");
	rc = wattle_model_check(model, err);
	if (rc == 0 && scaling && scaling->n > 0)
		rc = wattle_scaling_check(scaling, err);
	if (rc < 0)
		return rc;
	put_string(&t, VERSION " name=");
	put_string(&t, name);
	put_string(&t, " form=");
	put_string(&t, wattle_form_name(model->form));
	put_number(&t, " linear=", model->linear, DIGITS);
	put_number(&t, " square=", model->square, DIGITS);
	put_number(&t, " offset=", model->offset, DIGITS);
	put_number(&t, " min=", model->cap_min_w, DIGITS);
	put_number(&t, " max=", model->cap_max_w, DIGITS);
	put_number(&t, " time=", model->time_min_s, DIGITS);
	put_number(&t, " r2=", model->r2, DIGITS);
	put_number(&t, " loo=", model->loo_error_pct, DIGITS);
	put_number(&t, " caps=", model->n_caps, 10);
	put_number(&t, " runs=", model->n_runs, 10);
	if (t.full)
		return wattle_err_set(err, ENOSPC, "%zu bytes are too few for a model", size);
	if (!scaling || scaling->n == 0)
		return 0;
	head = t.len;
	for (uint32_t keep = scaling->n; keep > 0; keep--) {
		t.len = head;
		t.full = false;
		put_scaling(&t, scaling, keep);
		if (!t.full)
			return 0;
	}
	return wattle_err_set(err, ENOSPC, "%zu bytes are too few for a model with its scaling curve", size);
}

/* What we know, each at most once. */
enum key { KEY_NAME, KEY_FORM, KEY_LINEAR, KEY_SQUARE, KEY_OFFSET, KEY_MIN, KEY_MAX, KEY_TIME, KEY_R2, KEY_LOO, KEY_CAPS,
	   KEY_RUNS, KEY_SCALING, KEY_COUNT };

static const char *const keys[KEY_COUNT] = { "name", "form", "linear", "square", "offset", "min", "max", "time", "r2", "loo",
					     "caps", "runs", "scaling" };

struct word {
	const char *s;
	size_t len;
};

static int bad(struct wattle_err *err, const char *what)
{
	return wattle_err_set(err, EINVAL, "a profile sent along is damaged: %s", what);
}

static int split(const char *text, struct word ret[KEY_COUNT], struct wattle_err *err)
{
	const char *s = text;

	if (strnlen(text, WATTLE_MODEL_TEXT_MAX) >= WATTLE_MODEL_TEXT_MAX)
		return wattle_err_set(err, E2BIG, "a profile sent along is longer than %d bytes", WATTLE_MODEL_TEXT_MAX - 1);
	if (strncmp(s, VERSION " ", sizeof(VERSION)) != 0)
		return wattle_err_set(err, EPROTO, "a profile sent along does not begin with " VERSION
				      ": use the same version of wattle here and on the controller");
	for (s += sizeof(VERSION); *s; s += *s == ' ') {
		size_t len = strcspn(s, " ");
		const char *eq = memchr(s, '=', len);

		if (!eq || eq == s)
			return bad(err, "a word without key=value");
		for (int k = 0; k < KEY_COUNT; k++)
			if (strlen(keys[k]) == (size_t) (eq - s) && memcmp(keys[k], s, (size_t) (eq - s)) == 0) {
				if (ret[k].s)
					return bad(err, "a key stands twice");
				ret[k] = (struct word){ eq + 1, len - (size_t) (eq + 1 - s) };
			}
		s += len;
	}
	return 0;
}

static int take_string(const struct word *word, char *ret, size_t size)
{
	if (!word->s || word->len == 0 || word->len >= size)
		return -EINVAL;
	memcpy(ret, word->s, word->len);
	ret[word->len] = '\0';
	return 0;
}

static int take_number(const struct word *word, double *ret)
{
	const char *end;
	double value;

	if (!word->s || wattle_decimal_read(word->s, &end, &value) < 0 || end != word->s + word->len)
		return -EINVAL;
	*ret = value;
	return 0;
}

static int take_count(const struct word *word, uint32_t *ret)
{
	double value;

	if (take_number(word, &value) < 0 || !(value >= 0 && value <= 1e9) || value != floor(value))
		return -EINVAL;
	*ret = (uint32_t) value;
	return 0;
}

static int take_scaling(const struct word *word, struct wattle_scaling *ret)
{
	const char *s = word->s, *end = word->s + word->len;

	while (s < end) {
		double v[3];

		for (int i = 0; i < 3; i++) {
			if (wattle_decimal_read(s, &s, &v[i]) < 0 || s > end)
				return -EINVAL;
			if (i < 2 && *s++ != ':')
				return -EINVAL;
		}
		if (ret->n >= WATTLE_SCALING_MAX || !(v[0] >= 1 && v[0] <= 1e9) || v[0] != floor(v[0]))
			return -EINVAL;
		ret->point[ret->n++] = (struct wattle_scaling_point){ (uint32_t) v[0], v[1], v[2] };
		if (s == end)
			break;
		if (*s++ != ',' || s == end)
			return -EINVAL;
	}
	return 0;
}

int wattle_model_parse(const char *text, char ret_name[WATTLE_MODEL_NAME_MAX], struct wattle_model *ret,
		       struct wattle_scaling *ret_scaling, struct wattle_err *err)
{
	struct word word[KEY_COUNT] = { { NULL, 0 } };
	struct wattle_scaling scaling = { 0 };
	struct wattle_model m = { 0 };
	char name[WATTLE_MODEL_NAME_MAX], form[16];
	int rc = split(text, word, err);

	if (rc < 0)
		return rc;
	if (take_string(&word[KEY_NAME], name, sizeof(name)) < 0 || !wattle_model_name_valid(name))
		return bad(err, "no valid name");
	if (take_string(&word[KEY_FORM], form, sizeof(form)) < 0 || wattle_form_parse(form, &m.form, NULL) < 0)
		return bad(err, "no valid form");
	if (take_number(&word[KEY_LINEAR], &m.linear) < 0 || take_number(&word[KEY_SQUARE], &m.square) < 0 ||
	    take_number(&word[KEY_OFFSET], &m.offset) < 0)
		return bad(err, "a coefficient is missing or no number");
	if (take_number(&word[KEY_MIN], &m.cap_min_w) < 0 || take_number(&word[KEY_MAX], &m.cap_max_w) < 0 ||
	    take_number(&word[KEY_TIME], &m.time_min_s) < 0 || take_number(&word[KEY_R2], &m.r2) < 0 ||
	    take_number(&word[KEY_LOO], &m.loo_error_pct) < 0)
		return bad(err, "its range or its quality is missing or no number");
	if (take_count(&word[KEY_CAPS], &m.n_caps) < 0 || take_count(&word[KEY_RUNS], &m.n_runs) < 0)
		return bad(err, "it does not say how many caps and runs it was fitted to");
	if (word[KEY_SCALING].s && take_scaling(&word[KEY_SCALING], &scaling) < 0)
		return bad(err, "its scaling points are not nodes:throughput:watts,…");
	rc = wattle_model_check(&m, err);
	if (rc == 0 && scaling.n > 0)
		rc = wattle_scaling_check(&scaling, err);
	if (rc < 0) {
		wattle_err_wrap(err, "a profile sent along is refused");
		return rc;
	}
	memcpy(ret_name, name, sizeof(name));
	*ret = m;
	*ret_scaling = scaling;
	return 0;
}
