/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Handing out pages to applications, the other end of user/libbaton.
 *
 * A unix socket of packets. A client sends the name of an application; the
 * answer is an int32_t, 0 with the descriptor of a page, or a negative errno
 * (baton/heartbeat.h) and the end of the connection. Who has a page keeps the
 * connection: when that, or the process, ends, the application has failed.
 */
#ifndef BATON_HOST_HEARTBEATS_H
#define BATON_HOST_HEARTBEATS_H

#include <stddef.h>

#include "baton/probe.h"

struct applications;
struct client;
struct heartbeats;

/* 0 or a negative errno */
int heartbeats_listen(struct heartbeats **to, struct applications *all,
		      const char *path);

/* Those who have a page are not its own: client_drop(). NULL is allowed. */
void heartbeats_close(struct heartbeats *h);

/* Forget one who has a page, and end the connection. NULL is allowed. */
void client_drop(struct client *c);

/* The name in a request. 0 or -EINVAL. */
int heartbeat_request(const char *bytes, size_t len,
		      char name[BATON_APP_NAME_LEN]);

#endif
