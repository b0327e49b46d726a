// SPDX-License-Identifier: GPL-2.0-only
#include "cluster.h"

#include <errno.h>

#include "plan.h"

/* Clamped: another thread's stamp may be newer than our `now`. */
static uint64_t age(uint64_t now, uint64_t then)
{
	return now > then ? now - then : 0;
}

static void result_begin(struct cluster_result *r)
{
	r->nr_moves = 0;
	r->nr_held = 0;
	r->held = HOLD_NONE;
}

static void hold(struct cluster_result *r, enum hold_cause cause,
		 uint16_t owner, uint16_t to)
{
	if (r->nr_held++)
		return;
	r->held = cause;
	r->held_owner = owner;
	r->held_to = to;
}

static void move(struct cluster *c, uint16_t owner, uint16_t to,
		 enum move_cause cause, uint64_t now, struct cluster_result *r)
{
	struct cluster_owner *o = &c->owner[owner];
	uint16_t from = o->host;

	o->host = to;
	o->moved = now;
	o->forced = to && c->host[to].state != HOST_UP;
	if (!++o->epoch) /* 0 is the epoch of what never was */
		o->epoch = 1;
	c->stale = true;
	r->moves[r->nr_moves++] = (struct move){
		.owner = owner,
		.from = from,
		.to = to,
		.epoch = o->epoch,
		.cause = cause,
	};
}

/* Did so many hosts die at once that it is rather us who died? */
static bool is_mass_death(const struct cluster *c, uint64_t now)
{
	uint64_t up = 0, died = 0;

	for (uint16_t i = 1; i <= c->max_host; i++) {
		const struct cluster_host *h = &c->host[i];

		up += h->state == HOST_UP;
		died += h->state == HOST_DOWN &&
			age(now, h->went_down) <= c->guards.down_window;
	}
	died += c->silent;
	up -= c->silent < up ? c->silent : up;
	return c->guards.max_down_percent && died > 1 &&
	       died * 100 > c->guards.max_down_percent * (up + died);
}

/*
 * What keeps an owner from moving to `to`? The guards protect connections, and
 * an owner without a host has none.
 */
static enum hold_cause held_by(const struct cluster *c,
			       const struct cluster_owner *o, uint16_t to,
			       bool mass_death, uint64_t now)
{
	if (c->guards.maintenance || (o->host && c->host[o->host].maintenance))
		return HOLD_MAINTENANCE;
	if (o->host && mass_death)
		return HOLD_MASS_DEATH;
	if (!to)
		return HOLD_NO_STANDBY;
	if (o->host && o->moved &&
	    age(now, o->moved) < c->guards.min_move_interval)
		return HOLD_TOO_SOON;
	return c->guards.dry_run ? HOLD_DRY_RUN : HOLD_NONE;
}

static uint16_t successor(const struct cluster *c,
			  const struct cluster_owner *o, enum move_cause cause)
{
	if (cause == MOVE_RESCUE && plan_can_take(c, o, o->home))
		return o->home;
	return plan_can_take(c, o, o->next) ? o->next : plan_choose(c, o);
}

/*
 * Is it an owner of `host` that must go, or (host 0) an orphan? Forced ones are
 * neither. If only an application has failed, not all owners must go.
 */
static bool is_affected(const struct cluster *c, uint16_t owner, uint16_t host,
			enum move_cause cause)
{
	const struct cluster_owner *o = &c->owner[owner];

	if (o->forced)
		return false;
	if (!host)
		return cluster_is_orphan(c, owner);
	return o->exists && o->host == host &&
	       (cause != MOVE_APP_FAILED || o->needs & c->host[host].failed);
}

/* Why an owner moves that has a host: it is down, or just its application. */
static enum move_cause cause_of(const struct cluster *c,
				const struct cluster_owner *o,
				enum move_cause cause)
{
	if (!o->host)
		return MOVE_RESCUE;
	if (cause == MOVE_HOST_DOWN && c->host[o->host].state != HOST_DOWN)
		return MOVE_APP_FAILED;
	return cause;
}

/*
 * Find hosts for the owners of `host`, or (host 0) for all orphans; `cause` is
 * that of owners which have a host. Who chooses anew knows what the others
 * will do, who follow the plan.
 */
