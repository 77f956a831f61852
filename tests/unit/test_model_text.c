/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A model as it travels with a submission, from anyone. */
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "decimal.h"
#include "model.h"
#include "runner.h"
#include "sweeps.h"

static const struct wattle_model model = {
	.form = WATTLE_FORM_HYPERBOLIC, .linear = 0.0311163475, .square = 0.0774938762, .offset = -0.00116311,
	.cap_min_w = 100, .cap_max_w = 242.5, .time_min_s = 61.25, .r2 = 0.9982, .loo_error_pct = 0.661, .n_caps = 6, .n_runs = 18,
};

static const char good[] = "v1 name=nbody form=hyperbolic linear=0.03 square=0.08 offset=-0.001 min=100 max=242.5 time=61.25 r2=0.998 "
			   "loo=0.66 caps=6 runs=18 scaling=1:1757.9:54.8,2:3496.4:109.8";

static void test_there_and_back(void)
{
	struct wattle_scaling curve = { .n = 2, .point = { { 1, 1757.891, 54.77962 }, { 2, 3496.4, 109.805 } } }, curve_back;
	char text[WATTLE_MODEL_TEXT_MAX], name[WATTLE_MODEL_NAME_MAX];
	struct wattle_err err = WATTLE_ERR_INIT;
	struct wattle_model back;

	CHECK_INT(wattle_model_format("n-body.2_x", &model, &curve, text, sizeof(text), &err), 0);
	CHECK_INT(wattle_model_parse(text, name, &back, &curve_back, &err), 0);
	CHECK_STRING(name, "n-body.2_x");
	CHECK_INT(memcmp(&back, &model, sizeof(back)), 0);
	CHECK_INT(curve_back.n, 2);
	CU_ASSERT_DOUBLE_EQUAL(curve_back.point[1].throughput_per_s, 3496.4, 1e-3);
	CU_ASSERT_DOUBLE_EQUAL(curve_back.point[0].power_w, 54.77962, 1e-5);
	CHECK_INT(wattle_model_format("x", &model, NULL, text, sizeof(text), &err), 0);
	CHECK_INT(wattle_model_parse(text, name, &back, &curve_back, &err), 0);
	CHECK_INT(curve_back.n, 0);
}

