/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Forecasts: each format, told apart by content; what is mended, and what is refused with line and reason. All samples are made up. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "forecast_read.h"
#include "instant.h"
#include "plan_window.h"
#include "runner.h"

static struct wattle_forecast f;

static int parse(const char *text, enum wattle_quantity quantity, struct wattle_err *err)
{
	const struct wattle_forecast_wish wish = { quantity, 0 };
	char *copy = strdup(text);
	int rc;

	free(f.value);
	f = (struct wattle_forecast){ .n = 0 };
	rc = wattle_forecast_parse("f", copy, strlen(copy), &wish, &f, err);
	free(copy);
	return rc;
}

static void takes(const char *text)
{
	struct wattle_err err = WATTLE_ERR_INIT;

	parse(text, WATTLE_QUANTITY_CARBON, &err);
	CHECK_STRING(err.text, "");
	CU_ASSERT_FATAL(err.code == 0);
}

static void refuses(const char *text, const char *why)
{
	struct wattle_err err = WATTLE_ERR_INIT;

	CU_ASSERT(parse(text, WATTLE_QUANTITY_CARBON, &err) < 0);
	CHECK_HOLDS(err.text, why);
	CU_ASSERT(f.value == NULL);
}

static void check_series(const char *start, uint32_t slot_s, uint32_t n, double first, double last)
{
	char moment[WATTLE_INSTANT_SIZE];

	CHECK_STRING(wattle_instant_format(f.start_s, moment), start);
	CHECK_INT(f.slot_s, slot_s);
	CHECK_INT(f.n, n);
	CU_ASSERT_FATAL(f.n == n && n > 0);
	CU_ASSERT_DOUBLE_EQUAL(f.value[0], first, 1e-6);
	CU_ASSERT_DOUBLE_EQUAL(f.value[n - 1], last, 1e-6);
}

/* --- JSON ------------------------------------------------------------------- */

static void test_electricity_maps(void)
{
	takes("{\"zone\":\"DE\",\"forecast\":[{\"carbonIntensity\":351,\"datetime\":\"2026-05-08T21:00:00.000Z\"},"
	      "{\"carbonIntensity\":340,\"datetime\":\"2026-05-08T22:00:00.000Z\"}],\"updatedAt\":\"2026-05-08T20:41:00.000Z\","
	      "\"temporalGranularity\":\"hourly\"}");
	check_series("2026-05-08T21:00:00Z", 3600, 2, 351, 340);
	CHECK_STRING(f.zone, "DE");
	CHECK_STRING(f.source, "Electricity Maps forecast");
	CHECK_INT(f.signal, WATTLE_SIGNAL_AVERAGE);
	CHECK_INT(f.issued_s, f.start_s - 19 * 60);
	takes("{\"zone\":\"DE\",\"history\":[{\"carbonIntensity\":300,\"datetime\":\"2026-05-08T00:00:00Z\",\"isEstimated\":true},"
	      "{\"carbonIntensity\":null,\"datetime\":\"2026-05-08T01:00:00Z\",\"isEstimated\":false},"
	      "{\"carbonIntensity\":320,\"datetime\":\"2026-05-08T02:00:00Z\",\"isEstimated\":false}],\"temporalGranularity\":\"hourly\"}");
	check_series("2026-05-08T00:00:00Z", 3600, 3, 300, 320);
	CU_ASSERT_DOUBLE_EQUAL(f.value[1], 310, 1e-9);
	CHECK_INT(f.n_filled, 1);
	CHECK_INT(f.n_estimated, 1);
	/* in reverse order, a quarter of an hour apart */
	takes("{\"zone\":\"FR\",\"data\":[{\"carbonIntensity\":22,\"datetime\":\"2026-05-08T00:30:00Z\"},"
	      "{\"carbonIntensity\":21,\"datetime\":\"2026-05-08T00:15:00Z\"},{\"carbonIntensity\":20,\"datetime\":\"2026-05-08T00:00:00Z\"}]}");
	check_series("2026-05-08T00:00:00Z", 900, 3, 20, 22);
}

static void test_watttime(void)
{
	takes("{\"data\":[{\"point_time\":\"2026-04-01T00:00:00+00:00\",\"value\":1000},{\"point_time\":\"2026-04-01T00:05:00+00:00\",\"value\":900.5}],"
	      "\"meta\":{\"region\":\"CAISO_NORTH\",\"signal_type\":\"co2_moer\",\"units\":\"lbs_co2_per_mwh\",\"generated_at\":\"2026-03-31T23:55:00+00:00\"}}");
	check_series("2026-04-01T00:00:00Z", 300, 2, 453.592, 900.5 * 0.453592);
	CHECK_INT(f.signal, WATTLE_SIGNAL_MARGINAL);
	CHECK_STRING(f.zone, "CAISO_NORTH");
	CHECK_INT(f.issued_s, f.start_s - 300);
	refuses("{\"data\":[{\"point_time\":\"2026-04-01T00:00:00+00:00\",\"value\":1}],\"meta\":{\"units\":\"usd_per_mwh\"}}", "usd_per_mwh");
	refuses("{\"data\":[{\"point_time\":\"2026-04-01T00:00:00+00:00\",\"value\":1}]}", "meta.units is missing");
}

