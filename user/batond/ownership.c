// SPDX-License-Identifier: GPL-2.0-only
#include "ownership.h"

#include <errno.h>

#include "lib/ownership/own_place.h"

static uint64_t epoch_of(const struct ownership *o, uint32_t epoch)
{
	return (uint64_t)o->reign << 32 | epoch;
}

/* Whom the cluster prefers follows from who is complete. */
static void tell_cluster(const struct ownership *o, struct cluster *c,
			 uint16_t owner)
{
	const struct own_grant *g = &o->owner[owner].grant;
	struct cluster_owner *to = &c->owner[owner];
	bool stateful = own_grant_is_stateful(g);

	if (to->complete == g->complete && to->stateful == stateful)
		return;
	to->complete = g->complete;
	to->stateful = stateful;
	c->stale = true;
}

/* Places of hosts that are dead, as far as the switch knows. */
static uint16_t down_places(const struct cluster *c,
			    const struct cluster_owner *o)
{
	uint16_t down = 0;

	for (uint16_t i = 1; i <= c->max_host; i++)
		if (c->host[i].state == HOST_DOWN)
			down |= own_place_bit(
				own_place(o->home, o->standbys, i));
	return down;
}

void ownership_owner(struct ownership *o, const struct cluster *c,
		     uint16_t owner)
{
	const struct cluster_owner *of = &c->owner[owner];
	struct own_grant *g = &o->owner[owner].grant;

	own_grant_places(g, of->home, of->standbys);
	own_grant_move(g, of->host, epoch_of(o, of->epoch), down_places(c, of));
}

bool ownership_said(struct ownership *o, struct cluster *c, uint16_t owner,
		    uint16_t host, const struct own_holding *h)
{
	bool changed;

	if (owner > c->max_owner || !c->owner[owner].exists)
		return false;
	changed = own_grant_said(&o->owner[owner].grant, host, h);
	tell_cluster(o, c, owner);
	return changed;
}

void ownership_moved(struct ownership *o, struct cluster *c,
		     const struct cluster_result *r)
{
	for (uint32_t i = 0; i < r->nr_moves; i++) {
		uint16_t owner = r->moves[i].owner;
		const struct cluster_owner *of = &c->owner[owner];

		own_grant_move(&o->owner[owner].grant, of->host,
			       epoch_of(o, of->epoch), down_places(c, of));
		o->owner[owner].complete = 0;
		tell_cluster(o, c, owner);
	}
}

/* Is it time for the owner to return? */
static bool is_due(struct ownership_owner *w, const struct cluster_owner *of,
		   uint64_t now)
{
	if (of->host == of->home || !own_grant_is_complete(&w->grant, of->home))
		w->complete = 0;
	else if (!w->complete)
		w->complete = now;
	if (!w->complete || w->failback == BATON_FAILBACK_MANUAL)
		return false;
	return w->failback == BATON_FAILBACK_AUTO ||
	       now - w->complete >= w->delay;
}

bool ownership_decide(struct ownership *o, struct cluster *c, uint64_t now,
		      struct cluster_result *r)
{
	for (uint16_t i = 1; i <= c->max_owner; i++) {
		struct ownership_owner *w = &o->owner[i];
		const struct cluster_owner *of = &c->owner[i];
		int err = -EAGAIN;

		if (!of->exists)
			continue;
		if (own_grant_is_lost(&w->grant) &&
		    c->host[of->host].state == HOST_UP)
			err = cluster_state_lost(c, i, now, r);
		else if (is_due(w, of, now))
			err = cluster_return(c, i, now, r);
		if (err)
			continue;
		ownership_moved(o, c, r);
		return true;
	}
	return false;
}

void ownership_record(const struct ownership *o, const struct cluster *c,
		      uint16_t owner, struct own_owner *record)
{
	const struct ownership_owner *w = &o->owner[owner];

	own_grant_put(&w->grant, record);
	record->next = c->owner[owner].next;
	record->policy = c->owner[owner].policy;
	record->failback = w->failback;
	record->delay = w->delay / 1000000;
}
