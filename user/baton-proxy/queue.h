/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A queue of packets that the kernel holds until it is told what is to become
 * of each (NFQUEUE). Nobody reads a dead proxy's queue, so that its packets
 * vanish: the kernel neither acknowledges nor says anything for it any more.
 */
#ifndef BATON_PROXY_QUEUE_H
#define BATON_PROXY_QUEUE_H

#include <libmnl/libmnl.h>
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

typedef void queue_fn(void *arg, struct queued *q);

/* One that waits until the standby has stored what it brings. */
struct waiting {
	struct queued one; /* its packet, if changed, is a copy of its own */
	bool may_go; /* also if there is no standby any more */
	bool settled; /* it has its verdict already */
	uint64_t sequence; /* of the link */
	const void *of; /* see queue_withdraw() */
	const void *group; /* see queue_disown() */
};

struct queue {
	struct mnl_socket *socket;
	uint16_t number;
	uint8_t *buffer;

	struct waiting *ring; /* ordered by sequence, and by id */
	uint32_t head, nr, size; /* size: 0 or a power of two */

	uint32_t lost; /* times that the kernel said it had no room */
};

#define QUEUE_WHOLE 0xffff /* a packet: many of them, joined by GRO */
#define QUEUE_HEADERS 256 /* and options, more than there can be in TCP's */

/* Bind queue `number`, to read at most `range` bytes of each packet. 0 or a
 * negative errno, with `why` filled. */
int queue_open(struct queue *q, uint16_t number, uint32_t range, char *why,
	       size_t size);
void queue_close(struct queue *q);
int queue_fd(const struct queue *q);

/* Read what is there, at most `most` packets; false when it was all. */
bool queue_read(struct queue *q, queue_fn *each, void *arg, unsigned int most);

/* Let it go; as it is now if it was `changed`. */
void queue_accept(struct queue *q, const struct queued *one);
void queue_drop(struct queue *q, uint32_t id);

/* Wait for the standby's word about `of`, one of a group; to go as it is now if
 * it was `changed`. 0 or -ENOMEM. */
int queue_wait(struct queue *q, const struct queued *one, uint64_t sequence,
	       bool may_go, const void *of, const void *group);

/* What waits for a word about this will not hear it: it goes if it may; what is
 * dropped, its sender repeats. */
void queue_withdraw(struct queue *q, const void *of);

/* Another host serves this group now: what waits is dropped, whatever may go. */
void queue_disown(struct queue *q, const void *group);

/* All up to this sequence is stored: let those go that waited for it. */
void queue_release(struct queue *q, uint64_t sequence);

/* There is no standby any more: none waits any longer. */
void queue_give_up(struct queue *q);

#endif
