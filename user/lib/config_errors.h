/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is wrong with a configuration: "FILE:LINE: what is wrong, what is
 * expected", one message per line, as many as could be found, in a buffer that
 * grows.
 */
#ifndef LIB_CONFIG_ERRORS_H
#define LIB_CONFIG_ERRORS_H

#include <stddef.h>

struct config_errors {
	char *text; /* NULL: none; no newline at the end */
	size_t count;
	size_t length, size; /* of text: used, allocated */
};

/*
 * Add a message. File may be NULL and line 0; with neither, the message stands
 * alone: it is about what came in a request. Returns -EINVAL, for the caller
 * to return.
 */
int config_error(struct config_errors *e, const char *file, int line,
		 const char *format, ...) __attribute__((format(printf, 4, 5)));

void config_errors_free(struct config_errors *e);

#endif
