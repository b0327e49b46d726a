/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The switch among the nodes that agree who owns what (row K4, docs/ownership.md):
 * it tells the hosts that have a key who takes part and who plays what, and hears
 * what each says of itself.
 */
#ifndef BATOND_SPEAK_H
#define BATOND_SPEAK_H

#include <jansson.h>

#include "lib/speak/own_speaker.h"

struct batond;

struct speak {
	struct own_speaker speaker;
	uv_timer_t refresh;
	bool on; /* the switch has a node key */
};

/* 0 or a negative errno, logged. Without a node key nothing is done. */
int speak_start(struct batond *b);
void speak_stop(struct batond *b);

/* This may have changed of an owner, or something of anything: say so. */
void speak_owner(struct batond *b, uint16_t id);
void speak_refresh(struct batond *b);

/* What a host has announced; null: it has no key, or was never heard. */
json_t *speak_announced(const struct batond *b, uint16_t host);

#endif