#define UK(from, forecast, actual) "{\"from\":\"2024-01-15T" from "Z\",\"to\":\"x\",\"intensity\":{\"forecast\":" forecast ",\"actual\":" actual "}}"

static void test_uk(void)
{
	takes("{\"data\":[" UK("00:00", "245", "250") "," UK("00:30", "240", "null") "]}");
	check_series("2024-01-15T00:00:00Z", 1800, 2, 250, 240);
	CHECK_STRING(f.zone, "GB");
	takes("{\"data\":{\"regionid\":3,\"shortname\":\"North West England\",\"data\":[{\"from\":\"2024-01-15T00:00Z\","
	      "\"intensity\":{\"forecast\":45,\"index\":\"low\"}},{\"from\":\"2024-01-15T00:30Z\",\"intensity\":{\"forecast\":46}}]}}");
	check_series("2024-01-15T00:00:00Z", 1800, 2, 45, 46);
	CHECK_STRING(f.zone, "North West England");
	takes("{\"data\":[{\"regionid\":3,\"shortname\":\"NW\",\"data\":[{\"from\":\"2024-01-15T00:00Z\",\"intensity\":{\"forecast\":45}}]}]}");
	check_series("2024-01-15T00:00:00Z", 1800, 1, 45, 45);
	refuses("{\"data\":[{\"from\":\"2024-01-15T00:00Z\",\"regions\":[{}]}]}", "all regions");
}

static void test_json_refused(void)
{
	refuses("{\"forecast\":[{\"datetime\":\"2026-05-08T21:00:00Z\",\"carbonIntensity\":\"a\"}]}", "f: entry 1: its value is no number");
	refuses("{\"forecast\":[{\"datetime\":\"2026-05-08T21:00:00Z\",\"carbonIntensity\":1},{\"carbonIntensity\":2}]}", "f: entry 2: no \"datetime\"");
	refuses("{\"forecast\":[{\"datetime\":\"2026-05-32T21:00:00Z\",\"carbonIntensity\":1}]}", "entry 1: \"2026-05-32T21:00:00Z\" is no time");
	refuses("{\"forecast\":[{\"datetime\":\"2026-05-08T21:00:00Z\",\"carbonIntensity\":-5}]}", "no carbon intensity");
	refuses("{\"forecast\":[]}", "no values");
	refuses("{\"forecast\":\n[{\"datetime\":", "f:2: no valid JSON: ");
	refuses("{\"forecast\":[]} x", "no valid JSON");
	refuses("{\"message\":\"Invalid auth-token\"}", "message of the service: Invalid auth-token");
	refuses("{\"zone\":\"DE\",\"carbonIntensity\":3,\"datetime\":\"2026-05-08T21:00:00Z\"}", "one value");
	refuses("{}", "no known kind");
	refuses("[1,2]", "no known kind");
	refuses("{\"data\":[5]}", "f: entry 1: no \"datetime\"");
	refuses("{\"data\":[null]}", "");
	refuses("", "empty");
}

/* --- CSV -------------------------------------------------------------------- */

static void test_csv(void)
{
	/* portal: BOM, CRLF, both kinds of factor; life cycle is taken */
	takes("\xef\xbb\xbf" "Datetime (UTC),Country,Zone Name,Zone Id,Carbon Intensity gCO\xe2\x82\x82" "eq/kWh (direct),"
	      "Carbon Intensity gCO\xe2\x82\x82" "eq/kWh (LCA),Low Carbon Percentage,Renewable Percentage,Data Source,Data Estimated\r\n"
	      "2022-01-01 00:00:00,USA,California,US-CAL-CISO,200,270,55,41,x,false\r\n"
	      "2022-01-01 01:00:00,USA,California,US-CAL-CISO,201,271,55,41,x,true\r\n");
	check_series("2022-01-01T00:00:00Z", 3600, 2, 270, 271);
	CHECK_STRING(f.zone, "US-CAL-CISO");
	CHECK_STRING(f.source, "Electricity Maps portal");
	CU_ASSERT(f.life_cycle);
	CHECK_INT(f.n_estimated, 1);
	takes("datetime,created_at,timestamp,zone_name,carbon_intensity_avg,carbon_intensity_production_avg\n"
	      "2020-01-01T00:00:00+00:00,2021-06-17T09:27:00.121955+00:00,1577836800,US,332,1\n"
	      "2020-01-01T02:00:00+01:00,2021-06-17T09:27:00.121955+00:00,1577840400,US,363,1\n");
	check_series("2020-01-01T00:00:00Z", 3600, 2, 332, 363);
	CHECK_STRING(f.source, "CarbonScaler");
	takes(",UTC time,carbon_intensity,coal\n0,2021-01-01 00:00:00,300,5\n1,2021-01-01 01:00:00,310,6\n");
	check_series("2021-01-01T00:00:00Z", 3600, 2, 300, 310);
	CHECK_STRING(f.source, "CarbonCast");
	takes("Time,Carbon Intensity\n2019-12-20 00:00:00,120.5\n2019-12-20 00:30:00,135.25\n");
	check_series("2019-12-20T00:00:00Z", 1800, 2, 120.5, 135.25);
	takes("hour_index,carbon_intensity\n0,144.64\n1,132.79\n3,130\n");
	check_series("1970-01-01T00:00:00Z", 3600, 4, 144.64, 130);
	CU_ASSERT(!f.dated);
	CHECK_INT(f.n_filled, 1);
	/* Unix seconds, pounds */
	takes("timestamp,MOER (lbs CO2/MWh)\n1577836800,1000\n1577837100,500\n");
	check_series("2020-01-01T00:00:00Z", 300, 2, 453.592, 226.796);
	CHECK_INT(f.signal, WATTLE_SIGNAL_MARGINAL);
}