/* The longest of everything stays within what slurmctld takes, and keeps the curve's ends. */
static void test_bounded(void)
{
	struct wattle_scaling curve = { .n = WATTLE_SCALING_MAX }, back_curve;
	struct wattle_model wide = model, back;
	char text[2 * WATTLE_MODEL_TEXT_MAX], name[WATTLE_MODEL_NAME_MAX], longest[WATTLE_MODEL_NAME_MAX];
	struct wattle_err err = WATTLE_ERR_INIT;

	memset(longest, 'n', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	wide.linear = 0.123456789012e-5;
	wide.square = 123456.789012;
	wide.offset = -0.123456789012e-5;
	wide.cap_min_w = 12345.6789012;
	wide.cap_max_w = 12345678.9012;
	wide.n_caps = wide.n_runs = 1000000;
	for (uint32_t i = 0; i < curve.n; i++)
		curve.point[i] = (struct wattle_scaling_point){ 100000 + i, 1.234567e-12, 12345.67 + i };
	CHECK_INT(wattle_model_format(longest, &wide, &curve, text, sizeof(text), &err), 0);
	CU_ASSERT(strlen(text) < WATTLE_MODEL_TEXT_MAX);
	CHECK_INT(wattle_model_parse(text, name, &back, &back_curve, &err), 0);
	CU_ASSERT(back_curve.n >= 16 && back_curve.n < curve.n);
	CHECK_INT(back_curve.point[0].nodes, 100000);
	CHECK_INT(back_curve.point[back_curve.n - 1].nodes, 100000 + WATTLE_SCALING_MAX - 1);
	CHECK_INT(wattle_model_format(longest, &wide, &curve, text, 100, &err), -ENOSPC);
	CHECK_INT(wattle_model_format("a b", &wide, &curve, text, sizeof(text), &err), -EINVAL);
	wide.r2 = 0.5;
	CHECK_INT(wattle_model_format("a", &wide, &curve, text, sizeof(text), &err), -ERANGE);
}

static int parse(const char *text, struct wattle_err *err)
{
	char name[WATTLE_MODEL_NAME_MAX] = "untouched";
	struct wattle_scaling curve = { .n = 99 };
	struct wattle_model m = { .n_caps = 99 };
	int rc = wattle_model_parse(text, name, &m, &curve, err);

	if (rc < 0) {
		CHECK_STRING(name, "untouched");
		CHECK_INT(m.n_caps, 99);
		CHECK_INT(curve.n, 99);
	}
	return rc;
}

/* good with one word replaced */
static const char *with(const char *word, const char *instead)
{
	static char text[2048];
	const char *at = strstr(good, word);

	snprintf(text, sizeof(text), "%.*s%s%s", (int) (at - good), good, instead, at + strlen(word));
	return text;
}

static void test_hostile(void)
{
	static const struct { const char *word, *instead; int rc; } cases[] = {
		{ "v1", "v2", -EPROTO }, { "v1 ", "v1", -EPROTO }, { "name=nbody", "name=../x", -EINVAL }, { "name=nbody", "name=", -EINVAL },
		{ "name=nbody ", "", -EINVAL }, { "hyperbolic", "cubic", -EINVAL }, { "linear=0.03", "linear=-0.03", -ERANGE },
		{ "linear=0.03", "linear=nan", -EINVAL }, { "linear=0.03", "linear=inf", -EINVAL }, { "linear=0.03", "linear=0x3", -EINVAL },
		{ "linear=0.03", "linear=1e400", -EINVAL }, { "linear=0.03", "linear=0,03", -EINVAL }, { "linear=0.03", "linear=0.03x", -EINVAL },
		{ "linear=0.03", "linear=", -EINVAL }, { "square=0.08", "linear=0.08", -EINVAL }, { "min=100", "min=300", -ERANGE },
		{ "min=100", "min=0", -ERANGE }, { "max=242.5", "max=1e300", -ERANGE }, { "r2=0.998", "r2=0.1", -ERANGE },
		{ "r2=0.998", "r2=2", -ERANGE }, { "caps=6", "caps=3", -ERANGE }, { "caps=6", "caps=6.5", -EINVAL }, { "caps=6", "caps=6 caps=6", -EINVAL },
		{ "caps=6", "caps=99999999999", -EINVAL }, { "runs=18", "runs=-1", -EINVAL }, { "scaling=1:", "scaling=0:", -EINVAL },
		{ ",2:", ",1:", -EINVAL }, { ",2:", ",:", -EINVAL }, { ":109.8", "", -EINVAL }, { ":109.8", ":109.8,", -EINVAL },
		{ ":109.8", ":-1", -ERANGE }, { "loo=0.66", "loo", -EINVAL }, { "loo=0.66", "=1", -EINVAL }, { "time=61.25", "time=-1", -ERANGE },
	};
	struct wattle_err err = WATTLE_ERR_INIT;
	char longer[2000];

	CHECK_INT(parse(good, &err), 0);
	CHECK_INT(parse(with("caps=6", "later=thing caps=6"), &err), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int rc = parse(with(cases[i].word, cases[i].instead), &err);

		if (rc != cases[i].rc)
			printf("\n%s -> %s: ", cases[i].word, cases[i].instead);
		CHECK_INT(rc, cases[i].rc);
		CHECK_INT(parse(with(cases[i].word, cases[i].instead), NULL), cases[i].rc);
	}
	CHECK_INT(parse("", &err), -EPROTO);
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	CHECK_INT(parse(longer, &err), -E2BIG);
}

/* Any byte anywhere: never anything but a valid model or a refusal. */
static void test_damaged(void)
{
	uint64_t seed = 5;

	for (int i = 0; i < 100000; i++) {
		char text[sizeof(good)], name[WATTLE_MODEL_NAME_MAX];
		struct wattle_scaling curve = { .n = 99 };
		struct wattle_model m = { .n_caps = 0 };

		memcpy(text, good, sizeof(good));
		for (int k = 0; k < 3; k++)
			text[(size_t) (random_unit(&seed) * (sizeof(good) - 1))] = (char) (random_unit(&seed) * 256);
		if (wattle_model_parse(text, name, &m, &curve, NULL) == 0) {
			CHECK_INT(wattle_model_check(&m, NULL), 0);
			CU_ASSERT(wattle_model_name_valid(name));
			CHECK_INT(wattle_scaling_check(&curve, NULL), 0);
		}
	}
}

static void test_decimals(void)
{
	static const struct { const char *text; double value; } good_ones[] = {
		{ "0", 0 }, { "-0.5", -0.5 }, { ".5", 0.5 }, { "5.", 5 }, { "1e3", 1000 }, { "1.5E-3", 0.0015 }, { "+7", 7 }, { " 42 ", 42 },
		{ "0.1", 0.1 }, { "242.5", 242.5 }, { "1e-18", 1e-18 }, { "12345678901234567890123", 12345678901234567890123.0 },
		{ "0.0019104021396503963", 0.0019104021396503963 }, { "00000000000000000000000000000012", 12 },
	};
	static const char *const bad_ones[] = { "", " ", "-", ".", "e5", "nan", "inf", "0x10", "1,5", "1e", "1e+", "1 2", "1e999", "--1" };
	double value;

	for (size_t i = 0; i < sizeof(good_ones) / sizeof(good_ones[0]); i++) {
		value = -99;
		CHECK_INT(wattle_decimal_parse(good_ones[i].text, &value), 0);
		CU_ASSERT_DOUBLE_EQUAL(value, good_ones[i].value, 4e-16 * fabs(good_ones[i].value));
	}
	for (size_t i = 0; i < sizeof(bad_ones) / sizeof(bad_ones[0]); i++)
		CU_ASSERT(wattle_decimal_parse(bad_ones[i], &value) < 0);
	/* what is printed with 17 digits reads back the same */
	for (uint64_t seed = 3, i = 0; i < 100000; i++) {
		double scale = pow(10, floor(40 * random_unit(&seed) - 20)), want = (random_unit(&seed) - 0.5) * scale;
		char text[40];

		CHECK_INT(wattle_decimal_print(text, sizeof(text), want, 17), 0);
		CHECK_INT(wattle_decimal_parse(text, &value), 0);
		CU_ASSERT_DOUBLE_EQUAL(value, want, 3e-16 * fabs(want));
	}
}

static void test_locale(void)
{
	static const char *const commas[] = { "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE" };
	char text[40];
	bool set = false;

	for (size_t i = 0; i < 4 && !set; i++)
		set = setlocale(LC_NUMERIC, commas[i]) != NULL;
	if (!set)
		printf("(no locale with a comma here: only C was tried) ");
	CHECK_INT(wattle_decimal_print(text, sizeof(text), 0.5, 6), 0);
	CHECK_STRING(text, "0.5");
	setlocale(LC_NUMERIC, "C");
	CHECK_INT(wattle_decimal_print(text, 3, 0.5, 6), -ENOSPC);
	CHECK_INT(wattle_decimal_print(text, sizeof(text), NAN, 6), -EINVAL);
}

int main(void)
{
	static const struct test tests[] = {
		{ "comes back as it went", test_there_and_back },
		{ "stays within 1 KiB", test_bounded },
		{ "refuses what is not ours", test_hostile },
		{ "survives damage", test_damaged },
		{ "reads and prints decimals", test_decimals },
		{ "knows no locale", test_locale },
		{ NULL, NULL },
	};

	return run_suite("model text", tests);
}
