/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The loop beats for the agent (baton/heartbeat.h), so that the switch notices
 * at once when this process dies, and soon when it stops or is stuck (row K6).
 */
#ifndef BATON_PROXY_HEARTBEAT_H
#define BATON_PROXY_HEARTBEAT_H

#include <stdbool.h>
#include <uv.h>

#include "baton/heartbeat.h"

struct heartbeat {
	const char *name, *path; /* of the application, of the agent's socket */
	struct baton_heartbeat *page; /* NULL: the agent has not given one */
	/* asked before each beat */
	enum baton_heartbeat_state (*state)(void *arg);
	void *arg;
	uv_timer_t timer;
	bool told; /* that there is none */
};

/* Begin; while the agent gives no page it is asked again and again. */
void heartbeat_start(struct heartbeat *h, uv_loop_t *loop, const char *name,
		     const char *path);

/* End in good order: the switch may move what this host plays. */
void heartbeat_stop(struct heartbeat *h);

#endif