static void test_polls(void)
{
	/* the time that the value is for, twice where it was polled twice: the later poll counts; a failed poll doesn't */
	takes("timestamp,zone_datetime,status,zone_name,carbon_intensity_avg,carbon_intensity_unit\r\n"
	      "1633703404,2021-10-08T13:00:00.000Z,ok,DE,364,gCO2eq/kWh\r\n1633705204,2021-10-08T14:00:00.000Z,ok,DE,369,gCO2eq/kWh\r\n"
	      "1633707004,2021-10-08T14:00:00.000Z,ok,DE,370,gCO2eq/kWh\r\n1633707004,2021-10-08T15:00:00.000Z,error,DE,,gCO2eq/kWh\r\n"
	      "1633717804,2021-10-08T17:00:00.000Z,ok,DE,400,gCO2eq/kWh\r\n1633721404,2021-10-08T18:00:00.000Z,ok,DE,410,gCO2eq/kWh\r\n");
	check_series("2021-10-08T13:00:00Z", 3600, 6, 364, 410);
	CU_ASSERT_DOUBLE_EQUAL(f.value[1], 370, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(f.value[3], 390, 1e-9);
	CHECK_INT(f.n_repeated, 1);
	CHECK_INT(f.n_filled, 2);
}

static void test_half_hours(void)
{
	/* a half hour among hours belongs to its hour */
	takes("time,carbon_intensity\n2021-01-01T00:00Z,100\n2021-01-01T01:00Z,200\n2021-01-01T01:30Z,300\n2021-01-01T02:00Z,400\n2021-01-01T03:00Z,500\n"
	      "2021-01-01T04:00Z,600\n");
	check_series("2021-01-01T00:00:00Z", 3600, 5, 100, 600);
	CU_ASSERT_DOUBLE_EQUAL(f.value[1], 250, 1e-9);
	/* hours that begin at half past */
	takes("time,carbon_intensity\n2021-01-01T00:30+05:30,100\n2021-01-01T02:00+05:30,200\n2021-01-01T03:00+05:30,200\n2021-01-01T04:00+05:30,210\n");
	CHECK_INT(f.slot_s, 3600);
	CHECK_INT(f.start_s % 3600, 1800);
}

static void test_long_gap(void)
{
	takes("time,carbon_intensity\n2021-01-01T00:00Z,100\n2021-01-01T01:00Z,200\n2021-01-01T09:00Z,300\n2021-01-01T10:00Z,300\n");
	CHECK_INT(f.n, 11);
	CHECK_INT(f.n_filled, 0);
	CHECK_INT(wattle_forecast_hole(&f, 0), 2);
	CHECK_INT(wattle_forecast_hole(&f, 9), 11);
}

static void test_summer_time(void)
{
	/* the hour that comes twice, with offsets: two hours */
	takes("time,carbon_intensity\n2021-10-31T01:00:00+02:00,100\n2021-10-31T02:00:00+02:00,110\n2021-10-31T02:00:00+01:00,120\n2021-10-31T03:00:00+01:00,130\n");
	check_series("2021-10-30T23:00:00Z", 3600, 4, 100, 130);
	/* without: nobody knows which is which */
	refuses("time,carbon_intensity\n2021-10-31 01:00:00,100\n2021-10-31 02:00:00,110\n2021-10-31 02:00:00,120\n2021-10-31 03:00:00,130\n",
		"f:4: 2021-10-31T02:00:00Z stands twice with different values (line 3) and names no zone");
}

static void test_csv_refused(void)
{
	refuses("time,carbon_intensity\n2021-01-01,100\nyesterday,5\n", "f:3: \"yesterday\" is no time");
	refuses("time,carbon_intensity\n2021-01-01,1e9\n", "f:2: ");
	refuses("time,carbon_intensity\n2021-01-01,abc\n", "f:2: \"abc\" is no number");
	refuses("time,carbon_intensity\n2021-01-01\n", "f:2: 1 fields");
	refuses("time,carbon_intensity\n2021-01-01,5\n", "tell no slot length");
	refuses("time,carbon_intensity\n", "no values");
	refuses("time,wind\n2021-01-01,5\n", "f:1: no column of carbon intensities");
	refuses("when,carbon_intensity\n2021-01-01,5\n", "f:1: no column of times");
	refuses("zone,time,carbon_intensity\nDE,2021-01-01,5\nFR,2021-01-02,5\n", "f:3: zone FR among rows of DE");
	refuses("hour_index,carbon_intensity\n0,0.3\n1,0.4\n", "kg/kWh");
	refuses("hour_index,carbon_intensity\n0,30\n0,40\n", "f:3: this index stands twice");
	refuses("hour_index,carbon_intensity\n0.5,30\n1,40\n", "f:2: \"0.5\" is no slot index");
	refuses("time,carbon_intensity\n1970-01-01T00:00:00Z,100\n1970-01-01T00:00:01Z,100\n9999-01-01T00:00:00Z,100\n", "at most");
}

static void test_price(void)
{
	struct wattle_err err = WATTLE_ERR_INIT;

	CHECK_INT(parse("time,carbon_intensity,Day-ahead Price [GBP/MWh]\n2021-01-01T00:00Z,200,-12.5\n2021-01-01T01:00Z,210,80\n",
			WATTLE_QUANTITY_PRICE, &err), 0);
	check_series("2021-01-01T00:00:00Z", 3600, 2, -12.5, 80);
	CHECK_STRING(f.unit, "GBP/MWh");
	CHECK_INT(f.quantity, WATTLE_QUANTITY_PRICE);
	CU_ASSERT(parse("time,carbon_intensity\n2021-01-01T00:00Z,200\n", WATTLE_QUANTITY_PRICE, &err) < 0);
	CHECK_HOLDS(err.text, "no column of prices");
}

/* --- our own ------------------------------------------------------------------ */

#define CACHE "{\"zone\":\"LAB\",\"signal\":\"average\",\"unit\":\"gCO2/kWh\",\"issued\":\"2026-05-08T20:00:00Z\",\"slot_s\":30," \
	      "\"start\":\"2026-05-08T21:00:00Z\",\"values\":[400, 100.5,3e2]}"

static void cache_refuses(const char *text, const char *why)
{
	struct wattle_err err = WATTLE_ERR_INIT;
	double value[4];
	struct wattle_forecast c = { .value = value, .room = 4 };

	CU_ASSERT(wattle_forecast_parse_cache("f", text, &c, &err) < 0);
	CHECK_HOLDS(err.text, why);
}

static void test_cache(void)
{
	char text[1000], again[1000];
	struct wattle_err err = WATTLE_ERR_INIT;
	double value[4];
	struct wattle_forecast c = { .value = value, .room = 4 };

	takes(CACHE);
	check_series("2026-05-08T21:00:00Z", 30, 3, 400, 300);
	CHECK_STRING(f.zone, "LAB");
	CHECK_INT(f.issued_s, f.start_s - 3600);
	CHECK_INT(f.signal, WATTLE_SIGNAL_AVERAGE);
	CU_ASSERT(wattle_forecast_format_cache(&f, text, sizeof(text), &err) > 0);
	takes(text);
	CU_ASSERT(wattle_forecast_format_cache(&f, again, sizeof(again), &err) > 0);
	CHECK_STRING(again, text);
	/* what it does not know it skips */
	CHECK_INT(wattle_forecast_parse_cache("f", "{\"x\":{\"a\":[1,\"]}\",{}]},\"a key that is longer than any of ours is\":true,"
					      "\"slot_s\":60,\"start\":1e9,\"values\":[1, 2]}", &c, &err), 0);
	CHECK_INT(c.n, 2);
	CHECK_INT(c.start_s, 1000000000);
	cache_refuses("", "JSON object");
	cache_refuses("{\"slot_s\":60,\"start\":1,\"values\":[1,2", "f:1: ");
	cache_refuses("{\"slot_s\":60,\n\"start\":1,\n\"values\":[1,x]}", "f:3: a value must be a number");
	cache_refuses("{\"slot_s\":60,\"start\":1,\"values\":[1,null]}", "a value must be a number");
	cache_refuses("{\"slot_s\":60,\"start\":1,\"values\":[1,2,3,4,5]}", "more than 4 values");
	cache_refuses("{\"slot_s\":60,\"start\":1,\"values\":[]}", "no values");
	cache_refuses("{\"slot_s\":60,\"start\":1,\"values\":[-1]}", "value 0 is -1");
	cache_refuses("{\"slot_s\":0,\"start\":1,\"values\":[1]}", "slot_s");
	cache_refuses("{\"slot_s\":60,\"values\":[1]}", "needed");
	cache_refuses("{\"slot_s\":60,\"start\":\"2026-05-08 21:00\",\"values\":[1]}", "start must be a moment");
	cache_refuses("{\"slot_s\":60,\"start\":1,\"unit\":\"lbs/MWh \",\"values\":[1]}", "unit");
	cache_refuses("{\"slot_s\":60,\"start\":1,\"values\":[1]} {", "text behind");
	cache_refuses("{\"x\":[[[[[[[[[[1]]]]]]]]]],\"slot_s\":60,\"start\":1,\"values\":[1]}", "nested");
}

/* What was, with its holes: written and read again; where a forecast is wanted, a hole is refused. */
static void test_holes(void)
{
	double value[4] = { 1, NAN, 3.5, 4 };
	struct wattle_forecast h = { .zone = "Z", .unit = "gCO2/kWh", .signal = WATTLE_SIGNAL_MARGINAL, .dated = true, .start_s = 7200, .slot_s = 300,
				     .n = 4, .room = 4, .value = value };
	struct wattle_err err = WATTLE_ERR_INIT;
	char text[400];

	CU_ASSERT(wattle_forecast_format_cache(&h, text, sizeof(text), &err) > 0);
	CHECK_HOLDS(text, "[1, null, 3.5, 4]");
	cache_refuses(text, "a value must be a number");
	value[1] = 2;
	CHECK_INT(wattle_forecast_parse_history("f", text, &h, &err), 0);
	CHECK_INT(h.n, 4);
	CU_ASSERT(isnan(value[1]));
	CHECK_INT(h.signal, WATTLE_SIGNAL_MARGINAL);
	takes(text);
	CHECK_INT(wattle_forecast_hole(&f, 0), 1);
	CHECK_INT(wattle_forecast_parse_history("f", "{\"slot_s\":60,\"start\":1,\"values\":[nul]}", &h, &err), -EINVAL);
	value[0] = INFINITY;
	h.n = 1;
	CHECK_INT(wattle_forecast_format_cache(&h, text, sizeof(text), &err), -EINVAL);
}

/* A past half hour has two values: each can be had. */
static void test_series(void)
{
	static const char uk[] = "{\"data\":[" UK("00:00", "245", "250") "," UK("00:30", "240", "null") "," UK("01:00", "230", "231") "]}";
	static const struct { enum wattle_series series; double value[3]; } cases[] = {
		{ WATTLE_SERIES_BEST, { 250, 240, 231 } },
		{ WATTLE_SERIES_FORECAST, { 245, 240, 230 } },
		{ WATTLE_SERIES_ACTUAL, { 250, NAN, 231 } },
	};
	const struct wattle_forecast_wish wish = { WATTLE_QUANTITY_CARBON, 0 };
	struct wattle_err err = WATTLE_ERR_INIT;

	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		char text[sizeof(uk)];

		memcpy(text, uk, sizeof(uk));
		free(f.value);
		f = (struct wattle_forecast){ .n = 0 };
		CHECK_INT(wattle_forecast_parse_series("f", text, strlen(text), &wish, cases[c].series, &f, &err), 0);
		CU_ASSERT_FATAL(f.n == 3);
		for (unsigned i = 0; i < 3; i++)
			CU_ASSERT(isnan(cases[c].value[i]) ? isnan(f.value[i]) : fabs(f.value[i] - cases[c].value[i]) < 1e-9);
	}
}

