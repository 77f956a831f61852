/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One bounded message on the way up to main(); nothing below main() prints. */
#ifndef PCFS_ERR_H
#define PCFS_ERR_H

struct pcfs_err {
	char text[320];
};

/* Fills err (which may be NULL) and returns -errnum, so that a caller can write `return pcfs_err_set(err, EINVAL, ...)`. */
int pcfs_err_set(struct pcfs_err *err, int errnum, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
