/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Packets that the kernel holds until they may leave. In line are those that wait
 * for the standby, in the order of what it is told (one that was queued later may
 * need less of it, and does not wait for the others); aside are those that may not
 * leave whatever it says, as the gate is closed: the switch still counts on a host
 * that has not stored what they tell (claims.h). Pure: what becomes of a packet
 * is its owner's to do.
 */
#ifndef BATON_PROXY_WAITING_H
#define BATON_PROXY_WAITING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A packet of which the verdict is to be given. */
struct queued {
	uint32_t id;
	uint8_t *packet; /* from its IP header on; may be written to */
	size_t len; /* of what is there of it */
	size_t whole; /* of all of it; more than `len`: it cannot be changed */
	bool verified; /* the checksum is known to be right */
	bool changed; /* it was written to */
};

struct waiting {
	struct queued one; /* its packet, if changed, is a copy of its own */
	bool may_go; /* also if there is no standby any more */
	bool settled; /* it has its verdict already, or is aside */
	bool stored; /* aside: by the standby that there is */
	uint64_t sequence; /* of the link */
	const void *of; /* see waiting_withdraw() */
	const void *group; /* see waiting_disown() */
};

struct waiting_list {
	/* in line: ordered by sequence, then as they came */
	struct waiting *ring;
	uint32_t head, nr, size; /* size: 0 or a power of two */
	/* aside, in any order */
	struct waiting *aside;
	uint32_t nr_aside;

	void (*settle)(void *arg, const struct queued *one, bool go);
	/* May it leave now, whether the standby has stored what it tells or not?
	 * NULL: always. */
	bool (*gate)(void *arg, const void *group, bool stored);
	void *arg;
};

void waiting_free(struct waiting_list *l);

/* It may leave, as far as the standby is concerned, which has `stored` what it tells
 * or never will: it leaves if the gate is open, else when that opens. */
void waiting_let_go(struct waiting_list *l, const struct queued *one,
		    bool stored, const void *of, const void *group);

/* It waits for the standby's word about `of`, one of a group; to go as it is now if
 * it was `changed`. 0 or -ENOMEM. */
int waiting_add(struct waiting_list *l, const struct queued *one,
		uint64_t sequence, bool may_go, const void *of,
		const void *group);

/* All up to this sequence is stored. */
void waiting_release(struct waiting_list *l, uint64_t sequence);

/* What waits for a word about this will not hear it: it goes if it may; what is
 * dropped, its sender repeats. */
void waiting_withdraw(struct waiting_list *l, const void *of);

/* The same of all. */
void waiting_give_up(struct waiting_list *l);

/* What is aside of this waits for the standby again, which will have stored it
 * once it has this. */
void waiting_resume(struct waiting_list *l, const void *of, uint64_t sequence);

/* Another host serves this group now: what waits is dropped, whatever may go. */
void waiting_disown(struct waiting_list *l, const void *group);

/* The gate may have opened. */
void waiting_retry(struct waiting_list *l);

#endif