/* One of each kind, in full, as it comes. */
static void test_every_format(void)
{
	static const struct {
		const char *text, *source, *zone, *start, *issued;
		enum wattle_signal signal;
		uint32_t slot_s, n, region;
		double first, last;
	} samples[] = {
		{ "{\"zone\":\"DE\",\"forecast\":[{\"carbonIntensity\":351,\"datetime\":\"2026-05-08T21:00:00.000Z\"},"
		  "{\"carbonIntensity\":342,\"datetime\":\"2026-05-08T22:00:00.000Z\"}],\"updatedAt\":\"2026-05-08T20:41:06.130Z\","
		  "\"temporalGranularity\":\"hourly\",\"_disclaimer\":\"This data is subject to terms\"}",
		  "Electricity Maps forecast", "DE", "2026-05-08T21:00:00Z", "2026-05-08T20:41:06Z", WATTLE_SIGNAL_AVERAGE, 3600, 2, 0, 351, 342 },
		{ "{\"zone\":\"DE\",\"history\":[{\"zone\":\"DE\",\"carbonIntensity\":302,\"datetime\":\"2026-05-08T19:00:00.000Z\","
		  "\"updatedAt\":\"2026-05-09T19:00:00.000Z\",\"createdAt\":\"2026-05-05T19:00:00.000Z\",\"emissionFactorType\":\"lifecycle\","
		  "\"isEstimated\":true,\"estimationMethod\":\"TIME_SLICER_AVERAGE\"},{\"carbonIntensity\":310,\"datetime\":\"2026-05-08T20:00:00.000Z\","
		  "\"isEstimated\":false,\"estimationMethod\":null}],\"temporalGranularity\":\"hourly\"}",
		  "Electricity Maps history", "DE", "2026-05-08T19:00:00Z", NULL, WATTLE_SIGNAL_AVERAGE, 3600, 2, 0, 302, 310 },
		{ "{\"zone\":\"DE\",\"data\":[{\"zone\":\"DE\",\"carbonIntensity\":290,\"datetime\":\"2026-05-08T00:00:00.000Z\"},"
		  "{\"zone\":\"DE\",\"carbonIntensity\":288,\"datetime\":\"2026-05-08T01:00:00.000Z\"}],\"temporalGranularity\":\"hourly\"}",
		  "Electricity Maps past range", "DE", "2026-05-08T00:00:00Z", NULL, WATTLE_SIGNAL_AVERAGE, 3600, 2, 0, 290, 288 },
		{ "{\"data\":[{\"point_time\":\"2026-04-01T00:00:00+00:00\",\"value\":412.5},{\"point_time\":\"2026-04-01T00:05:00+00:00\",\"value\":0}],"
		  "\"meta\":{\"data_point_period_seconds\":300,\"region\":\"CAISO_NORTH\",\"warnings\":[],\"signal_type\":\"co2_moer\","
		  "\"model\":{\"date\":\"2023-03-01\"},\"units\":\"lbs_co2_per_mwh\",\"generated_at_period_seconds\":300,"
		  "\"generated_at\":\"2026-03-31T23:55:00+00:00\"}}",
		  "WattTime", "CAISO_NORTH", "2026-04-01T00:00:00Z", "2026-03-31T23:55:00Z", WATTLE_SIGNAL_MARGINAL, 300, 2, 0, 412.5 * 0.453592, 0 },
		{ "{ \"data\":[{ \"from\": \"2024-01-15T00:00Z\", \"to\": \"2024-01-15T00:30Z\", \"intensity\": { \"forecast\": 245, \"actual\": null,"
		  " \"index\": \"moderate\" } },{ \"from\": \"2024-01-15T00:30Z\", \"to\": \"2024-01-15T01:00Z\", \"intensity\": { \"forecast\": 241,"
		  " \"actual\": null, \"index\": \"moderate\" } }]}",
		  "UK Carbon Intensity", "GB", "2024-01-15T00:00Z", NULL, WATTLE_SIGNAL_AVERAGE, 1800, 2, 0, 245, 241 },
		{ "{\"data\":{\"regionid\":3,\"dnoregion\":\"Electricity North West\",\"shortname\":\"North West England\",\"data\":[{\"from\":"
		  "\"2024-01-15T00:00Z\",\"to\":\"2024-01-15T00:30Z\",\"intensity\":{\"forecast\":45,\"index\":\"low\"},\"generationmix\":["
		  "{\"fuel\":\"gas\",\"perc\":10.2}]}]}}",
		  "UK Carbon Intensity, regional", "North West England", "2024-01-15T00:00Z", NULL, WATTLE_SIGNAL_AVERAGE, 1800, 1, 3, 45, 45 },
		{ "{\"data\":[{\"regionid\":3,\"dnoregion\":\"Electricity North West\",\"shortname\":\"North West England\",\"data\":[{\"from\":"
		  "\"2024-01-15T00:00Z\",\"to\":\"2024-01-15T00:30Z\",\"intensity\":{\"forecast\":45,\"index\":\"low\"}}]}]}",
		  "UK Carbon Intensity, regional", "North West England", "2024-01-15T00:00Z", NULL, WATTLE_SIGNAL_AVERAGE, 1800, 1, 3, 45, 45 },
		/* the portal's headers of other years */
		{ "Datetime (UTC),Country,Zone name,Zone id,Carbon intensity gCO\xe2\x82\x82" "eq/kWh (direct),Carbon intensity gCO\xe2\x82\x82" "eq/kWh"
		  " (Life cycle),Carbon-free energy percentage (CFE%),Renewable energy percentage (RE%),Data source,Data estimated,Data estimation method\n"
		  "2024-01-01 00:00:00,Germany,Germany,DE,150.2,210.4,70.1,66.0,entsoe.eu,false,\n2024-01-01 01:00:00,Germany,Germany,DE,140,200,71,67,entsoe.eu,true,X\n",
		  "Electricity Maps portal", "DE", "2024-01-01T00:00:00Z", NULL, WATTLE_SIGNAL_AVERAGE, 3600, 2, 0, 210.4, 200 },
		{ "datetime,created_at,timestamp,zone_name,carbon_intensity_avg,carbon_intensity_production_avg\n"
		  "2020-01-01T00:00:00+00:00,2021-06-17T09:27:00.121955+00:00,1577836800,CA-ON,332,1\n"
		  "2020-01-01T01:00:00+00:00,2021-06-17T09:27:00.121955+00:00,1577840400,CA-ON,30.5,1\n",
		  "CarbonScaler", "CA-ON", "2020-01-01T00:00:00Z", NULL, WATTLE_SIGNAL_AVERAGE, 3600, 2, 0, 332, 30.5 },
		{ ",UTC time,carbon_intensity,coal,nat_gas\n0,2021-01-01 00:00:00,301.25,5,1\n1,2021-01-01 01:00:00,310,6,1\n",
		  "CarbonCast", "", "2021-01-01T00:00:00Z", NULL, WATTLE_SIGNAL_AVERAGE, 3600, 2, 0, 301.25, 310 },
		{ "Time,Carbon Intensity\n2019-12-20 00:00:00,120.5\n2019-12-20 00:30:00,135.25\n",
		  "CSV", "", "2019-12-20T00:00:00Z", NULL, WATTLE_SIGNAL_AVERAGE, 1800, 2, 0, 120.5, 135.25 },
		{ "hour_index,carbon_intensity\n0,144.64\n1,132.79\n",
		  "hours by index", "", "1970-01-01T00:00:00Z", NULL, WATTLE_SIGNAL_AVERAGE, 3600, 2, 0, 144.64, 132.79 },
		{ CACHE, "forecast cache", "LAB", "2026-05-08T21:00:00Z", "2026-05-08T20:00:00Z", WATTLE_SIGNAL_AVERAGE, 30, 3, 0, 400, 300 },
	};
	static const char *const before[] = { "", "\xef\xbb\xbf" };

	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
		for (size_t b = 0; b < 2; b++) {
			char text[2000];
			int64_t start_s, issued_s = 0;

			snprintf(text, sizeof(text), "%s%s", before[b], samples[i].text);
			takes(text);
			CHECK_INT(wattle_instant_parse(samples[i].start, &start_s, NULL), 0);
			if (samples[i].issued)
				CHECK_INT(wattle_instant_parse(samples[i].issued, &issued_s, NULL), 0);
			CHECK_STRING(f.source, samples[i].source);
			CHECK_STRING(f.zone, samples[i].zone);
			CHECK_INT(f.start_s, start_s);
			CHECK_INT(f.issued_s, issued_s);
			CHECK_INT(f.signal, samples[i].signal);
			CHECK_INT(f.slot_s, samples[i].slot_s);
			CHECK_INT(f.region, samples[i].region);
			CHECK_STRING(f.unit, "gCO2/kWh");
			CHECK_INT(f.quantity, WATTLE_QUANTITY_CARBON);
			CU_ASSERT_FATAL(f.n == samples[i].n);
			CU_ASSERT_DOUBLE_EQUAL(f.value[0], samples[i].first, 1e-9);
			CU_ASSERT_DOUBLE_EQUAL(f.value[f.n - 1], samples[i].last, 1e-9);
		}
}

