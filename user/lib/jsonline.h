/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The asking side of the control socket: JSON objects, one to a line, over a
 * UNIX stream socket (docs/control.md).
 */
#ifndef LIB_JSONLINE_H
#define LIB_JSONLINE_H

#include <jansson.h>
#include <stddef.h>

/* An answer longer than this is refused rather than kept in memory. */
#define JSONLINE_MAX ((size_t)64 << 20)

struct jsonline {
	int fd;
	char *buffer; /* what was received and is not yet handed out */
	size_t length, size;
	size_t scanned; /* no newline before this */
};

/* 0, or the negative errno of socket(2) or connect(2). */
int jsonline_connect(struct jsonline *c, const char *path);
void jsonline_close(struct jsonline *c);

/*
 * Send an object, receive the next one. timeout_ms < 0 waits for ever. They
 * return 0, or
 *   -ETIMEDOUT  the other side did not take it, or sent no whole line, in time
 *   -EPIPE      it closed the connection, even if in the middle of a line
 *   -EBADMSG    the line is not a JSON object
 *   -EMSGSIZE   the line is longer than JSONLINE_MAX
 * or what else the system says. After an error only closing makes sense.
 */
int jsonline_send(struct jsonline *c, const json_t *object, int timeout_ms);
int jsonline_receive(struct jsonline *c, json_t **object, int timeout_ms);

#endif
