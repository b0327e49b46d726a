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

#include "waiting.h"

typedef void queue_fn(void *arg, struct queued *q);

struct queue {
	struct mnl_socket *socket;
	uint16_t number;
	uint8_t *buffer;

	struct waiting_list waiting; /* for more than their verdict */

	uint32_t lost; /* times that the kernel said it had no room */
};

#define QUEUE_WHOLE 0xffff /* a packet: many of them, joined by GRO */
#define QUEUE_HEADERS 256 /* and options, more than there can be in TCP's */
#define QUEUE_LONGEST 65536 /* packets that the kernel holds, at most */

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

#endif
