/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The answering side of a control socket: JSON objects, one to a line, over a
 * UNIX stream socket of mode 0600 (docs/control.md).
 */
#ifndef LIB_JSONSERVER_H
#define LIB_JSONSERVER_H

#include <jansson.h>
#include <stddef.h>
#include <uv.h>

#define JSONSERVER_WHY 4096 /* room for a sentence or two */

struct jsonserver;
struct jsonserver_client;

/*
 * Asked to do `what`: the answer's data, a new reference, or NULL with `why`
 * filled. The client is good until the function returns.
 */
typedef json_t *jsonserver_fn(void *arg, struct jsonserver_client *client,
			      const char *what, const json_t *request,
			      char why[JSONSERVER_WHY]);

/*
 * Listen; the directory is made, and what is left there of a former server is
 * removed: the caller knows that none runs. The process ignores SIGPIPE from
 * then on. 0, or a negative errno, logged.
 */
int jsonserver_open(struct jsonserver **server, uv_loop_t *loop,
		    const char *path, jsonserver_fn *answer, void *arg);

/* `gone` is called once for each client that is no more, also when the server is
 * closed. */
typedef void jsonserver_gone_fn(void *arg,
				const struct jsonserver_client *client);
void jsonserver_on_gone(struct jsonserver *server, jsonserver_gone_fn *gone);

/* Hang up on everybody. The memory is freed as the loop goes on. */
void jsonserver_close(struct jsonserver *server);

/* The answer to who asks for one object by its "name", or for all: the array, or
 * NULL with `why` filled if there is none of that name. */
json_t *jsonserver_found(json_t *array, const json_t *request, const char *kind,
			 char why[JSONSERVER_WHY]);

/* After its answer the client is told of events, too. */
void jsonserver_watch(struct jsonserver_client *client);

/* Tell whoever watches; a client that does not read is told later how many it
 * has missed. */
void jsonserver_event(struct jsonserver *server, json_t *event);

#endif
