// SPDX-License-Identifier: GPL-2.0-only
#include "ownership.h"

#include <string.h>

#include "lib/ownership/own_place.h"

static uint64_t epoch_of(const struct ownership *o, uint32_t epoch)
{
	return (uint64_t)o->reign << 32 | epoch;
}

uint32_t ownership_first_epoch(const struct ownership *o, uint32_t of_day)
{
	uint32_t first = o->reign > o->past ? o->reign : o->past;

	return of_day > first ? of_day : first;
}

void ownership_gone(struct ownership *o, uint32_t epoch)
{
	if (epoch >= o->past)
		o->past = epoch + 1;
}

/* Whom the cluster prefers follows from who is complete. */
static void tell_cluster(const struct ownership *o, struct cluster *c,
			 uint16_t owner, uint64_t now)
{
	const struct own_grant *g = &o->grant[owner];

	cluster_owner_held(c, owner, own_grant_is_stateful(g), g->complete,
			   now);
}

/* Is what the host has of the owner dead, as far as the switch knows? */
static bool is_dead(const struct cluster *c, const struct cluster_owner *o,
		    uint16_t host)
{
	return c->host[host].state == HOST_DOWN ||
	       c->host[host].failed & o->needs;
}

/* Places of those that need not be waited for. */
static uint16_t dead_places(const struct cluster *c,
			    const struct cluster_owner *o)
{
	uint16_t dead = o->home && is_dead(c, o, o->home) ? own_place_bit(0)
							  : 0;

	for (int i = 0; i < BATON_MAX_STANDBYS && o->standbys[i]; i++)
		if (is_dead(c, o, o->standbys[i]))
			dead |= own_place_bit(i + 1);
	return dead;
}

static void move(struct ownership *o, struct cluster *c, uint16_t owner,
		 uint64_t now)
{
	const struct cluster_owner *of = &c->owner[owner];

	own_grant_move(&o->grant[owner], of->host, epoch_of(o, of->epoch),
		       dead_places(c, of));
	tell_cluster(o, c, owner, now);
}

void ownership_owner(struct ownership *o, struct cluster *c, uint16_t owner,
		     uint64_t now)
{
	const struct cluster_owner *of = &c->owner[owner];

	if (!of->exists) {
		o->grant[owner] = (struct own_grant){ 0 };
		return;
	}
	own_grant_places(&o->grant[owner], of->home, of->standbys);
	move(o, c, owner, now);
}

void ownership_adopt(struct ownership *o, struct cluster *c, uint16_t owner,
		     const struct baton_grant *kept, uint64_t now)
{
	const struct cluster_owner *of = &c->owner[owner];
	struct own_grant *g = &o->grant[owner];

	*g = (struct own_grant){ .home = of->home,
				 .host = of->host,
				 .epoch = kept->epoch,
				 .incarnation = kept->incarnation,
				 .complete = kept->complete };
	memcpy(g->standbys, of->standbys, sizeof(g->standbys));
	memcpy(g->member, kept->member, sizeof(g->member));
	tell_cluster(o, c, owner, now);
}

bool ownership_said(struct ownership *o, struct cluster *c, uint16_t owner,
		    uint16_t host, const struct own_holding *h, uint64_t now)
{
	bool changed;

	if (owner > c->max_owner || !c->owner[owner].exists)
		return false;
	changed = own_grant_said(&o->grant[owner], host, h);
	tell_cluster(o, c, owner, now);
	return changed;
}

void ownership_moved(struct ownership *o, struct cluster *c,
		     const struct cluster_result *r, uint64_t now)
{
	for (uint32_t i = 0; i < r->nr_moves; i++)
		move(o, c, r->moves[i].owner, now);
}

bool ownership_decide(struct ownership *o, struct cluster *c, uint64_t now,
		      struct cluster_result *r)
{
	for (uint16_t i = 1; i <= c->max_owner; i++)
		if (c->owner[i].exists && own_grant_is_lost(&o->grant[i]) &&
		    c->host[c->owner[i].host].state == HOST_UP &&
		    !cluster_state_lost(c, i, now, r))
			return true;
	return false;
}

void ownership_record(const struct ownership *o, const struct cluster *c,
		      uint16_t owner, struct own_owner *record)
{
	own_grant_put(&o->grant[owner], record);
	record->next = c->owner[owner].next;
	record->policy = c->owner[owner].policy;
}
