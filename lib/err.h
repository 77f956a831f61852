/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WATTLE_ERR_H
#define WATTLE_ERR_H

/* Errors as values. A function of lib/ that can fail returns 0 or a negative
 * errno and fills the caller's struct wattle_err; it allocates nothing, logs
 * nothing and sets no global. A message says what was wanted, what was found
 * and what to do. Threads: a struct wattle_err belongs to one thread. */

struct wattle_err {
	int code;       /* positive errno, 0 = no error */
	char text[512]; /* one line, no newline, always terminated; control characters of quoted input become '?' */
};

#define WATTLE_ERR_INIT { 0, { 0 } }

/* Sets code and text; err may be NULL. Returns -code, for `return wattle_err_set (…)`. */
int wattle_err_set(struct wattle_err *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before a text that is already there. Returns -err->code; with err NULL -EIO, so that a failure stays one. */
int wattle_err_wrap(struct wattle_err *err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Copies at most size-1 bytes of src; control characters and non-ASCII become '?': for quoting user input. Returns dst. */
char *wattle_err_quote(char *dst, unsigned long size, const char *src);

#endif
