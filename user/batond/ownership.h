/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What hosts hold of owners (row K4), and what follows from it: whom the cluster
 * may move them to, and when they return home (row K8). Pure: between the
 * protocol's side (lib/ownership/own_grant.h) and the cluster's, by the
 * cluster's ids; time comes in.
 */
#ifndef BATOND_OWNERSHIP_H
#define BATOND_OWNERSHIP_H

#include "cluster.h"
#include "lib/ownership/own_grant.h"

struct ownership_owner {
	struct own_grant grant;
	enum baton_failback failback;
	uint64_t delay; /* ns, of failback AFTER */
	uint64_t complete; /* ns, since when its home has been complete; 0: is
			    * not */
};

struct ownership {
	uint32_t reign; /* grows when the switch's owner table is made anew */
	struct ownership_owner owner[BATON_MAX_OWNERS];
};

/* The cluster has this owner, with its places, host and epoch; or they have
 * changed, in a new epoch. */
void ownership_owner(struct ownership *o, const struct cluster *c,
		     uint16_t owner);

/* A host holds this of the owner, NULL: nothing any more. True if the owner's
 * record has changed, and is to be announced. */
bool ownership_said(struct ownership *o, struct cluster *c, uint16_t owner,
		    uint16_t host, const struct own_holding *h);

/* The cluster has decided this: to be called for every result, before the
 * owners' words are stored. */
void ownership_moved(struct ownership *o, struct cluster *c,
		     const struct cluster_result *r);

/*
 * What is due by now: an owner whose state was lost, or one whose home is
 * complete, moves. At most one, which *r has, and ownership_moved() knows; call
 * again until it returns false.
 */
bool ownership_decide(struct ownership *o, struct cluster *c, uint64_t now,
		      struct cluster_result *r);

/* What the switch announces of an owner, but for its name and state. */
void ownership_record(const struct ownership *o, const struct cluster *c,
		      uint16_t owner, struct own_owner *record);

#endif