static void relocate(struct cluster *c, uint16_t host, enum move_cause cause,
		     uint64_t now, struct cluster_result *r)
{
	bool mass_death = is_mass_death(c, now);
	uint64_t flows = plan_share(c, host);

	plan_begin(c);
	for (uint16_t i = 1; i <= c->max_owner; i++)
		if (is_affected(c, i, host, cause) &&
		    plan_can_take(c, &c->owner[i], c->owner[i].next))
			plan_take(c, c->owner[i].next, flows);
	for (uint16_t i = 1; i <= c->max_owner; i++) {
		struct cluster_owner *o = &c->owner[i];
		enum move_cause why = cause_of(c, o, cause);
		enum hold_cause held;
		uint16_t to;

		if (!is_affected(c, i, host, cause))
			continue;
		to = successor(c, o, why);
		held = held_by(c, o, to, mass_death, now);
		if (held != HOLD_NONE) {
			hold(r, held, i, to);
			continue;
		}
		if (to != o->next)
			plan_take(c, to, flows);
		move(c, i, to, why, now, r);
	}
}

static bool has_host(const struct cluster *c, uint16_t host)
{
	return host && host <= c->max_host &&
	       c->host[host].state != HOST_ABSENT;
}

static bool has_owner(const struct cluster *c, uint16_t owner)
{
	return owner && owner <= c->max_owner && c->owner[owner].exists;
}

void cluster_host_down(struct cluster *c, uint16_t host, uint64_t now,
		       struct cluster_result *r)
{
	result_begin(r);
	if (!has_host(c, host))
		return;
	if (c->host[host].state != HOST_DOWN) {
		c->host[host].state = HOST_DOWN;
		c->host[host].went_down = now;
		dampening_down(&c->host[host].dampening, &c->guards.dampening,
			       now);
		c->stale = true;
	}
	relocate(c, host, MOVE_HOST_DOWN, now, r);
}

void cluster_host_up(struct cluster *c, uint16_t host, uint64_t now,
		     struct cluster_result *r)
{
	result_begin(r);
	if (!has_host(c, host))
		return;
	c->host[host].state = HOST_UP;
	for (uint16_t i = 1; i <= c->max_owner; i++)
		if (c->owner[i].host == host)
			c->owner[i].forced = false;
	relocate(c, 0, MOVE_RESCUE, now, r);
	cluster_plan(c);
}

void cluster_host_apps(struct cluster *c, uint16_t host, uint64_t failed,
		       uint64_t now, struct cluster_result *r)
{
	result_begin(r);
	if (!has_host(c, host) || c->host[host].failed == failed)
		return;
	c->host[host].failed = failed;
	c->stale = true;
	relocate(c, host, MOVE_APP_FAILED, now, r);
}

void cluster_host_removed(struct cluster *c, uint16_t host, uint64_t now,
			  struct cluster_result *r)
{
	uint64_t flows = plan_share(c, host);

	result_begin(r);
	if (!has_host(c, host))
		return;
	c->host[host].state = HOST_ABSENT;
	plan_begin(c);
	for (uint16_t i = 1; i <= c->max_owner; i++) {
		struct cluster_owner *o = &c->owner[i];
		uint16_t to;

		if (!o->exists || o->host != host)
			continue;
		to = successor(c, o, MOVE_HOST_REMOVED);
		plan_take(c, to, flows);
		move(c, i, to, MOVE_HOST_REMOVED, now, r);
	}
	cluster_plan(c);
}

void cluster_retry(struct cluster *c, uint64_t now, struct cluster_result *r)
{
	result_begin(r);
	for (uint16_t i = 1; i <= c->max_host; i++)
		if (dampening_tick(&c->host[i].dampening, &c->guards.dampening,
				   now))
			c->stale = true;
	relocate(c, 0, MOVE_HOST_DOWN, now, r);
	if (c->stale)
		cluster_plan(c);
}

static int move_by_hand(struct cluster *c, uint16_t owner, uint16_t to,
			bool force, enum move_cause cause, uint64_t now,
			struct cluster_result *r)
{
	if (!has_host(c, to))
		return -ENOENT;
	if (c->owner[owner].host == to)
		return -EALREADY;
	if (c->host[to].state != HOST_UP && !force)
		return -EHOSTDOWN;
	if (c->host[to].draining && !force)
		return -EBUSY;
	move(c, owner, to, cause, now, r);
	cluster_plan(c);
	return 0;
}

int cluster_failover(struct cluster *c, uint16_t owner, uint16_t to, bool force,
		     uint64_t now, struct cluster_result *r)
{
	struct cluster_owner *o;

	result_begin(r);
	if (!has_owner(c, owner))
		return -ENOENT;
	o = &c->owner[owner];
	if (!to && c->stale)
		cluster_plan(c);
	if (!to)
		to = o->next;
	if (!to)
		return -EHOSTDOWN;
	return move_by_hand(c, owner, to, force, MOVE_FAILOVER, now, r);
}

int cluster_failback(struct cluster *c, uint16_t owner, bool force,
		     uint64_t now, struct cluster_result *r)
{
	result_begin(r);
	if (!has_owner(c, owner))
		return -ENOENT;
	return move_by_hand(c, owner, c->owner[owner].home, force,
			    MOVE_FAILBACK, now, r);
}
