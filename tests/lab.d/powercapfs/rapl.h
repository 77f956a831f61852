/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The registers behind a powercap zone, as Linux's intel_rapl_common.c sees them: pure arithmetic, no I/O, no time.
 *
 * What is the kernel's doing and what the hardware's:
 * - kernel: a limit in microwatts is divided by the power unit (rounding down) and masked to 15 bits; nothing is
 *   compared with max_power_uw, and bits above the mask are dropped without an error (5000 W reads back as 904 W).
 * - kernel: a time window is encoded as 2^Y * (1 + F/4) time units; less than a unit becomes the code 0, which reads
 *   back as one unit; too large a window becomes the largest code.
 * - hardware: the energy counter has 32 bits and wraps; max_energy_range_uj is its last value in microjoules, so a
 *   reader adds max_energy_range_uj when a later reading is the lower one.
 */
#ifndef PCFS_RAPL_H
#define PCFS_RAPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Units of a Xeon's package: 1/8 W, 976 us, 2^-14 J (the kernel keeps the latter as 61035 pJ / 1000). */
#define PCFS_POWER_UNIT_UW 125000U
#define PCFS_POWER_RAW_MAX 0x7fffU
#define PCFS_TIME_UNIT_US 976U
#define PCFS_ENERGY_UNIT_NJ 61035U
/* DRAM of Haswell-EP and later counts in units of its own. */
#define PCFS_ENERGY_UNIT_DRAM_NJ 15300U

/*
 * What kstrtoull(buf, 10, …) takes after kernfs has added its NUL: digits, an optional leading '+', an optional newline
 * right before the NUL or the end of the buffer. Bytes behind the first NUL don't count (libpowercap writes some).
 * 0, -EINVAL or -ERANGE; *ret is set on success only.
 */
int pcfs_parse_u64(const char *buf, size_t len, uint64_t *ret);

/* kstrtobool(): y, Y, t, T, 1, on are true; n, N, f, F, 0, off are false; only the first one or two bytes count. 0 or -EINVAL. */
int pcfs_parse_bool(const char *buf, size_t len, bool *ret);

uint32_t pcfs_power_to_raw(uint64_t power_uw);
uint64_t pcfs_power_from_raw(uint32_t raw);

uint8_t pcfs_window_to_raw(uint64_t window_us);
uint64_t pcfs_window_from_raw(uint8_t raw);

struct pcfs_energy {
	uint32_t raw;           /* what the register shows */
	uint32_t unit_nj;       /* one count */
	double fraction;        /* counts not yet shown, 0 <= fraction < 1 */
};

/* Energy is never negative: joules below 0 (and NaN) add nothing. Wraps as the register does. */
void pcfs_energy_add(struct pcfs_energy *e, double joules);
/* What the register would show joules from now; e is left alone. */
uint64_t pcfs_energy_peek_uj(const struct pcfs_energy *e, double joules);
uint64_t pcfs_energy_range_uj(const struct pcfs_energy *e);
/* Sets the register to the nearest count at or below value_uj (modulo the range). */
void pcfs_energy_set_uj(struct pcfs_energy *e, uint64_t value_uj);

#endif
