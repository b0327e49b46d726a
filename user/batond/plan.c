// SPDX-License-Identifier: GPL-2.0-only
#include "plan.h"

#include <string.h>

#include "lib/ownership/own_place.h"

void plan_begin(struct cluster *c)
{
	memset(c->taken, 0, (c->max_host + 1) * sizeof(c->taken[0]));
}

void plan_take(struct cluster *c, uint16_t host, uint64_t flows)
{
	c->taken[host].flows += flows;
	c->taken[host].owners++;
}

uint64_t plan_share(const struct cluster *c, uint16_t host)
{
	uint64_t owners = 0;

	for (uint16_t i = 1; i <= c->max_owner; i++)
		owners += c->owner[i].exists && c->owner[i].host == host;
	return owners ? c->host[host].flows / owners : 0;
}

enum why_not plan_barred(const struct cluster *c, uint16_t host, uint64_t needs)
{
	const struct cluster_host *h = &c->host[host];

	if (h->draining)
		return WHY_NOT_DRAINING;
	if (h->maintenance)
		return WHY_NOT_MAINTENANCE;
	if (h->dampening.suppressed)
		return WHY_NOT_SUPPRESSED;
	return h->failed & needs ? WHY_NOT_APP_FAILED : WHY_NOT_NONE;
}

enum why_not cluster_barred(const struct cluster *c, uint16_t host)
{
	return plan_barred(c, host, 0);
}

static bool is_able(const struct cluster *c, const struct cluster_owner *o,
		    uint16_t host, enum host_state state)
{
	return host && host != o->host && c->host[host].state == state &&
	       plan_barred(c, host, o->needs) == WHY_NOT_NONE;
}

bool plan_is_complete(const struct cluster_owner *o, uint16_t host)
{
	return o->complete &
	       own_place_bit(own_place(o->home, o->standbys, host));
}

/* Is there a host that can take over without losing anything? */
static bool is_safe(const struct cluster *c, const struct cluster_owner *o)
{
	if (!o->complete)
		return false;
	for (uint16_t i = 0; i < BATON_MAX_STANDBYS; i++)
		if (plan_is_complete(o, o->standbys[i]) &&
		    is_able(c, o, o->standbys[i], HOST_UP))
			return true;
	return plan_is_complete(o, o->home) && is_able(c, o, o->home, HOST_UP);
}

/* Others than the complete ones come in question if none of these does. */
static bool is_candidate(const struct cluster *c, const struct cluster_owner *o,
			 uint16_t host, enum host_state state)
{
	return is_able(c, o, host, state) &&
	       (plan_is_complete(o, host) || !is_safe(c, o));
}

bool plan_can_take(const struct cluster *c, const struct cluster_owner *o,
		   uint16_t host)
{
	return is_candidate(c, o, host, HOST_UP);
}

bool plan_lacks(const struct cluster *c, const struct cluster_owner *o,
		uint16_t host)
{
	return c->host[host].partial & o->needs;
}

/* The hosts that may play an owner, in order: the home, then the others. */
static uint16_t nr_permitted(const struct cluster *c,
			     const struct cluster_owner *o)
{
	return 1 + (o->standbys[0] ? BATON_MAX_STANDBYS : c->max_host);
}

static uint16_t permitted(const struct cluster_owner *o, uint16_t i)
{
	if (i == 0)
		return o->home;
	return o->standbys[0] ? o->standbys[i - 1] : i;
}

/* Flows for its capacity, with what it took already: is a's fewer than b's? */
static bool less_loaded(const struct cluster *c, uint16_t a, uint16_t b)
{
	uint64_t flows_a = c->host[a].flows + c->taken[a].flows;
	uint64_t flows_b = c->host[b].flows + c->taken[b].flows;

	return flows_a * c->host[b].capacity < flows_b * c->host[a].capacity;
}

static bool better(const struct cluster *c, enum baton_standby_policy policy,
		   uint16_t a, uint16_t b)
{
	switch (policy) {
	case BATON_STANDBY_PRIORITY:
		if (c->host[a].priority != c->host[b].priority)
			return c->host[a].priority > c->host[b].priority;
		break;
	case BATON_STANDBY_SPREAD:
		if (c->taken[a].owners != c->taken[b].owners)
			return c->taken[a].owners < c->taken[b].owners;
		break;
	case BATON_STANDBY_LEAST_LOADED:
		break;
	default:
		return false; /* in order */
	}
	return less_loaded(c, a, b);
}

/* The first of the best among those in this state. */
static uint16_t choose_among(const struct cluster *c,
			     const struct cluster_owner *o,
			     enum host_state state, bool lacking)
{
	uint16_t best = 0;

	for (uint16_t i = 0; i < nr_permitted(c, o); i++) {
		uint16_t host = permitted(o, i);

		if (is_candidate(c, o, host, state) &&
		    plan_lacks(c, o, host) == lacking &&
		    (!best || better(c, o->policy, host, best)))
			best = host;
	}
	return best;
}

