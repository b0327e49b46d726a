// SPDX-License-Identifier: GPL-2.0-only
#include "whatif.h"

#include <string.h>

#include "plan.h"

void whatif_copy(struct cluster *to, const struct cluster *from)
{
	memcpy(to->host, from->host,
	       (from->max_host + 1) * sizeof(from->host[0]));
	memcpy(to->owner, from->owner,
	       (from->max_owner + 1) * sizeof(from->owner[0]));
	to->guards = from->guards;
	to->max_host = from->max_host;
	to->max_owner = from->max_owner;
	to->silent = from->silent;
	to->stale = from->stale;
}

static bool is_among(uint16_t host, const uint16_t *hosts, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (hosts[i] == host)
			return true;
	return false;
}

uint32_t whatif_die(const struct cluster *c, const uint16_t *hosts, size_t nr,
		    uint64_t now, struct cluster *scratch,
		    struct cluster_result *r,
		    struct whatif_owner owners[BATON_MAX_OWNERS])
{
	uint32_t n = 0;

	whatif_copy(scratch, c);
	/* one after the other they would be planned for, and moved twice */
	for (size_t i = 0; i < nr; i++) {
		struct cluster_host *h = &scratch->host[hosts[i]];

		if (h->state != HOST_DOWN)
			h->went_down = now;
		h->state = HOST_DOWN;
	}
	for (uint16_t i = 1; i <= scratch->max_owner; i++)
		if (is_among(scratch->owner[i].host, hosts, nr))
			scratch->owner[i].forced = false;
	cluster_retry(scratch, now, r);
	for (uint16_t i = 1; i <= c->max_owner; i++) {
		const struct cluster_owner *was = &c->owner[i];
		const struct cluster_owner *is = &scratch->owner[i];

		if (!was->exists || !is_among(was->host, hosts, nr))
			continue;
		owners[n++] = (struct whatif_owner){
			.owner = i,
			.from = was->host,
			.to = is->host,
			.held = is->host == was->host ? is->held : HOLD_NONE,
			.flows = plan_share(c, was->host),
		};
	}
	return n;
}
