/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * This host among the nodes that agree who owns what (row K4, docs/ownership.md):
 * it says what it is, plays and holds, hears what the switch and the other hosts
 * say, and shows the picture that this makes to whoever asks on its control socket.
 * Who says there what it holds of an owner is told the switch's word on it.
 *
 * Which hosts there are, and by which keys they are known, it hears from the
 * switch; which of them it is, from the switch's probes.
 */
#ifndef BATON_HOST_PICTURE_H
#define BATON_HOST_PICTURE_H

#include <uv.h>

#include "config.h"
#include "holds.h"
#include "lib/agent/pins.h"
#include "lib/speak/own_speaker.h"

struct jsonserver;

struct picture {
	struct own_speaker speaker;
	const struct pins *pins;
	const struct config *config;
	uint8_t switch_key[OWN_KEY_LEN];
	uv_timer_t refresh;
	struct jsonserver *control;
	struct holds holds; /* what programs of this host say */
	bool on; /* there is a node key */
};

/* 0 or a negative errno, logged. Without a node key nothing is done. */
int picture_start(struct picture *p, uv_loop_t *loop, const struct pins *pins,
		  const struct config *c);
void picture_stop(struct picture *p);

#endif
