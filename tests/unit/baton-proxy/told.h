/* SPDX-License-Identifier: GPL-2.0-only */
/* An owner and its standby, and one connection as it may go: what arrives at the
 * one is told to the other. */
#ifndef TEST_TOLD_H
#define TEST_TOLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "baton-proxy/audit.h"
#include "baton-proxy/message.h"

enum { SERVICE = 3, ROUNDS = 3000, STEPS = 40, NOW = 5 };

static struct replica owner, standby;
static struct tuple lacking;
static uint32_t random_state;

static inline uint32_t below(uint32_t n)
{
	random_state = random_state * 1664525 + 1013904223;
	return (uint64_t)random_state * n >> 32;
}

static inline int set_up(void **state)
{
	(void)state;
	return replica_init(&owner, 1) || replica_init(&standby, 2);
}

static inline int tear_down(void **state)
{
	(void)state;
	replica_free(&owner);
	replica_free(&standby);
	return 0;
}

/* --- one connection, as it may go --------------------------------------------- */

/* What the two ends have sent, and have been sent. */
struct end {
	struct tuple tuple;
	uint32_t isn, ours;
	uint32_t sent; /* bytes */
};

static struct end ends[NR_SIDES];

static inline void make_ends(void)
{
	for (int i = 0; i < NR_SIDES; i++)
		ends[i] = (struct end){
			.tuple = { .local = { 10 + i },
				   .remote = { 20 + i },
				   .local_port = 80,
				   .remote_port = 1000 + i,
				   .family = 4 },
			.isn = below(UINT32_MAX),
			.ours = below(UINT32_MAX),
		};
}

/* A packet as it came in is what the owner's proxy sees and passes on. */
static inline size_t packet_of(const struct segment *s, uint8_t *packet)
{
	struct segment turned = *s;
	int len;

	/* segment_build() makes what goes out: the other end's view */
	memcpy(turned.tuple.local, s->tuple.remote, 16);
	memcpy(turned.tuple.remote, s->tuple.local, 16);
	turned.tuple.local_port = s->tuple.remote_port;
	turned.tuple.remote_port = s->tuple.local_port;
	len = segment_build(&turned, packet, 2048);
	assert_true(len > 0);
	return len;
}

static inline void arrives(struct segment *s)
{
	struct side *side = replica_find(&owner, &s->tuple);
	uint8_t packet[2048];
	size_t len = packet_of(s, packet);

	if (!side) {
		struct conn *c = replica_open(&owner, SERVICE, &s->tuple);

		assert_non_null(c);
		side = &c->side[CLIENT];
	}
	replica_in(side, s, REPLICA_ROOM);
	assert_int_equal(message_take(&standby, SERVICE, MESSAGE_IN, packet,
				      len, NOW, &lacking),
			 0);
}

static inline void leaves(const struct segment *s)
{
	struct side *side = replica_find(&owner, &s->tuple);
	uint8_t packet[2048];
	int len = segment_build(s, packet, sizeof(packet));

	assert_non_null(side);
	track_out(&side->track, s);
	assert_int_equal(message_take(&standby, SERVICE, MESSAGE_OUT, packet,
				      len, NOW, &lacking),
			 0);
}

static inline struct segment syn(int which, uint32_t seq, uint32_t ack,
				 uint8_t flags)
{
	return (struct segment){ .tuple = ends[which].tuple,
				 .seq = seq,
				 .ack = ack,
				 .flags = flags,
				 .window = 1000,
				 .mss = 1460,
				 .scale = 7,
				 .sack = true };
}

static inline struct conn *open_both(void)
{
	const struct end *c = &ends[CLIENT], *s = &ends[SERVER];
	uint8_t body[MESSAGE_TUPLES_MAX];
	struct segment seg = syn(CLIENT, c->isn, 0, SEGMENT_SYN);
	struct conn *conn;

	arrives(&seg);
	seg = syn(CLIENT, c->ours, c->isn + 1, SEGMENT_SYN | SEGMENT_ACK);
	leaves(&seg);
	seg = syn(CLIENT, c->isn + 1, c->ours + 1, SEGMENT_ACK);
	arrives(&seg);
	conn = side_conn(replica_find(&owner, &c->tuple));
	assert_int_equal(replica_pair(&owner, conn, &s->tuple), 0);
	assert_int_equal(message_take(&standby, SERVICE, MESSAGE_PAIR, body,
				      message_put_pair(conn, body), NOW,
				      &lacking),
			 0);
	seg = syn(SERVER, s->ours, 0, SEGMENT_SYN);
	leaves(&seg);
	seg = syn(SERVER, s->isn, s->ours + 1, SEGMENT_SYN | SEGMENT_ACK);
	arrives(&seg);
	return conn;
}

