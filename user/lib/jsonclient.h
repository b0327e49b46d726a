/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The asking side of a control socket (docs/control.md) in a program's loop: it
 * connects, again and again if need be, and objects come and go without waiting.
 */
#ifndef LIB_JSONCLIENT_H
#define LIB_JSONCLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <uv.h>

#include "lib/jsonpipe.h"

struct jsonclient_callbacks {
	void (*up)(void *arg);
	/* One object; the reference remains the client's. */
	void (*object)(void *arg, const json_t *object);
	void (*down)(void *arg, const char *why); /* if it was up, or never */
};

struct jsonclient {
	struct jsonclient_callbacks cb;
	void *arg;
	const char *path;
	struct jsonpipe pipe;
	uv_connect_t connect;
	uv_timer_t retry;
	bool up;
	bool told; /* that it is down */
	bool closed;
};

/* Begin; `path` must stay. */
void jsonclient_open(struct jsonclient *c, uv_loop_t *loop, const char *path,
		     const struct jsonclient_callbacks *cb, void *arg);
/* No callback is called any more. Handles are closed as the loop goes on. */
void jsonclient_close(struct jsonclient *c);

/* Takes the reference. False: it is not up, or has no memory; who is not up says all
 * anew once it is. */
bool jsonclient_send(struct jsonclient *c, json_t *object);

#endif