/* One that lacks state only if there is no other. */
static uint16_t choose(const struct cluster *c, const struct cluster_owner *o,
		       enum host_state state)
{
	return choose_among(c, o, state, false)
		       ?: choose_among(c, o, state, true);
}

uint16_t plan_choose(const struct cluster *c, const struct cluster_owner *o)
{
	return choose(c, o, HOST_UP);
}

/* More than a home and a full list */
#define MOST_CHOICES (BATON_MAX_STANDBYS + 2)

/* How much choice an owner has; one that may go anywhere has most. */
static uint16_t choices(const struct cluster *c, const struct cluster_owner *o)
{
	uint16_t n = 0;

	if (!o->standbys[0])
		return MOST_CHOICES;
	for (uint16_t i = 0; i < nr_permitted(c, o); i++)
		n += is_candidate(c, o, permitted(o, i), HOST_UP);
	return n;
}

static void plan_owner(struct cluster *c, struct cluster_owner *o,
		       uint64_t flows)
{
	/* One that nobody plays goes home when it can. */
	if (!o->host && plan_can_take(c, o, o->home) &&
	    !plan_lacks(c, o, o->home))
		o->next = o->home;
	else
		o->next = choose(c, o, HOST_UP);
	if (!o->next)
		o->next = choose(c, o, HOST_UNKNOWN);
	if (o->next)
		plan_take(c, o->next, flows);
}

/*
 * The case that one host dies with all its owners, which `first` and `after`
 * list. Those with the least choice come first, so that the others can make
 * way for them.
 */
static void plan_host(struct cluster *c, uint16_t first, const uint16_t *after)
{
	uint64_t flows = plan_share(c, c->owner[first].host);

	plan_begin(c);
	for (uint16_t n = 0; n <= MOST_CHOICES; n++)
		for (uint16_t i = first; i; i = after[i])
			if (choices(c, &c->owner[i]) == n)
				plan_owner(c, &c->owner[i], flows);
}

void cluster_plan(struct cluster *c)
{
	uint16_t first[BATON_MAX_HOSTS] = { 0 };
	uint16_t after[BATON_MAX_OWNERS];

	for (uint16_t i = c->max_owner; i; i--) {
		if (!c->owner[i].exists)
			continue;
		after[i] = first[c->owner[i].host];
		first[c->owner[i].host] = i;
	}
	for (uint16_t host = 0; host <= c->max_host; host++)
		if (first[host])
			plan_host(c, first[host], after);
	c->stale = false;
}

/* --- why another one ------------------------------------------------------- */

/* What the policy has against a host that could take the owner over, too. */
static enum why_not worse(const struct cluster *c, const struct move *m,
			  uint16_t host)
{
	const struct cluster_owner *o = &c->owner[m->owner];

	if (m->cause == MOVE_RESCUE && m->to == o->home)
		return WHY_NOT_HOME_FIRST;
	switch (o->policy) {
	case BATON_STANDBY_PRIORITY:
		return c->host[host].priority < c->host[m->to].priority
			       ? WHY_NOT_PRIORITY
			       : WHY_NOT_LOAD;
	case BATON_STANDBY_SPREAD:
		return WHY_NOT_SPREAD;
	case BATON_STANDBY_LEAST_LOADED:
		return WHY_NOT_LOAD;
	default:
		return WHY_NOT_ORDER;
	}
}

/* When it was decided, did the host hold the complete state? */
static bool held_all(const struct cluster *c, const struct move *m,
		     uint16_t host)
{
	const struct cluster_owner *o = &c->owner[m->owner];

	return m->complete &
	       own_place_bit(own_place(o->home, o->standbys, host));
}

static enum why_not why_not(const struct cluster *c, const struct move *m,
			    uint16_t host)
{
	enum why_not barred;

	if (c->host[host].state == HOST_DOWN)
		return WHY_NOT_DOWN;
	barred = plan_barred(c, host, c->owner[m->owner].needs);
	if (barred != WHY_NOT_NONE)
		return barred;
	if (plan_lacks(c, &c->owner[m->owner], host) &&
	    !plan_lacks(c, &c->owner[m->owner], m->to))
		return WHY_NOT_PARTIAL;
	if (c->host[host].state == HOST_UNKNOWN)
		return WHY_NOT_UNKNOWN;
	return held_all(c, m, m->to) && !held_all(c, m, host)
		       ? WHY_NOT_INCOMPLETE
		       : worse(c, m, host);
}

uint32_t cluster_others(const struct cluster *c, const struct move *m,
			struct other others[OTHERS_KEPT])
{
	const struct cluster_owner *o = &c->owner[m->owner];
	uint32_t n = 0;

	for (uint16_t i = 0; i < nr_permitted(c, o) && n <= OTHERS_KEPT; i++) {
		uint16_t host = permitted(o, i);

		/* without a list, the home comes a second time */
		if (!host || host == m->from || host == m->to ||
		    (i && host == o->home) ||
		    c->host[host].state == HOST_ABSENT)
			continue;
		if (n < OTHERS_KEPT)
			others[n] = (struct other){ host, why_not(c, m, host) };
		n++;
	}
	return n;
}
