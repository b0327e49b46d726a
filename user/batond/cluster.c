// SPDX-License-Identifier: GPL-2.0-only
#include "cluster.h"

#include <errno.h>

#include "plan.h"

/* Clamped: another thread's stamp may be newer than our `now`. */
static uint64_t age(uint64_t now, uint64_t then)
{
	return now > then ? now - then : 0;
}

/* Is the owner where it cannot be played? */
static bool is_misplaced(const struct cluster *c, const struct cluster_owner *o)
{
	const struct cluster_host *h = &c->host[o->host];

	return o->host && (h->state != HOST_UP || h->failed & o->needs);
}

static void hold(struct cluster *c, const struct move *m,
		 struct cluster_result *r)
{
	struct cluster_owner *o = &c->owner[m->owner];

	if (!r->nr_held++)
		r->held = m->held;
	if (o->held != m->held)
		r->holds[r->nr_holds++] = *m;
	o->held = m->held;
}

static void make(struct cluster *c, struct move *m, uint64_t now,
		 struct cluster_result *r)
{
	struct cluster_owner *o = &c->owner[m->owner];

	o->host = m->to;
	o->moved = now;
	o->forced = is_misplaced(c, o);
	o->held = HOLD_NONE;
	if (!++o->epoch) /* 0 is the epoch of what never was */
		o->epoch = 1;
	c->stale = true;
	m->epoch = o->epoch;
	r->moves[r->nr_moves++] = *m;
}

static struct move decision(const struct cluster *c, uint16_t owner,
			    uint16_t to, enum move_cause cause)
{
	const struct cluster_owner *o = &c->owner[owner];

	return (struct move){ .owner = owner,
			      .from = o->host,
			      .to = to,
			      .epoch = o->epoch,
			      .cause = cause,
			      .complete = o->complete };
}

/* --- guards --------------------------------------------------------------- */

/* How many hosts died at once, of how many that were up? */
static struct guard_facts look_at_hosts(const struct cluster *c, uint64_t now)
{
	struct guard_facts f = { 0 };

	for (uint16_t i = 1; i <= c->max_host; i++) {
		const struct cluster_host *h = &c->host[i];
		bool died = h->state == HOST_DOWN &&
			    age(now, h->went_down) <= c->guards.down_window;

		f.died += died;
		f.hosts += died || h->state == HOST_UP;
	}
	/* Those that are silent right now count, though not condemned yet. */
	f.died += c->silent;
	if (f.hosts < f.died)
		f.hosts = f.died;
	return f;
}

/* So many that it is rather us who died? */
static bool is_mass_death(const struct cluster *c, const struct guard_facts *f)
{
	return c->guards.max_down_percent && f->died > 1 &&
	       f->died * 100U > c->guards.max_down_percent * f->hosts;
}

/*
 * What keeps an owner from moving? The guards protect connections, and an owner
 * without a host has none. The dry run comes last: it is to say what would have
 * moved, not what could have.
 */
static enum hold_cause held_by(const struct cluster *c, const struct move *m)
{
	if (c->guards.maintenance || (m->from && c->host[m->from].maintenance))
		return HOLD_MAINTENANCE;
	if (m->from && is_mass_death(c, &m->guards))
		return HOLD_MASS_DEATH;
	if (!m->to)
		return HOLD_NO_STANDBY;
	if (m->from && c->owner[m->owner].moved &&
	    m->guards.since_move < c->guards.min_move_interval)
		return HOLD_TOO_SOON;
	return c->guards.dry_run ? HOLD_DRY_RUN : HOLD_NONE;
}

/* --- going home ------------------------------------------------------------- */

/* Does it hold all of the owner's state, if there is any? */
static bool holds_all(const struct cluster_owner *o, uint16_t host)
{
	return !o->stateful || plan_is_complete(o, host);
}

/* Has the owner's home all that it needs to go on, and is that so by the word
 * of those who play it as well? */
static bool is_ready(const struct cluster *c, const struct cluster_owner *o)
{
	const struct cluster_host *home = &c->host[o->home];
	const struct cluster_host *now = &c->host[o->host];

	return holds_all(o, o->home) &&
	       !((home->partial | home->alone) & o->needs) &&
	       (now->state != HOST_UP || !(now->alone & o->needs));
}

static bool may_return(const struct cluster *c, uint16_t owner, uint64_t now)
{
	const struct cluster_owner *o = &c->owner[owner];
	const struct cluster_host *home = &c->host[o->home];

	return o->exists && o->returns && o->host && o->host != o->home &&
	       !o->forced && !cluster_is_orphan(c, owner) &&
	       plan_can_take(c, o, o->home) && is_ready(c, o) &&
	       age(now, home->settled) >= o->returns_after &&
	       age(now, o->settled) >= o->returns_after &&
	       age(now, c->host[o->host].settled) >= o->returns_after;
}

