/* SPDX-License-Identifier: GPL-2.0-only */
/* Two nodes in one loop, on loopback, which note what they are told. */
#ifndef TEST_LINK_NODES_H
#define TEST_LINK_NODES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/link/link.h"

#define OWNER 7
#define WATCHDOG 20000000000ULL

/* A node, what it was told, and what it does about it. */
struct node {
	struct link *link;
	struct link_key *key;
	struct link_public public;
	struct link_peer *peer;
	int port;

	unsigned int ups, downs, failures, frames, acks, writables, lates;
	enum baton_link_reason reason;
	char why[LINK_WHY];
	uint64_t acked, refused, bytes;
	uint32_t deposed;
	bool mute; /* it does not acknowledge */
	bool wrong; /* a frame was not the one after the one before */
};

static uv_loop_t loop;
static struct addr here;

static void on_up(struct link_peer *peer)
{
	struct node *n = link_arg(peer);

	n->ups++;
	n->bytes = n->acked = 0;
}

static void on_down(struct link_peer *peer, enum baton_link_reason reason,
		    const char *why)
{
	struct node *n = link_arg(peer);

	n->downs++;
	n->reason = reason;
	strcpy(n->why, why);
}

static void on_failed(void *arg, struct link_peer *peer,
		      enum baton_link_reason reason, const char *why)
{
	struct node *n = arg;

	(void)peer;
	n->failures++;
	n->reason = reason;
	strcpy(n->why, why);
}

static void on_frame(struct link_peer *peer, const struct link_frame *f)
{
	struct node *n = link_arg(peer);
	uint32_t i;

	n->frames++;
	n->bytes += f->length;
	for (i = 0; i < f->length; i += 997)
		n->wrong |= f->payload[i] != (uint8_t)(f->sequence + i);
	if (!n->mute)
		assert_int_equal(link_ack(peer, f->sequence), 0);
}

static void on_ack(struct link_peer *peer, uint64_t sequence)
{
	struct node *n = link_arg(peer);

	n->acks++;
	n->wrong |= sequence <= n->acked;
	n->acked = sequence;
}

static void on_writable(struct link_peer *peer)
{
	((struct node *)link_arg(peer))->writables++;
}

static void on_ack_late(struct link_peer *peer, uint64_t acked, uint64_t sent)
{
	struct node *n = link_arg(peer);

	n->lates++;
	n->wrong |= acked >= sent;
}

static void on_refused(struct link_peer *peer, uint64_t sequence,
		       uint32_t owner, enum baton_link_reason reason)
{
	struct node *n = link_arg(peer);

	n->refused = sequence;
	n->reason = reason;
	n->wrong |= owner != OWNER;
}

static void on_deposed(struct link_peer *peer, uint32_t owner, uint32_t epoch)
{
	struct node *n = link_arg(peer);

	n->wrong |= owner != OWNER;
	n->deposed = epoch;
}

static const struct link_callbacks callbacks = {
	on_up,	     on_down,	  on_failed,  on_frame,	  on_ack,
	on_writable, on_ack_late, on_refused, on_deposed,
};

static inline void node_open(struct node *n, const char *name,
			     struct link_config c)
{
	char why[LINK_WHY];

	memset(n, 0, sizeof(*n));
	assert_int_equal(link_key_make(&n->key), 0);
	link_key_public(n->key, &n->public);
	c.node = name;
	c.key = n->key;
	assert_int_equal(link_open(&n->link, &loop, &c, &callbacks, n, why), 0);
}

static inline void node_close(struct node *n)
{
	link_close(n->link);
	uv_run(&loop, UV_RUN_DEFAULT);
	link_key_free(n->key);
}

/* `a` plays the owner and calls; `b` keeps its state and listens. */
static inline void pair_open(struct node *a, struct node *b,
			     struct link_config c)
{
	node_open(a, "a", c);
	node_open(b, "b", c);
	a->peer = link_peer_add(a->link, "b", &b->public);
	b->peer = link_peer_add(b->link, "a", &a->public);
	assert_non_null(a->peer);
	assert_non_null(b->peer);
	link_owner(a->link, OWNER, BATON_LINK_ROLE_OWNER, 1);
	link_owner(b->link, OWNER, BATON_LINK_ROLE_STANDBY, 1);
	b->port = link_listen(b->link, &here, 0);
	assert_true(b->port > 0);
	assert_int_equal(link_connect(a->peer, &here, b->port), 0);
}

static inline void pair_close(struct node *a, struct node *b)
{
	assert_false(a->wrong || b->wrong);
	link_close(a->link);
	node_close(b);
	link_key_free(a->key);
}

/* Turn the loop until it holds. */
#define UNTIL(condition)                                                       \
	do {                                                                   \
		uint64_t limit = clock_ns() + WATCHDOG;                        \
		while (!(condition)) {                                         \
			assert_true(clock_ns() < limit);                       \
			uv_run(&loop, UV_RUN_ONCE);                            \
		}                                                              \
	} while (0)

static inline int64_t say_epoch(struct node *n, size_t size, uint32_t epoch)
{
	static uint8_t payload[BATON_LINK_DATA_MAX + 1];
	const struct iovec iov[] = { { payload, size / 3 },
				     { payload + size / 3, size - size / 3 } };
	struct link_peer_status status;
	size_t i;

	link_peer_status(n->peer, &status);
	for (i = 0; i < size; i += 997)
		payload[i] = status.sent + 1 + i;
	return link_send(n->peer,
			 &(struct link_frame){ .type = BATON_LINK_STREAM,
					       .owner = OWNER,
					       .epoch = epoch },
			 iov, 2);
}

static inline int64_t say(struct node *n, size_t size)
{
	return say_epoch(n, size, 1);
}

static inline int setup(void **state)
{
	(void)state;
	return addr_parse(&here, "127.0.0.1") || uv_loop_init(&loop);
}

/* Also: nothing is left that the loop knows. */
static inline int teardown(void **state)
{
	(void)state;
	uv_run(&loop, UV_RUN_NOWAIT);
	return uv_loop_close(&loop);
}

#endif
