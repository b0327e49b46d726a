/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From the configuration that runs to another: what differs is written to the
 * maps, in an order in which every packet meanwhile finds something sound, and
 * what stays is not touched, least of all established connections.
 */
#ifndef BATOND_APPLY_H
#define BATOND_APPLY_H

#include "batond.h"

#define APPLY_WHY 512

/*
 * Make `to` the configuration that runs; its content is taken over (emptied)
 * on success. 0, or a negative errno with `why`: too many of something, or a
 * map refused. *changes: how many objects differed.
 */
int apply_config(struct batond *b, struct config *to, uint32_t *changes,
		 char why[APPLY_WHY]);

/* Rings again: a drain began or ended, an owner moved to or from a draining
 * host. Only rings whose members differ are written. */
void apply_rings(struct batond *b);

/* Owners' words again, where the state that they tell has changed. */
void apply_owner_states(struct batond *b);

/* Take ids and the cluster's state from the pinned maps. */
void apply_adopt(struct batond *b);

#endif