/* --- choosing --------------------------------------------------------------- */

/* Is what was planned still good? */
static bool holds_plan(const struct cluster *c, const struct cluster_owner *o)
{
	return plan_can_take(c, o, o->next) && !plan_lacks(c, o, o->next);
}

static uint16_t successor(const struct cluster *c,
			  const struct cluster_owner *o, enum move_cause cause)
{
	if (cause == MOVE_RESCUE && plan_can_take(c, o, o->home) &&
	    !plan_lacks(c, o, o->home))
		return o->home;
	return holds_plan(c, o) ? o->next : plan_choose(c, o);
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
	struct guard_facts facts = look_at_hosts(c, now);
	uint64_t flows = plan_share(c, host);

	plan_begin(c);
	for (uint16_t i = 1; i <= c->max_owner; i++)
		if (is_affected(c, i, host, cause) &&
		    holds_plan(c, &c->owner[i]))
			plan_take(c, c->owner[i].next, flows);
	for (uint16_t i = 1; i <= c->max_owner; i++) {
		struct cluster_owner *o = &c->owner[i];
		struct move m;

		if (!is_affected(c, i, host, cause)) {
			/* it was, perhaps, and is no more */
			if (!host && !may_return(c, i, now))
				o->held = HOLD_NONE;
			continue;
		}
		m = decision(c, i, 0, cause_of(c, o, cause));
		m.to = successor(c, o, m.cause);
		m.guards = facts;
		m.guards.since_move = o->moved ? age(now, o->moved) : 0;
		m.held = held_by(c, &m);
		if (m.held != HOLD_NONE) {
			hold(c, &m, r);
			continue;
		}
		if (m.to != o->next)
			plan_take(c, m.to, flows);
		make(c, &m, now, r);
	}
}

/* --- what happened ------------------------------------------------------------ */

static bool has_host(const struct cluster *c, uint16_t host)
{
	return host && host <= c->max_host &&
	       c->host[host].state != HOST_ABSENT;
}

static bool has_owner(const struct cluster *c, uint16_t owner)
{
	return owner && owner <= c->max_owner && c->owner[owner].exists;
}

/* Owners that were forced upon the host are like others once it can play them. */
static void release(struct cluster *c, uint16_t host)
{
	for (uint16_t i = 1; i <= c->max_owner; i++)
		if (c->owner[i].host == host)
			c->owner[i].forced &= is_misplaced(c, &c->owner[i]);
}

/* Owners that are there by force in spite of an application, not of the host:
 * now it is the host that fails. */
static void give_up(struct cluster *c, uint16_t host)
{
	for (uint16_t i = 1; i <= c->max_owner; i++)
		if (c->owner[i].host == host)
			c->owner[i].forced = false;
}

static void down(struct cluster *c, uint16_t host, bool announced, uint64_t now,
		 struct cluster_result *r)
{
	struct cluster_host *h = &c->host[host];

	cluster_nothing(r);
	if (!has_host(c, host))
		return;
	if (h->state == HOST_UP)
		give_up(c, host);
	if (h->state != HOST_DOWN) {
		h->state = HOST_DOWN;
		h->went_down = now;
		if (!announced)
			dampening_down(&h->dampening, &c->guards.dampening,
				       now);
		c->stale = true;
	}
	relocate(c, host, MOVE_HOST_DOWN, now, r);
}

void cluster_host_down(struct cluster *c, uint16_t host, uint64_t now,
		       struct cluster_result *r)
{
	down(c, host, false, now, r);
}

void cluster_host_leaving(struct cluster *c, uint16_t host, uint64_t now,
			  struct cluster_result *r)
{
	down(c, host, true, now, r);
}

void cluster_host_up(struct cluster *c, uint16_t host, uint64_t now,
		     struct cluster_result *r)
{
	cluster_nothing(r);
	if (!has_host(c, host))
		return;
	if (c->host[host].state != HOST_UP)
		c->host[host].settled = now;
	c->host[host].state = HOST_UP;
	release(c, host);
	relocate(c, 0, MOVE_RESCUE, now, r);
	cluster_plan(c);
}

void cluster_host_apps(struct cluster *c, uint16_t host, uint64_t failed,
		       uint64_t now, struct cluster_result *r)
{
	cluster_nothing(r);
	if (!has_host(c, host) || c->host[host].failed == failed)
		return;
	c->host[host].failed = failed;
	c->host[host].settled = now;
	c->stale = true;
	release(c, host);
	relocate(c, host, MOVE_APP_FAILED, now, r);
}

void cluster_host_said(struct cluster *c, uint16_t host, uint64_t partial,
		       uint64_t alone, uint64_t now)
{
	struct cluster_host *h = &c->host[host];

	if (!has_host(c, host) || (h->partial == partial && h->alone == alone))
		return;
	h->partial = partial;
	h->alone = alone;
	h->settled = now;
	c->stale = true;
}

