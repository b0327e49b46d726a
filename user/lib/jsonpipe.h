/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One end of a control socket's connection (docs/control.md) in a program's loop:
 * JSON objects, one to a line, come and go over a pipe without waiting.
 */
#ifndef LIB_JSONPIPE_H
#define LIB_JSONPIPE_H

#include <jansson.h>
#include <stdbool.h>
#include <uv.h>

#define JSONPIPE_LINE (256 << 10) /* bytes that come, newline included */
#define JSONPIPE_QUEUE (4 << 20) /* bytes that wait to be taken */

struct jsonpipe_callbacks {
	/*
	 * A line that is not empty: an object, an array, or NULL if it is no JSON,
	 * and `why` is what the parser says. The reference remains the pipe's.
	 */
	void (*line)(void *arg, const json_t *value, const char *why);
	/* Nothing more comes: UV_EOF, UV_ENOBUFS if a line is too long, or what
	 * else the system says. */
	void (*end)(void *arg, int err);
	/* What was sent did not go out; may be NULL. */
	void (*unsent)(void *arg, int err);
	/* After jsonpipe_close(): the pipe is no longer used. */
	void (*closed)(void *arg);
};

struct jsonpipe {
	uv_pipe_t uv; /* its user connects it, or accepts with it */
	const struct jsonpipe_callbacks *cb;
	void *arg;
	char *line; /* what has come of the next one; NULL before it begins */
	size_t length;
};

/* `cb` must stay, and so must the pipe until cb->closed. */
void jsonpipe_init(struct jsonpipe *p, uv_loop_t *loop,
		   const struct jsonpipe_callbacks *cb, void *arg);

/* It is connected: read. 0 or a negative errno. */
int jsonpipe_begin(struct jsonpipe *p);

/*
 * Takes the reference, also if it fails. Nothing waits in it, and no callback is
 * called. 0, or
 *   UV_ENOTCONN   it has not begun, or is closed
 *   UV_ETIMEDOUT  more than JSONPIPE_QUEUE waits already
 * or what else the system says.
 */
int jsonpipe_send(struct jsonpipe *p, json_t *object);

/* Hang up, be it from within a callback: none but cb->closed is called any more.
 * False: that was done before. */
bool jsonpipe_close(struct jsonpipe *p);

#endif
