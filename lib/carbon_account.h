/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_CARBON_ACCOUNT_H
#define WATTLE_CARBON_ACCOUNT_H

/* Grams from energy over time and intensity over time: the integral of watts x g/kWh. What no intensity is known for is not
 * guessed but told apart. Pure; nothing is allocated. */

#include "forecast.h"

#define WATTLE_CARBON_SERIES_MAX 3

struct wattle_carbon_account {
	/* Dated carbon intensities with slots of at least a second, NAN where nothing is known; the first that knows a moment
	 * counts. The caller's. */
	const struct wattle_forecast *series[WATTLE_CARBON_SERIES_MAX];
	int n_series;
	double shift_s;   /* added to all moments: the same energy at another time */

	double carbon_g;  /* of the energy whose intensity is known */
	double energy_j;  /* all */
	double covered_j; /* whose intensity is known … */
	double by_j[WATTLE_CARBON_SERIES_MAX]; /* … from each series */
};

/* Adds energy drawn evenly between two moments, Unix time with fractions. Not added: to_s before from_s, energies that are no finite number
 * from 0 on. Takes as many steps as slots are touched. */
void wattle_carbon_account_add(struct wattle_carbon_account *account, double from_s, double to_s, double energy_j);

/* Of its energy, 0 to 100; 100 where there is none. */
double wattle_carbon_account_covered_pct(const struct wattle_carbon_account *account);

#endif