void cluster_owner_held(struct cluster *c, uint16_t owner, bool stateful,
			uint16_t complete, uint64_t now)
{
	struct cluster_owner *o = &c->owner[owner];
	bool held = plan_is_complete(o, o->home);

	if (o->complete == complete && o->stateful == stateful)
		return;
	o->complete = complete;
	o->stateful = stateful;
	if (plan_is_complete(o, o->home) != held)
		o->settled = now;
	c->stale = true;
}

void cluster_host_removed(struct cluster *c, uint16_t host, uint64_t now,
			  struct cluster_result *r)
{
	uint64_t flows = plan_share(c, host);

	cluster_nothing(r);
	if (!has_host(c, host))
		return;
	c->host[host].state = HOST_ABSENT;
	plan_begin(c);
	for (uint16_t i = 1; i <= c->max_owner; i++) {
		struct cluster_owner *o = &c->owner[i];
		struct move m = decision(c, i, 0, MOVE_HOST_REMOVED);

		if (!o->exists || o->host != host)
			continue;
		m.to = successor(c, o, m.cause);
		plan_take(c, m.to, flows);
		make(c, &m, now, r);
	}
	cluster_plan(c);
}

/* --- failback -------------------------------------------------------------- */

/* What can wait until a guard lets it is not worth telling, but in a dry run. */
static void go_home(struct cluster *c, uint64_t now, struct cluster_result *r)
{
	for (uint16_t i = 1; i <= c->max_owner; i++) {
		struct cluster_owner *o = &c->owner[i];
		struct move m;

		if (!may_return(c, i, now))
			continue;
		m = decision(c, i, o->home, MOVE_RETURN);
		m.guards = look_at_hosts(c, now);
		m.guards.since_move = o->moved ? age(now, o->moved) : 0;
		m.held = held_by(c, &m);
		if (m.held == HOLD_NONE)
			make(c, &m, now, r);
		else if (m.held == HOLD_DRY_RUN)
			hold(c, &m, r);
	}
}

void cluster_retry(struct cluster *c, uint64_t now, struct cluster_result *r)
{
	cluster_nothing(r);
	for (uint16_t i = 1; i <= c->max_host; i++)
		if (dampening_tick(&c->host[i].dampening, &c->guards.dampening,
				   now))
			c->stale = true;
	relocate(c, 0, MOVE_HOST_DOWN, now, r);
	go_home(c, now, r);
	if (c->stale)
		cluster_plan(c);
}

static int move_by_hand(struct cluster *c, uint16_t owner, uint16_t to,
			bool force, enum move_cause cause, uint64_t now,
			struct cluster_result *r)
{
	const struct cluster_owner *o = &c->owner[owner];
	struct move m = decision(c, owner, to, cause);

	if (!has_host(c, to))
		return -ENOENT;
	if (m.from == to)
		return -EALREADY;
	if (c->host[to].state != HOST_UP && !force)
		return -EHOSTDOWN;
	if (c->host[to].draining && !force)
		return -EBUSY;
	if (c->host[to].failed & o->needs && !force)
		return -ESRCH;
	if (!force && cause == MOVE_FAILBACK && !holds_all(o, to))
		return -EAGAIN;
	if (!force && (cause == MOVE_FAILBACK ? !is_ready(c, o)
					      : c->host[to].partial & o->needs))
		return -ENODATA;
	make(c, &m, now, r);
	cluster_plan(c);
	return 0;
}

int cluster_failover(struct cluster *c, uint16_t owner, uint16_t to, bool force,
		     uint64_t now, struct cluster_result *r)
{
	struct cluster_owner *o;

	cluster_nothing(r);
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
	cluster_nothing(r);
	if (!has_owner(c, owner))
		return -ENOENT;
	return move_by_hand(c, owner, c->owner[owner].home, force,
			    MOVE_FAILBACK, now, r);
}

/* --- by what hosts say of their state ------------------------------------------ */

int cluster_state_lost(struct cluster *c, uint16_t owner, uint64_t now,
		       struct cluster_result *r)
{
	struct cluster_owner *o;
	struct move m;

	cluster_nothing(r);
	if (!has_owner(c, owner))
		return -ENOENT;
	o = &c->owner[owner];
	m = decision(c, owner, o->host, MOVE_STATE_LOST);
	if (!m.from)
		return -ENOENT;
	if (!c->guards.maintenance && !c->guards.dry_run &&
	    !c->host[o->host].maintenance) {
		plan_begin(c);
		m.to = plan_choose(c, o);
		if (!plan_is_complete(o, m.to))
			m.to = o->host;
	}
	make(c, &m, now, r);
	cluster_plan(c);
	return 0;
}
