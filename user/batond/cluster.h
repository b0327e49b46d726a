/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who plays which owner, and who would (rows K5, K8). Pure state: it is told
 * what happened to hosts and what the operator wants, and says which owners
 * move where. It never looks at a clock and touches no map.
 *
 * Hosts and owners are known by their ids (baton/maps.h), which index the
 * arrays below; slot 0 is not used.
 *
 * What it holds to:
 *
 *  - An owner may be played by its home and by its standbys; without a list,
 *    by every host. The home comes first where order decides.
 *  - A host that is draining or not up takes nothing over by itself. One that
 *    is UNKNOWN is shown as the next only if no other is left.
 *  - Nor does one that is in maintenance, or that is suppressed because it
 *    went down too often (dampening.h), or on which an application has failed
 *    that the owner needs. One whose application lacks state takes over only
 *    if no other can.
 *  - An owner that is configured so goes back to its home by itself, once that
 *    has been ready for as long as is wanted: it is up, it takes owners over,
 *    and its applications say that they have all that they need to go on,
 *    and those that play the owner now say that they have given it.
 *  - An owner whose host is down and that nobody can take over stays there:
 *    if the host was not dead after all, it goes on.
 *  - By hand and with force everything goes; an owner that was forced upon a
 *    host that is not up, or on which its application has failed, is left alone
 *    until that is over.
 *  - What a guard holds back is told once, and again when another does.
 *  - While a host that holds the complete state of an owner (ownership.h) could
 *    take it over, no other host does; and without force none ever gets an owner
 *    back that does not hold it.
 */
#ifndef BATOND_CLUSTER_H
#define BATOND_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "baton/abi.h"
#include "config.h"
#include "dampening.h"

struct cluster_host {
	enum host_state state;
	bool draining; /* operator's wish: takes no owners over */
	uint32_t priority; /* higher is preferred */
	uint32_t capacity; /* relative, at least 1 */
	uint64_t flows; /* as last counted, for least-loaded */
	uint64_t went_down; /* ns, for the guard against mass death */
	bool maintenance; /* nothing of it moves by itself, nor to it */
	uint64_t failed; /* applications that have failed there, a bit each */
	uint64_t partial; /* likewise: lack state that they would need */
	uint64_t alone; /* likewise: are not kept up to date, or nobody is */
	uint64_t settled; /* ns: since when all of this has been as it is */
	struct dampening dampening;
};

struct cluster_owner {
	bool exists;
	bool drain;
	enum baton_standby_policy policy;
	uint16_t home;
	uint16_t standbys[BATON_MAX_STANDBYS]; /* 0 ends; none: every host */
	uint16_t host; /* plays it now; 0: none (orphan) */
	uint16_t next; /* decided beforehand; 0: nobody could */
	uint32_t epoch;
	uint64_t moved; /* ns, of the last move; 0: never */
	uint64_t needs; /* applications that its services need, a bit each */
	bool stateful; /* hosts keep state for it, and say how far they are */
	uint16_t complete; /* places of hosts that hold all of it (baton/
			    * ownership.h) */
	uint64_t settled; /* ns: since when its home has held all, or not */
	bool forced; /* upon a host that could not play it, and has not since */
	bool returns; /* to its home, by itself ... */
	uint64_t returns_after; /* ns that it has been ready for */
	uint8_t held; /* enum hold_cause: what was told last; NONE: nothing */
};

/* Of moves that nobody ordered. 0 switches a guard off. */
struct cluster_guards {
	uint64_t min_move_interval; /* ns between moves of one owner */
	uint32_t max_down_percent; /* of the hosts that were up, if 2 or more
				    * of them died within down_window */
	uint64_t down_window; /* ns in which deaths count as "at once" */
	struct dampening_rule dampening;
	bool maintenance; /* nothing moves by itself */
	bool dry_run; /* likewise, but told is what would have moved */
};

struct cluster {
	struct cluster_host host[BATON_MAX_HOSTS];
	struct cluster_owner owner[BATON_MAX_OWNERS];
	struct cluster_guards guards;
	uint16_t max_host, max_owner; /* highest ids in use */
	uint16_t silent; /* hosts that are up, but owe answers just now: what
			  * befalls one host befalls them, too */
	bool stale; /* `next` was decided before the last change */

