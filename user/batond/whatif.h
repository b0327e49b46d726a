/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What would happen if some hosts died now (row K5): the decisions of
 * cluster.c, made in a copy. Pure.
 */
#ifndef BATOND_WHATIF_H
#define BATOND_WHATIF_H

#include "cluster.h"

/* What would become of an owner. */
struct whatif_owner {
	uint16_t owner;
	uint16_t from, to; /* to = from: it stays there, without a host */
	enum hold_cause held; /* why it stays */
	uint64_t flows; /* its share of those of `from` */
};

/* Copy what is in use of a cluster; both are large. */
void whatif_copy(struct cluster *to, const struct cluster *from);

/*
 * These hosts die at once, at `now`. `scratch` is overwritten; `r` is room for
 * decisions. The owners that they play, in the order of their ids: how many.
 */
uint32_t whatif_die(const struct cluster *c, const uint16_t *hosts, size_t nr,
		    uint64_t now, struct cluster *scratch,
		    struct cluster_result *r,
		    struct whatif_owner owners[BATON_MAX_OWNERS]);

#endif
