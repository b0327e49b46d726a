/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BATON_OPTIONS_H
#define BATON_OPTIONS_H

#include <stdbool.h>

enum { STATUS_OK, STATUS_REFUSED, STATUS_USAGE, STATUS_UNREACHABLE };

/* What holds for every command. */
struct options {
	const char *socket; /* NULL: the daemon's own */
	const char *daemon; /* its name */
	const char *bpffs;
	int timeout_ms; /* for each answer of the daemon */
	bool json, pretty;
	bool all; /* also what is zero */
	bool colour;
	bool redraw; /* `watch` draws over what it drew before */
};

/* Print to standard error, "baton: " in front; returns `status`. */
int complain(int status, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
