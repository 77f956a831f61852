/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rapl.h"

#include <errno.h>
#include <math.h>
#include <string.h>

int pcfs_parse_u64(const char *buf, size_t len, uint64_t *ret)
{
	size_t end = strnlen(buf, len);
	size_t i = 0;
	uint64_t value = 0;

	if (end > 0 && buf[end - 1] == '\n')
		end--;
	if (i < end && buf[i] == '+')
		i++;
	if (i == end)
		return -EINVAL;
	for (; i < end; i++) {
		if (buf[i] < '0' || buf[i] > '9')
			return -EINVAL;
		uint64_t digit = (uint64_t)(buf[i] - '0');
		if (value > (UINT64_MAX - digit) / 10)
			return -ERANGE;
		value = value * 10 + digit;
	}
	*ret = value;
	return 0;
}

int pcfs_parse_bool(const char *buf, size_t len, bool *ret)
{
	size_t end = strnlen(buf, len);

	if (end == 0)
		return -EINVAL;
	switch (buf[0]) {
	case 'y': case 'Y': case 't': case 'T': case '1':
		*ret = true;
		return 0;
	case 'n': case 'N': case 'f': case 'F': case '0':
		*ret = false;
		return 0;
	case 'o': case 'O':
		if (end < 2)
			return -EINVAL;
		if (buf[1] == 'n' || buf[1] == 'N')
			*ret = true;
		else if (buf[1] == 'f' || buf[1] == 'F')
			*ret = false;
		else
			return -EINVAL;
		return 0;
	default:
		return -EINVAL;
	}
}

uint32_t pcfs_power_to_raw(uint64_t power_uw)
{
	return (uint32_t)((power_uw / PCFS_POWER_UNIT_UW) & PCFS_POWER_RAW_MAX);
}

uint64_t pcfs_power_from_raw(uint32_t raw)
{
	return (uint64_t)(raw & PCFS_POWER_RAW_MAX) * PCFS_POWER_UNIT_UW;
}

uint8_t pcfs_window_to_raw(uint64_t window_us)
{
	uint64_t units = window_us / PCFS_TIME_UNIT_US;

	if (units == 0)
		return 0;

	unsigned y = 63U - (unsigned)__builtin_clzll(units);
	if (y > 0x1f)
		return 0x7f;
	/* The quarters above 2^y; units < 2^32 here, so that the product fits. */
	uint64_t f = (4 * (units - (1ULL << y))) >> y;
	return (uint8_t)(y | (f & 0x3) << 5);
}

uint64_t pcfs_window_from_raw(uint8_t raw)
{
	uint64_t f = (raw & 0x60U) >> 5;
	unsigned y = raw & 0x1fU;

	return (1ULL << y) * (4 + f) * PCFS_TIME_UNIT_US / 4;
}

void pcfs_energy_add(struct pcfs_energy *e, double joules)
{
	if (!(joules > 0))
		return;

	double counts = e->fraction + joules * 1e9 / e->unit_nj;
	double whole = floor(counts);

	e->fraction = counts - whole;
	/* fmod first: a double beyond 2^32 has no defined conversion to uint32_t. */
	e->raw += (uint32_t)fmod(whole, 4294967296.0);
}

uint64_t pcfs_energy_peek_uj(const struct pcfs_energy *e, double joules)
{
	struct pcfs_energy then = *e;

	pcfs_energy_add(&then, joules);
	return (uint64_t)then.raw * then.unit_nj / 1000;
}

uint64_t pcfs_energy_range_uj(const struct pcfs_energy *e)
{
	return (uint64_t)UINT32_MAX * e->unit_nj / 1000;
}

void pcfs_energy_set_uj(struct pcfs_energy *e, uint64_t value_uj)
{
	uint64_t range_uj = pcfs_energy_range_uj(e);

	e->fraction = 0;
	e->raw = (uint32_t)(value_uj % (range_uj + 1) * 1000 / e->unit_nj);
}
