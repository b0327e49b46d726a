// SPDX-License-Identifier: GPL-2.0-only
#include "heartbeat.h"

#include <string.h>

#include "lib/log.h"

#define BEAT 3 /* ms */
#define AGAIN 1000 /* ms, between two requests for a page */

static void on_beat(uv_timer_t *timer)
{
	struct heartbeat *h = timer->data;

	baton_heartbeat_say(h->page, h->state(h->arg));
	baton_heartbeat_beat(h->page);
}

static void on_ask(uv_timer_t *timer)
{
	struct heartbeat *h = timer->data;
	int err = baton_heartbeat_open(&h->page, h->name, h->path);

	if (err) {
		if (!h->told)
			log_warning("heartbeat: application %s, agent at %s: "
				    "%s; trying again",
				    h->name, h->path, strerror(-err));
		h->told = true;
		return;
	}
	log_info("heartbeat: the agent watches this process as %s", h->name);
	uv_timer_start(&h->timer, on_beat, 0, BEAT);
}

void heartbeat_start(struct heartbeat *h, uv_loop_t *loop, const char *name,
		     const char *path)
{
	h->name = name;
	h->path = path;
	uv_timer_init(loop, &h->timer);
	h->timer.data = h;
	uv_timer_start(&h->timer, on_ask, 0, AGAIN);
}

void heartbeat_stop(struct heartbeat *h)
{
	baton_heartbeat_close(h->page);
	h->page = NULL;
}
