// SPDX-License-Identifier: GPL-2.0-only
#include "grants.h"

#include <string.h>

/* A controller that is killed at any moment leaves nobody in `complete` who is not. */
static void set_complete(struct baton_grant *to, uint16_t complete)
{
	__atomic_store_n(&to->complete, complete, __ATOMIC_SEQ_CST);
}

static void set_epoch(struct baton_grant *to, uint64_t epoch)
{
	__atomic_store_n(&to->epoch, epoch, __ATOMIC_SEQ_CST);
}

void grants_keep(struct batond *b, uint16_t owner)
{
	const struct own_grant *g = &b->ownership.grant[owner];
	struct baton_grant *to = &b->dp.grants[owner];

	if (to->epoch == g->epoch) {
		set_complete(to, to->complete & g->complete);
	} else {
		set_complete(to, 0);
		set_epoch(to, 0);
	}
	to->incarnation = g->incarnation;
	memcpy(to->member, g->member, sizeof(to->member));
	set_epoch(to, g->epoch);
	set_complete(to, g->complete);
}

void grants_adopt(struct batond *b, uint16_t owner)
{
	const struct baton_grant *from = &b->dp.grants[owner];
	const struct cluster_owner *c = &b->cluster.owner[owner];

	b->ownership.grant[owner] = (struct own_grant){ 0 };
	if (from->epoch != ((uint64_t)b->dp.meta.reign << 32 | c->epoch))
		return;
	ownership_adopt(&b->ownership, &b->cluster, owner, from, clock_ns());
}
