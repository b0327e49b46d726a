/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The applications that are watched: their records in the map, and what keeps
 * these up to date.
 *
 * A record says when the application last was found to live, and that is all
 * that the XDP program goes by, so an agent that dies is noticed as well. What
 * is known at once, the end of a process, or checks that say no, sets the
 * record's DOWN flag and is sent to the switch as a word.
 */
#ifndef BATON_HOST_APPLICATIONS_H
#define BATON_HOST_APPLICATIONS_H

#include <stdbool.h>
#include <uv.h>

#include "attempt.h"
#include "check.h"
#include "config.h"
#include "heartbeats.h"
#include "lib/agent/pins.h"
#include "watch.h"

struct applications;

struct application {
	struct applications *all;
	const struct config_application *config;
	struct baton_host_app *record;
	uint32_t index;

	struct check check; /* what a check is for; else of its pidfile */
	uv_timer_t timer;
	struct attempt *attempt; /* the one that runs */
	struct watch *process; /* the one that its pidfile names */
	bool ended; /* its process has, and no other has come */

	uid_t user; /* HEARTBEAT: whose page it is */
	struct client *client; /* HEARTBEAT: who has the page */
};

struct applications {
	uv_loop_t *loop;
	struct pins *pins;
	struct application one[BATON_PROBE_APPS];
	size_t nr;
	struct heartbeats *heartbeats; /* NULL: nobody needs it */
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

/* Its process has ended, or another one is there: the switch hears at once. */
void application_ended(struct application *a, bool ended, const char *why);

#endif
