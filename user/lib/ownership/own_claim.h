/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A host's side of an owner: what the switch's word makes of the host, and, while
 * it plays the owner, without which standbys it acknowledges nothing.
 *
 * The rule that all else rests upon: a standby once named is waited for until
 * the switch has answered, in one and the same record, that it knows the claim
 * that names it no more, and that it does not count as complete. Until then the
 * switch may give the owner to that standby at any moment. A claim belongs to
 * the memory that holds the state, and dies with it. Pure.
 */
#ifndef LIB_OWN_CLAIM_H
#define LIB_OWN_CLAIM_H

#include <stdbool.h>
#include <stdint.h>

#include "own_wire.h"

struct own_claim {
	uint16_t host; /* this one's id */
	uint64_t incarnation; /* of its memory; 0: it keeps no state */
	struct own_owner word; /* the switch's newest; epoch 0: none */
	uint8_t role; /* enum baton_ownership_role, by that */
	uint16_t waits; /* OWNER: places that it names */
	uint16_t leaving; /* OWNER: named before, and not yet released */
	uint32_t number; /* OWNER: counts the changes of `waits` */
	uint32_t retracted[BATON_OWNERSHIP_PLACES]; /* by claim of number */
};

/*
 * The switch says so. 0, or -ESTALE if a later epoch is known. In a new epoch
 * the new owner waits for all that are complete, from the start.
 */
int own_claim_hear(struct own_claim *c, const struct own_owner *word);

/* OWNER: from now on nothing is acknowledged without the host at this place. To
 * be called when it has stored a snapshot, and all that came since. */
void own_claim_add(struct own_claim *c, int place);

/* OWNER: ask to go on without it. It is waited for until own_claim_waits()
 * has it no more. */
void own_claim_drop(struct own_claim *c, int place);

/* OWNER: places that must have stored what is to be acknowledged. */
uint16_t own_claim_waits(const struct own_claim *c);

/* What the host announces. `complete`, `lag`: as a standby, whether it has a
 * whole snapshot of the present epoch, and how much it has not stored. */
void own_claim_put(const struct own_claim *c, uint16_t owner, bool complete,
		   uint32_t lag, struct own_holding *h);

#endif