/* --- window and slots ----------------------------------------------------------- */

static void test_reslot(void)
{
	double value[12] = { 1, 2, 3, 4, 5, 6, 7 };
	struct wattle_forecast c = { .slot_s = 1800, .n = 7, .room = 12, .value = value };
	struct wattle_err err = WATTLE_ERR_INIT;

	CHECK_INT(wattle_forecast_reslot(&c, 3600, &err), 0);
	CHECK_INT(c.n, 3);
	CU_ASSERT_DOUBLE_EQUAL(value[2], 5.5, 1e-12);
	CHECK_INT(wattle_forecast_reslot(&c, 900, &err), 0);
	CHECK_INT(c.n, 12);
	CU_ASSERT_DOUBLE_EQUAL(value[11], 5.5, 1e-12);
	CHECK_INT(wattle_forecast_reslot(&c, 300, &err), -E2BIG);
	CHECK_INT(wattle_forecast_reslot(&c, 1000, &err), -EINVAL);
}

static void test_window(void)
{
	double g[5] = { 100, 200, NAN, 400, 500 }, eur[3] = { 10, 30, 50 };
	struct wattle_forecast carbon = { .slot_s = 3600, .start_s = 36000, .n = 5, .value = g, .dated = true };
	struct wattle_forecast price = { .slot_s = 1800, .start_s = 36000, .n = 3, .value = eur, .dated = true, .quantity = WATTLE_QUANTITY_PRICE };
	struct wattle_plan_goal goal = { &carbon, NULL, 0 };
	struct wattle_plan_slot slot[5];
	struct wattle_err err = WATTLE_ERR_INIT;
	uint32_t n;

	CHECK_INT(wattle_plan_window(&goal, 36100, 36000 + 7200, slot, 5, &n, &err), 0);
	CHECK_INT(n, 2);
	CU_ASSERT_DOUBLE_EQUAL(slot[1].weight, 200, 1e-12);
	CHECK_INT(wattle_plan_window(&goal, 36100, 36000 + 7201, slot, 5, &n, &err), -ERANGE);
	CHECK_HOLDS(err.text, "no carbon intensity for 1970-01-01T12:00:00Z");
	CHECK_INT(wattle_plan_window(&goal, 35999, 40000, slot, 5, &n, &err), -ERANGE);
	CHECK_HOLDS(err.text, "outside the forecast");
	/* 20 a MWh, and 50 a tonne at 100 g/kWh */
	goal = (struct wattle_plan_goal){ &carbon, &price, 50 };
	CHECK_INT(wattle_plan_window(&goal, 36000, 39600, slot, 5, &n, &err), 0);
	CHECK_INT(n, 1);
	CU_ASSERT_DOUBLE_EQUAL(slot[0].weight, 25, 1e-12);
	CU_ASSERT_DOUBLE_EQUAL(slot[0].g_per_kwh, 100, 1e-12);
}

