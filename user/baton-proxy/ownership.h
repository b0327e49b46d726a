/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which owners this host plays, and in which epoch: what the switch says with
 * its probes, and the agent's XDP program writes down (baton/host.h). Needs
 * CAP_BPF.
 */
#ifndef BATON_PROXY_OWNERSHIP_H
#define BATON_PROXY_OWNERSHIP_H

#include <uv.h>

#include "baton/host.h"

/* Of two that are heard in the wrong order `heard` tells which is old. */
typedef void ownership_fn(void *arg, const struct baton_ownership_event *said);

struct ring_buffer;

struct ownership {
	int map;
	struct ring_buffer *events;
	uv_poll_t poll;
	ownership_fn *fn;
	void *arg;
};

/* Open what the agent has pinned in `dir`; `fn` is called for every change. 0
 * or a negative errno, with `why` filled. */
int ownership_open(struct ownership *o, uv_loop_t *loop, const char *dir,
		   ownership_fn *fn, void *arg, char *why, size_t size);

/* Ask what is known of an owner, and call `fn` if something is. */
void ownership_ask(struct ownership *o, uint32_t tag);

#endif
