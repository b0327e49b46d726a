/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Choosing a host for an owner, by its policy. Private to cluster.c and
 * plan.c.
 */
#ifndef BATOND_PLAN_H
#define BATOND_PLAN_H

#include "cluster.h"

/* Consider a new case: nobody has taken anything over. */
void plan_begin(struct cluster *c);

/* In this case `host` takes over an owner that has this many flows. */
void plan_take(struct cluster *c, uint16_t host, uint64_t flows);

/* How many flows an owner of this host has, on average. */
uint64_t plan_share(const struct cluster *c, uint16_t host);

/* Why the host does not take an owner over that needs these applications,
 * although it is up; NONE: it does. */
enum why_not plan_barred(const struct cluster *c, uint16_t host,
			 uint64_t needs);

/* Could the host take the owner over now, without being forced? */
bool plan_can_take(const struct cluster *c, const struct cluster_owner *o,
		   uint16_t host);

/* Does it lack state that the owner's connections need? */
bool plan_lacks(const struct cluster *c, const struct cluster_owner *o,
		uint16_t host);

/* Does the host hold the complete state of the owner? */
bool plan_is_complete(const struct cluster_owner *o, uint16_t host);

/* The best host that can, considering what each took already; 0: none. */
uint16_t plan_choose(const struct cluster *c, const struct cluster_owner *o);

#endif
