/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What hosts hold of owners (row K4), and what follows from it: whom the cluster
 * may move them to, and back (row K8), and what becomes of those whose state was
 * lost. Pure: between the
 * protocol's side (lib/ownership/own_grant.h) and the cluster's, by the
 * cluster's ids; time comes in.
 */
#ifndef BATOND_OWNERSHIP_H
#define BATOND_OWNERSHIP_H

#include "cluster.h"
#include "lib/ownership/own_grant.h"

struct ownership {
	uint32_t reign; /* grows when the switch's owner table is made anew */
	uint32_t past; /* later than all epochs of owners that are no more */
	struct own_grant grant[BATON_MAX_OWNERS];
};

/*
 * The epoch that an owner begins with which is made now, `of_day` seconds since
 * 1970. Hosts may remember one of its name, of other maps or of these: what they
 * know is older than this, if owners move less than once a second on average, and
 * if no clock has gone back since their maps were made.
 */
uint32_t ownership_first_epoch(const struct ownership *o, uint32_t of_day);

/* An owner that is no more had epochs up to this one. */
void ownership_gone(struct ownership *o, uint32_t epoch);

/* The cluster has this owner, with its places, host and epoch; or they have
 * changed, in a new epoch; or there is no such owner any more. */
void ownership_owner(struct ownership *o, struct cluster *c, uint16_t owner,
		     uint64_t now);

/* The cluster has this owner, and that is what was granted in its present epoch. */
void ownership_adopt(struct ownership *o, struct cluster *c, uint16_t owner,
		     const struct baton_grant *kept, uint64_t now);

/* A host holds this of the owner, NULL: nothing any more. True if the owner's
 * record has changed, and is to be announced. */
bool ownership_said(struct ownership *o, struct cluster *c, uint16_t owner,
		    uint16_t host, const struct own_holding *h, uint64_t now);

/* The cluster has decided this: to be called for every result, before the
 * owners' words are stored. */
void ownership_moved(struct ownership *o, struct cluster *c,
		     const struct cluster_result *r, uint64_t now);

/*
 * An owner whose state was lost, though its host is up, moves (or begins anew). At
 * most one, which *r has and ownership_moved() is to be told of; call again until
 * it returns false.
 */
bool ownership_decide(struct ownership *o, struct cluster *c, uint64_t now,
		      struct cluster_result *r);

/* What the switch announces of an owner, but for its name, its state, and when it
 * returns. */
void ownership_record(const struct ownership *o, const struct cluster *c,
		      uint16_t owner, struct own_owner *record);

#endif