static void test_instants(void)
{
	static const struct { const char *text; int64_t s; } good[] = {
		{ "1970-01-01", 0 }, { "2000-02-29T00:00:00Z", 951782400 }, { "2026-11-22 03:00", 1795316400 },
		{ "2020-01-01T01:00:00+01:00", 1577836800 }, { "2020-01-01T00:00:00.123Z", 1577836800 }, { "2019-12-31T19:00:00-0500", 1577836800 },
	};
	static const char *const bad[] = { "", "2021-02-29", "2021-13-01", "2021-01-01T25:00", "2021-01-01T00:00:00Zx", "21-01-01", "2021-01-01T", "2021-01-01T00:00+99:00" };
	char text[WATTLE_INSTANT_SIZE];
	int64_t s;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		CHECK_INT(wattle_instant_parse(good[i].text, &s, NULL), 0);
		CHECK_INT(s, good[i].s);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_INT(wattle_instant_parse(bad[i], &s, NULL), -EINVAL);
	for (int64_t day = 0; day < 200000; day += 13) {
		CHECK_INT(wattle_instant_parse(wattle_instant_format(day * 86400 + 3661, text), &s, NULL), 0);
		CHECK_INT(s, day * 86400 + 3661);
	}
}

/* Whatever is done to a good file: an answer, and no values that are not numbers in range. */
static void test_damaged(void)
{
	static const char *const good[] = {
		CACHE,
		"{\"zone\":\"DE\",\"forecast\":[{\"carbonIntensity\":351,\"datetime\":\"2026-05-08T21:00:00.000Z\"},{\"carbonIntensity\":340,\"datetime\":\"2026-05-08T22:00:00.000Z\"}]}",
		"{\"data\":[{\"point_time\":\"2026-04-01T00:00:00+00:00\",\"value\":1000},{\"point_time\":\"2026-04-01T00:05:00+00:00\",\"value\":900.5}],\"meta\":{\"units\":\"lbs_co2_per_mwh\"}}",
		"{\"data\":[" UK("00:00", "245", "250") "," UK("00:30", "240", "null") "]}",
		"time,carbon_intensity\r\n2021-01-01T00:00Z,100\r\n2021-01-01T01:00Z,200\r\n2021-01-01T02:00Z,200\r\n",
		"hour_index,carbon_intensity\n0,144.64\n1,132.79\n3,130\n",
	};
	unsigned seed = 7, taken = 0;

	for (int round = 0; round < 30000; round++) {
		char text[600];
		size_t len;

		snprintf(text, sizeof(text), "%s", good[round % 6]);
		len = strlen(text);
		for (int i = 0; i < 1 + round % 3; i++) {
			size_t at;

			seed = seed * 1103515245u + 12345u;
			at = (seed >> 8) % len;
			if (round % 5 == 0)
				text[at] = '\0', len = at ? at : 1;
			else
				text[at] = "0159-+.,:\"[]{}e\n \\Z\xff"[(seed >> 4) % 21];
		}
		if (parse(text, WATTLE_QUANTITY_CARBON, NULL) < 0)
			continue;
		taken++;
		for (uint32_t i = 0; i < f.n; i++)
			CU_ASSERT(isnan(f.value[i]) || (f.value[i] >= 0 && f.value[i] <= WATTLE_FORECAST_INTENSITY_MAX) || f.quantity == WATTLE_QUANTITY_PRICE);
	}
	CU_ASSERT(taken > 1000);
}

int main(void)
{
	static const struct test tests[] = {
		{ "Electricity Maps", test_electricity_maps },
		{ "WattTime", test_watttime },
		{ "UK Carbon Intensity", test_uk },
		{ "JSON that is refused", test_json_refused },
		{ "tables", test_csv },
		{ "polls with repeats and gaps", test_polls },
		{ "half hours", test_half_hours },
		{ "long gaps stay holes", test_long_gap },
		{ "summer time", test_summer_time },
		{ "tables that are refused", test_csv_refused },
		{ "prices", test_price },
		{ "our own cache", test_cache },
		{ "holes", test_holes },
		{ "what was forecast and what was measured", test_series },
		{ "one of every format", test_every_format },
		{ "other slots", test_reslot },
		{ "the planner's window", test_window },
		{ "moments", test_instants },
		{ "damaged files", test_damaged },
		{ NULL, NULL },
	};
	int rc = run_suite("forecast", tests);

	free(f.value);
	return rc;
}