	/* what each host would take over, or takes, in the case considered */
	struct {
		uint64_t flows;
		uint32_t owners;
	} taken[BATON_MAX_HOSTS];
};

/* No host plays the owner: it has none, or one that is down, or on which an
 * application has failed that it needs. */
static inline bool cluster_is_orphan(const struct cluster *c, uint16_t owner)
{
	const struct cluster_owner *o = &c->owner[owner];

	return o->exists && (!o->host || c->host[o->host].state == HOST_DOWN ||
			     o->needs & c->host[o->host].failed);
}

/* Why an owner moved, or did not. */
#define MOVE_CAUSES(X)                                                         \
	X(HOST_DOWN, "host down")                                              \
	X(APP_FAILED, "application failed")                                    \
	X(FAILOVER, "failover by hand")                                        \
	X(FAILBACK, "failback by hand")                                        \
	X(STATE_LOST, "its host lost the state")                               \
	X(RESCUE, "orphan, a host came up")                                    \
	X(RETURN, "failback, its home is ready")                               \
	X(HOST_REMOVED, "host removed from the configuration")

enum move_cause {
#define X(name, label) MOVE_##name,
	MOVE_CAUSES(X)
#undef X
		NR_MOVE_CAUSES,
};

/* Nobody ordered it: guards were asked, and a host was chosen. */
static inline bool move_is_automatic(enum move_cause cause)
{
	return cause == MOVE_HOST_DOWN || cause == MOVE_APP_FAILED ||
	       cause == MOVE_RESCUE || cause == MOVE_RETURN;
}

/* Why nothing moved although it should have. */
#define HOLD_CAUSES(X)                                                         \
	X(NONE, "")                                                            \
	X(NO_STANDBY, "no standby is up")                                      \
	X(TOO_SOON, "moved too recently (min_move_interval)")                  \
	X(MAINTENANCE, "maintenance: nothing moves by itself")                 \
	X(DRY_RUN, "dry run: it would have moved")                             \
	X(MASS_DEATH, "most hosts died at once: the switch itself is "         \
		      "suspected (max_down_percent)")

enum hold_cause {
#define X(name, text) HOLD_##name,
	HOLD_CAUSES(X)
#undef X
		NR_HOLD_CAUSES,
};

/* What the guards saw when they were asked. */
struct guard_facts {
	uint64_t since_move; /* ns since the owner's last move; 0: none yet */
	uint16_t died, hosts; /* died at once, of those that were up */
};

/* A decision about an owner: a move that is made, or one that is held. */
struct move {
	uint16_t owner;
	uint16_t from, to; /* host ids, 0: none */
	uint32_t epoch; /* the new one; of one that is held, as it was */
	enum move_cause cause;
	enum hold_cause held; /* NONE: it is made */
	uint16_t complete; /* places that held all of its state */
	struct guard_facts guards; /* zero if none was asked */
};

struct cluster_result {
	struct move moves[BATON_MAX_OWNERS];
	uint32_t nr_moves;
	uint32_t nr_held; /* owners that should have moved */
	enum hold_cause held; /* why, of the first of them */
	struct move holds[BATON_MAX_OWNERS]; /* those not told before */
	uint32_t nr_holds;
};

/* Why another host was not chosen for an owner: it cannot take it over, or the
 * policy prefers the one that was. */
#define WHY_NOTS(X)                                                            \
	X(NONE, "")                                                            \
	X(DOWN, "is down")                                                     \
	X(UNKNOWN, "has not been heard yet")                                   \
	X(DRAINING, "is draining")                                             \
	X(MAINTENANCE, "is in maintenance")                                    \
	X(SUPPRESSED, "goes down too often (dampening)")                       \
	X(APP_FAILED, "its application has failed as well")                    \
	X(PARTIAL, "its application lacks state")                              \
	X(INCOMPLETE, "does not hold the complete state")                      \
	X(HOME_FIRST, "is not its home")                                       \
	X(ORDER, "is later in the order")                                      \
	X(PRIORITY, "has a lower priority")                                    \
	X(LOAD, "has more to do")                                              \
	X(SPREAD, "takes others over")

