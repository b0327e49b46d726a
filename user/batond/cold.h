/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Owners without a standby (row K7): when somebody should be booted. Pure.
 */
#ifndef BATOND_COLD_H
#define BATOND_COLD_H

#include "cluster.h"

#define COLD_AGAIN 600000000000ULL /* ns, while it has not helped */

struct cold {
	uint64_t since[BATON_MAX_OWNERS]; /* ns; 0: there is a standby */
	uint64_t asked[BATON_MAX_OWNERS]; /* ns, when a host was last asked for */
};

/*
 * An owner that has had no host, or none that would take over, for `after` (ns)
 * and for which nobody was asked since, or not for COLD_AGAIN; it counts as
 * asked for now. 0: there is none (more).
 */
uint16_t cold_next(struct cold *c, const struct cluster *cluster, uint64_t now,
		   uint64_t after);

/* The hosts that may play the owner and are not up, in its order: how many. */
uint32_t cold_hosts(const struct cluster *cluster, uint16_t owner,
		    uint16_t hosts[OTHERS_KEPT]);

#endif
