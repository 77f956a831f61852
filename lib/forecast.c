/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "forecast.h"

#include <errno.h>

const char *wattle_signal_name(enum wattle_signal signal)
{
	switch (signal) {
	case WATTLE_SIGNAL_AVERAGE:
		return "average";
	case WATTLE_SIGNAL_MARGINAL:
		return "marginal";
	case WATTLE_SIGNAL_UNKNOWN:
		break;
	}
	return "unknown";
}

int64_t wattle_forecast_end(const struct wattle_forecast *f)
{
	return f->start_s + (int64_t) f->n * f->slot_s;
}

int64_t wattle_forecast_slot_at(const struct wattle_forecast *f, int64_t at_s)
{
	if (at_s < f->start_s || at_s >= wattle_forecast_end(f))
		return -1;
	return (at_s - f->start_s) / f->slot_s;
}

int wattle_forecast_reslot(struct wattle_forecast *f, uint32_t slot_s, struct wattle_err *err)
{
	uint32_t times;

	if (slot_s < 1 || (slot_s % f->slot_s != 0 && f->slot_s % slot_s != 0))
		return wattle_err_set(err, EINVAL, "slots of %u s can't be made of slots of %u s: one must divide the other", slot_s,
				      f->slot_s);
	if (slot_s >= f->slot_s) {
		times = slot_s / f->slot_s;
		if (f->n < times)
			return wattle_err_set(err, EINVAL, "%u slots of %u s are less than one of %u s", f->n, f->slot_s, slot_s);
		for (uint32_t i = 0; i < f->n / times; i++) {
			double sum = 0;

			for (uint32_t j = 0; j < times; j++)
				sum += f->value[i * times + j];
			f->value[i] = sum / times;
		}
		f->n /= times;
	} else {
		times = f->slot_s / slot_s;
		if ((uint64_t) f->n * times > f->room)
			return wattle_err_set(err, E2BIG, "%u slots of %u s make more than %u of %u s", f->n, f->slot_s, f->room, slot_s);
		for (uint32_t i = f->n * times; i-- > 0;)
			f->value[i] = f->value[i / times];
		f->n *= times;
	}
	f->slot_s = slot_s;
	return 0;
}
