/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_DECIMAL_H
#define WATTLE_DECIMAL_H

/* Decimal numbers in files: strtod and printf follow the locale (a comma in Germany), and strtod takes "nan" and "0x1p4". */

#include <stddef.h>

/* Reads "12", "-0.5", ".5", "1.5e-3". *ret_end is what follows. 0, -EINVAL (no number) or -ERANGE (more than a double
 * holds, or more than 40 digits); outputs are then untouched. What a number of 17 significant digits loses is one unit in the last place. */
int wattle_decimal_read(const char *text, const char **ret_end, double *ret);
/* The same for a whole string, blanks around it aside. */
int wattle_decimal_parse(const char *text, double *ret);

/* "%.*g" with a point whatever the locale. 0, -EINVAL (not finite) or -ENOSPC. */
int wattle_decimal_print(char *buf, size_t size, double value, int digits);

#endif
