/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The switch's side of an owner: who plays it, in which epoch, and who is
 * complete, which is to say, holds all that was ever acknowledged to clients.
 *
 * Being complete is not what a host says of itself; it is the switch's word,
 * and rests on two: the standby's, that it has everything, and the owner's, that
 * it acknowledges nothing without that standby any more. The owner may go on
 * without a standby only once the switch has taken it out of the complete ones
 * (own_claim.h). So whoever is complete in the present epoch is so at every
 * moment, and may be given the owner at any (promise 7). The idea is that of
 * replica groups whose changes go through a configuration manager (W. Lin et
 * al., PacificA, 2008). Pure.
 */
#ifndef LIB_OWN_GRANT_H
#define LIB_OWN_GRANT_H

#include <stdbool.h>
#include <stdint.h>

#include "own_wire.h"

struct own_grant {
	uint16_t home, standbys[BATON_MAX_STANDBYS]; /* host ids */
	uint16_t host; /* plays it; 0: nobody */
	uint64_t epoch;
	uint64_t incarnation; /* of its memory, when it was given the owner; 0:
			       * none was known */
	uint16_t complete; /* places */
	uint16_t waits; /* places, as `host` has claimed */
	uint32_t claim; /* its number, 0: none in this epoch */
	uint64_t member[BATON_OWNERSHIP_PLACES]; /* incarnations of `complete` */
	struct own_holding said[BATON_OWNERSHIP_PLACES]; /* owner 0: nothing */
	uint16_t said_host[BATON_OWNERSHIP_PLACES]; /* who did */
};

/*
 * The home and the standbys are these now. Hosts keep what they have said, and
 * are complete, if they remain. Claims name places, so a new epoch must follow
 * (own_grant_move(), perhaps to the same host) before anything is announced.
 */
void own_grant_places(struct own_grant *g, uint16_t home,
		      const uint16_t standbys[BATON_MAX_STANDBYS]);

/*
 * A host holds this of the owner, NULL: nothing. True if something that is in
 * own_grant_put()'s record has changed.
 *
 * What says no incarnation says nothing of a memory: an agent may have begun anew,
 * and not have heard of it yet. If the owner was given to none in particular,
 * which has played nothing then, it is given to the one that its host has.
 */
bool own_grant_said(struct own_grant *g, uint16_t host,
		    const struct own_holding *h);

/*
 * The owner is given to the host in this epoch, later than all before. `down`:
 * the places of which the switch knows that they are dead, and which need not be
 * waited for. If the host plays it already, or was complete, those that were
 * complete remain so, and with them who played it until now; else the state is
 * lost.
 */
void own_grant_move(struct own_grant *g, uint16_t host, uint64_t epoch,
		    uint16_t down);

/* Does the host hold all that was ever acknowledged? */
bool own_grant_is_complete(const struct own_grant *g, uint16_t host);

/* Is the memory that played the owner gone, and the host there without it? */
bool own_grant_is_lost(const struct own_grant *g);

/* Has any host said that it keeps state for this owner? */
bool own_grant_is_stateful(const struct own_grant *g);

/* What the protocol says of it; the other fields of the record remain. */
void own_grant_put(const struct own_grant *g, struct own_owner *o);

#endif
