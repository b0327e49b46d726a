/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether a message of a peer is new. No clocks are compared: a message counts
 * only if it repeats a challenge that this node gave to that peer a moment ago,
 * so it was made since; and within a boot of the peer sequences only grow.
 * Pure.
 */
#ifndef LIB_OWN_FRESH_H
#define LIB_OWN_FRESH_H

#include <stdbool.h>
#include <stdint.h>

#include "own_wire.h"

/* A challenge is made anew after this time, and is in force for two of them.
 * Together with a late look at the clock: what is older than three is old. */
#define OWN_TURN 1000000000ULL /* ns */

typedef uint64_t own_random_fn(void *arg); /* any number, none twice */

struct own_fresh {
	uint64_t boot; /* the peer's; 0: it has proved none */
	uint64_t sequence; /* the newest of that */
	uint64_t heard; /* ns, when that came */
	uint64_t echo; /* its challenge to us; 0: not known */
	uint64_t challenge[2]; /* ours: the newest, and the one before or 0 */
	uint64_t issued; /* ns, when the newest was made */
	uint64_t sent; /* sequence of the last message to it */
};

enum own_freshness { OWN_FRESH, OWN_STALE, OWN_REPLAYED };

void own_fresh_init(struct own_fresh *f, uint64_t now, own_random_fn *random,
		    void *arg);

/* Another challenge, if it is time. */
void own_fresh_turn(struct own_fresh *f, uint64_t now, own_random_fn *random,
		    void *arg);

enum own_freshness own_fresh_judge(const struct own_fresh *f,
				   const struct own_header *h, uint64_t now);

/*
 * It was fresh, and is the newest now. True if it is the first of another boot
 * of the peer: nothing of an earlier boot is fresh any more, since all
 * challenges are new.
 */
bool own_fresh_take(struct own_fresh *f, const struct own_header *h,
		    uint64_t now, own_random_fn *random, void *arg);

#endif