enum why_not {
#define X(name, text) WHY_NOT_##name,
	WHY_NOTS(X)
#undef X
		NR_WHY_NOTS,
};

struct other {
	uint16_t host;
	uint16_t why; /* enum why_not */
};

#define OTHERS_KEPT (BATON_MAX_STANDBYS + 1) /* a home and a full list */

static inline void cluster_nothing(struct cluster_result *r)
{
	r->nr_moves = 0;
	r->nr_held = 0;
	r->nr_holds = 0;
	r->held = HOLD_NONE;
}

/* Decide `next` of every owner anew. Call after any change of hosts, owners,
 * flows. Joint: the owners of one host are planned together (spread). */
void cluster_plan(struct cluster *c);

/*
 * Something happened to a host at time `now` (ns). Each updates the cluster
 * and fills *r with the moves, which are already made in *c; the caller stores
 * the owners' words.
 *
 * cluster_host_down is the hot path: it follows what was planned, chooses anew
 * only for owners whose `next` is no longer up, and leaves planning to the
 * caller (cluster_plan, once the words are stored) or to cluster_retry. The
 * others plan again.
 *
 * cluster_host_leaving is the same for a host which says so itself: that is no
 * sign of flapping.
 *
 * cluster_host_apps is told which applications have failed on a host now; the
 * owners that need one of them move, and no others.
 *
 * cluster_host_said is told what applications say of their state,
 * cluster_owner_held which hosts hold all of an owner's. Nothing moves at once: the
 * next cluster_retry makes of it what is to be made.
 *
 * A removed host becomes ABSENT, and what it played moves without guards; what
 * nobody can take over is left with host 0.
 */
void cluster_host_down(struct cluster *c, uint16_t host, uint64_t now,
		       struct cluster_result *r);
void cluster_host_leaving(struct cluster *c, uint16_t host, uint64_t now,
			  struct cluster_result *r);
void cluster_host_up(struct cluster *c, uint16_t host, uint64_t now,
		     struct cluster_result *r);
void cluster_host_apps(struct cluster *c, uint16_t host, uint64_t failed,
		       uint64_t now, struct cluster_result *r);
void cluster_host_said(struct cluster *c, uint16_t host, uint64_t partial,
		       uint64_t alone, uint64_t now);
void cluster_owner_held(struct cluster *c, uint16_t owner, bool stateful,
			uint16_t complete, uint64_t now);
void cluster_host_removed(struct cluster *c, uint16_t host, uint64_t now,
			  struct cluster_result *r);

/*
 * Orphans, which a guard held back or nobody could take over: try again; and
 * owners that may go home. Call now and then (100 ms).
 */
void cluster_retry(struct cluster *c, uint64_t now, struct cluster_result *r);

/* By hand; no guard applies. to = 0: the planned one (failover) or the home
 * (failback). 0, or -ENOENT (no such owner or host), -EALREADY (is there
 * already), -EHOSTDOWN (target not up), -EBUSY (target draining), -ESRCH (an
 * application that the owner needs has failed there), -ENODATA (one lacks
 * state there; for a failback, also if it or the one that plays the owner is
 * alone), -EAGAIN (failback to a home that does not hold the complete state);
 * `force` overrides the last five. */
int cluster_failover(struct cluster *c, uint16_t owner, uint16_t to, bool force,
		     uint64_t now, struct cluster_result *r);
int cluster_failback(struct cluster *c, uint16_t owner, bool force,
		     uint64_t now, struct cluster_result *r);

/* The memory that played the owner is gone, though its host is up: whoever
 * holds the complete state takes it over, unless nothing may move (maintenance,
 * dry run); else the host begins anew, in a new epoch. 0 or -ENOENT. */
int cluster_state_lost(struct cluster *c, uint16_t owner, uint64_t now,
		       struct cluster_result *r);

/* The hosts that could have been chosen besides m->from and m->to, in the
 * owner's order. How many; OTHERS_KEPT + 1 if there are more. */
uint32_t cluster_others(const struct cluster *c, const struct move *m,
			struct other others[OTHERS_KEPT]);

/* Why a host takes nothing over, whoever's owner it is, though it is up. */
enum why_not cluster_barred(const struct cluster *c, uint16_t host);

#endif