/* Some bytes of a side, perhaps out of order or again, with some
 * acknowledgement of what the other side has sent. */
static inline void step(struct conn *conn)
{
	static uint8_t bytes[1000];
	int which = below(2);
	struct end *e = &ends[which];
	const struct track *other = &conn->side[!which].track;
	uint32_t from = e->sent > 2000 ? e->sent - below(2000) : e->sent;
	struct segment s = {
		.tuple = e->tuple,
		.seq = e->isn + 1 + from + (below(4) ? 0 : below(3000)),
		.ack = e->ours + 1 + below((uint32_t)other->received + 1),
		.flags = SEGMENT_ACK,
		.window = below(65536),
		.payload = bytes,
		.length = below(sizeof(bytes)),
	};
	uint32_t end = s.seq - e->isn - 1 + s.length;

	memset(bytes, below(256), sizeof(bytes));
	if (end > e->sent)
		e->sent = end;
	arrives(&s);
}

/* --- the same at both ----------------------------------------------------------- */

static inline void check_track(const struct track *a, const struct track *b)
{
	const uint8_t *x, *y;
	uint64_t n = a->received - a->kept;

	assert_int_equal(a->seq_in, b->seq_in);
	assert_int_equal(a->seq_out, b->seq_out);
	assert_int_equal(a->received, b->received);
	assert_int_equal(a->acked, b->acked);
	assert_int_equal(a->reach, b->reach);
	assert_int_equal(a->window, b->window);
	assert_int_equal(a->kept, b->kept);
	assert_int_equal(a->nr_ranges, b->nr_ranges);
	assert_int_equal(track_is_open(a), track_is_open(b));
	assert_int_equal(a->end_in, b->end_in);
	if (a->kept) {
		assert_int_equal(track_bytes(a, n, &x), a->kept);
		assert_int_equal(track_bytes(b, n, &y), b->kept);
		assert_memory_equal(x, y, a->kept);
	}
	for (uint16_t i = 0; i < a->nr_ranges; i++) {
		const struct track_range *r = &a->ranges[i], *q = &b->ranges[i];

		assert_int_equal(r->start, q->start);
		assert_int_equal(r->end, q->end);
		assert_memory_equal(track_range_bytes(a, r),
				    track_range_bytes(b, q), r->end - r->start);
	}
}

/* What the owner asks about it the standby can answer, for it has the same. */
static inline void check_proof(const struct conn *c)
{
	uint8_t answer[AUDIT_ANSWER];
	struct audit a;
	ssize_t len;

	for (size_t i = 0; i < sizeof(a.nonce); i++)
		a.nonce[i] = below(256);
	audit_ask(&a, c, below(UINT32_MAX));
	len = audit_answer(&standby, SERVICE, a.question, sizeof(a.question),
			   answer);
	assert_int_equal(len, AUDIT_ANSWER);
	assert_int_equal(audit_check(&a, answer, len), AUDIT_RIGHT);
	a.nonce[0]++;
	assert_int_equal(audit_check(&a, answer, len), AUDIT_OTHER);
}

static inline void check_same(void)
{
	for (int i = 0; i < NR_SIDES; i++) {
		struct side *a = replica_find(&owner, &ends[i].tuple);
		struct side *b = replica_find(&standby, &ends[i].tuple);

		assert_int_equal(!!a, !!b);
		if (!a)
			continue;
		assert_true(conn_is_sound(side_conn(a)));
		check_track(&a->track, &b->track);
		check_proof(side_conn(a));
	}
	assert_int_equal(owner.nr[SERVICE], standby.nr[SERVICE]);
}

#endif
