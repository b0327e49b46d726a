/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The applications that are watched: their records in the map, and what keeps
 * these up to date. A good check is a sign of life, as a heartbeat is; nothing
 * counts failures, as the XDP program finds the last sign too old. So an agent
 * that dies is noticed as well.
 */
#ifndef BATON_HOST_APPLICATIONS_H
#define BATON_HOST_APPLICATIONS_H

#include <uv.h>

#include "attempt.h"
#include "config.h"
#include "pins.h"
#include "process.h"

struct applications;

struct application {
	struct applications *all;
	const struct config_application *config;
	struct baton_host_app *record;
	uint32_t index;
	uv_timer_t timer;
	struct attempt *attempt; /* that runs now; NULL: none */
	struct process process;
	uid_t user; /* HEARTBEAT: whose page it is */
	int client; /* connection of who has the page; -1: nobody */
	uv_poll_t *watch; /* of it */
};

struct applications {
	uv_loop_t *loop;
	struct pins *pins;
	struct application one[BATON_PROBE_APPS];
	size_t nr;
	int listener; /* -1: none */
	uv_poll_t *accepting;
};

/*
 * Watch those of the configuration, which must stay as long. 0 or a negative
 * errno; what is wrong has been logged. What a record says of an application
 * that was watched before is kept.
 */
int applications_start(struct applications *all, uv_loop_t *loop,
		       struct pins *pins, const struct config *c);

/* Stop watching; the loop must run once more. Records stay as they are. */
void applications_stop(struct applications *all);

/* Something has changed that the switch should know at once. */
void application_set_down(struct application *a, bool down, const char *why);

/* The socket where pages are handed out (heartbeats.c). */
int heartbeats_listen(struct applications *all, const char *path);
void heartbeats_close(struct applications *all);
void heartbeats_drop(struct application *a);

/* Close a handle that was allocated, and free it. */
void application_close(void *handle);

#endif
