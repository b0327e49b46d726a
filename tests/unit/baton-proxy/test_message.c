// SPDX-License-Identifier: GPL-2.0-only
/*
 * An owner and its standby: whatever arrives at the one and is told to the
 * other, both know the same, also after a snapshot at any moment; and what is
 * told wrongly changes nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "baton-proxy/message.h"

enum { SERVICE = 3, ROUNDS = 3000, STEPS = 40, NOW = 5 };

static struct replica owner, standby;
static struct tuple lacking;
static uint32_t random_state;

static uint32_t below(uint32_t n)
{
	random_state = random_state * 1664525 + 1013904223;
	return (uint64_t)random_state * n >> 32;
}

static int set_up(void **state)
{
	(void)state;
	return replica_init(&owner, 1) || replica_init(&standby, 2);
}

static int tear_down(void **state)
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

static void make_ends(void)
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
static size_t packet_of(const struct segment *s, uint8_t *packet)
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

static void arrives(struct segment *s)
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

static void leaves(const struct segment *s)
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

static struct segment syn(int which, uint32_t seq, uint32_t ack, uint8_t flags)
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

static struct conn *open_both(void)
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
static void step(struct conn *conn)
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

static void check_track(const struct track *a, const struct track *b)
{
	const uint8_t *x, *y;
	uint64_t n = a->received - a->kept;

	assert_int_equal(a->seq_in, b->seq_in);
	assert_int_equal(a->seq_out, b->seq_out);
	assert_int_equal(a->received, b->received);
	assert_int_equal(a->acked, b->acked);
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

static void check_same(void)
{
	for (int i = 0; i < NR_SIDES; i++) {
		struct side *a = replica_find(&owner, &ends[i].tuple);
		struct side *b = replica_find(&standby, &ends[i].tuple);

		assert_int_equal(!!a, !!b);
		if (!a)
			continue;
		assert_true(conn_is_sound(side_conn(a)));
		check_track(&a->track, &b->track);
	}
	assert_int_equal(owner.nr[SERVICE], standby.nr[SERVICE]);
}

/* A new standby gets all of it in the middle. */
static void take_snapshot(const struct conn *conn)
{
	uint8_t *bytes;
	ssize_t len = message_put_conn(conn, &bytes);

	assert_true(len > 0);
	if (below(2))
		replica_clear(&standby, SERVICE);
	assert_non_null(message_take_conn(&standby, SERVICE, bytes, len));
	free(bytes);
}

static void test_same_at_both(void **state)
{
	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		int at = below(STEPS);
		struct conn *conn;

		random_state = round;
		make_ends();
		conn = open_both();
		for (int i = 0; i < STEPS; i++) {
			step(conn);
			if (i == at)
				take_snapshot(conn);
			if (!(i % 8))
				check_same();
		}
		check_same();
		replica_clear(&owner, SERVICE);
		replica_clear(&standby, SERVICE);
	}
}

/* --- what is told wrongly ---------------------------------------------------------- */

/* Cut anywhere, or changed anywhere, a snapshot makes a whole connection or
 * none; the sanitizers see whether anything is read beyond it, or leaks. */
static void test_damaged_snapshots(void **state)
{
	struct conn *conn;
	uint8_t *bytes, *copy;
	ssize_t len;

	(void)state;
	random_state = 7;
	make_ends();
	conn = open_both();
	for (int i = 0; i < STEPS; i++)
		step(conn);
	len = message_put_conn(conn, &bytes);
	for (ssize_t n = 0; n < len; n += n < 512 ? 1 : 97) {
		copy = malloc(n ?: 1);
		memcpy(copy, bytes, n);
		replica_clear(&standby, SERVICE);
		assert_null(message_take_conn(&standby, SERVICE, copy, n));
		assert_int_equal(errno, EBADMSG);
		assert_int_equal(standby.nr[SERVICE], 0);
		free(copy);
	}
	for (int i = 0; i < ROUNDS; i++) {
		copy = malloc(len);
		memcpy(copy, bytes, len);
		copy[below(400)] ^= 1 + below(255);
		replica_clear(&standby, SERVICE);
		message_take_conn(&standby, SERVICE, copy, len);
		assert_true(standby.nr[SERVICE] <= 1);
		free(copy);
	}
	free(bytes);
}

static void test_messages_that_cannot_be(void **state)
{
	uint8_t body[MESSAGE_TUPLES_MAX] = { 0 };

	(void)state;
	for (unsigned int kind = 0; kind < NR_MESSAGES + 2; kind++)
		for (size_t len = 0; len < 40; len++)
			assert_int_equal(message_take(&standby, SERVICE, kind,
						      body, len, NOW, &lacking),
					 -EBADMSG);
	assert_int_equal(standby.nr[SERVICE], 0);
}

/* --- what can never be ----------------------------------------------------------- */

/* A connection of some age at the owner, and its snapshot. */
static ssize_t some_snapshot(uint8_t **bytes)
{
	struct conn *conn;

	random_state = 7;
	make_ends();
	conn = open_both();
	for (int i = 0; i < STEPS; i++)
		step(conn);
	assert_true(conn->side[CLIENT].track.received > 0);
	return message_put_conn(conn, bytes);
}

/* Where a field of the client's side lies: struct wire_side of message.c. */
enum {
	FAMILY = 36,
	TUPLE_ZERO = 37,
	ADDRESS_REST = 4, /* that IPv4 does not use */
	SCALE_IN = 52,
	SCALE_OUT = 53,
	FLAGS = 54,
	WINDOW = 56,
	KEPT = 76,
	RECEIVED = 80,
	ACKED = 88,
	END_AT = 96,
	SIDE_ZERO = 108,
};

static void test_snapshots_that_make_no_sense(void **state)
{
	/* { where, what is added to the byte there } */
	static const struct {
		size_t at;
		uint8_t by;
	} damages[] = {
		{ FAMILY, 4 ^ 5 },
		{ FAMILY, 4 },
		{ TUPLE_ZERO, 1 },
		{ ADDRESS_REST, 1 },
		{ SCALE_IN, 7 ^ 15 },
		{ SCALE_OUT, 7 ^ 200 },
		{ SCALE_IN, 7 ^ 255 }, /* scaling one way only */
		{ FLAGS, 0x80 },
		{ FLAGS + 1, 1 << 5 }, /* its end */
		{ FLAGS, 1 << (10 - 8) }, /* not known */
		{ FLAGS + 1, 1 << 0 }, /* answered, but never opened */
		{ WINDOW, 0xff },
		{ RECEIVED, 0x40 },
		{ ACKED + 3, 1 },
		{ END_AT + 7, 1 },
		{ KEPT, 1 },
		{ KEPT + 3, 1 },
		{ SIDE_ZERO, 1 },
	};
	uint8_t *bytes;
	ssize_t len = some_snapshot(&bytes);

	(void)state;
	replica_clear(&standby, SERVICE);
	for (size_t i = 0; i < sizeof(damages) / sizeof(*damages); i++) {
		bytes[damages[i].at] ^= damages[i].by;
		assert_null(message_take_conn(&standby, SERVICE, bytes, len));
		assert_int_equal(errno, EBADMSG);
		bytes[damages[i].at] ^= damages[i].by;
	}
	assert_int_equal(standby.nr[SERVICE], 0);
	assert_non_null(message_take_conn(&standby, SERVICE, bytes, len));
	free(bytes);
}

/* --- what is another's -------------------------------------------------------------- */

/* Who speaks for one service changes nothing of another. */
static void test_another_service(void **state)
{
	enum { OTHER = SERVICE + 1 };
	const struct tuple *client = &ends[CLIENT].tuple;
	struct segment s;
	uint8_t packet[2048], body[MESSAGE_TUPLES_MAX], *bytes;
	ssize_t len = some_snapshot(&bytes);
	struct conn *conn = side_conn(replica_find(&owner, client));

	(void)state;
	s = syn(CLIENT, ends[CLIENT].isn + 1 + ends[CLIENT].sent,
		ends[CLIENT].ours + 1, SEGMENT_RST | SEGMENT_ACK);
	assert_int_equal(message_take(&standby, OTHER, MESSAGE_IN, packet,
				      packet_of(&s, packet), NOW, &lacking),
			 -EBADMSG);
	assert_int_equal(message_take(&standby, OTHER, MESSAGE_OUT, packet,
				      segment_build(&s, packet, sizeof(packet)),
				      NOW, &lacking),
			 -EBADMSG);
	assert_int_equal(message_take(&standby, OTHER, MESSAGE_PAIR, body,
				      message_put_pair(conn, body), NOW,
				      &lacking),
			 -EBADMSG);
	assert_int_equal(message_take(&standby, OTHER, MESSAGE_GONE, body,
				      message_put_client(client, body), NOW,
				      &lacking),
			 -EBADMSG);
	assert_null(message_take_conn(&standby, OTHER, bytes, len));
	assert_int_equal(errno, EBADMSG);
	check_same();
	free(bytes);
}

static bool fits_none(const struct replica *r, uint16_t service, int which,
		      const struct tuple *t)
{
	(void)r, (void)service, (void)which, (void)t;
	return false;
}

/* Nor can it take addresses that another service has. */
static void test_addresses_that_are_not_its_own(void **state)
{
	struct segment s;
	uint8_t packet[2048], *bytes;
	ssize_t len = some_snapshot(&bytes);

	(void)state;
	replica_clear(&standby, SERVICE);
	standby.fits = fits_none;
	s = syn(CLIENT, 1, 0, SEGMENT_SYN);
	assert_int_equal(message_take(&standby, SERVICE, MESSAGE_IN, packet,
				      packet_of(&s, packet), NOW, &lacking),
			 -EBADMSG);
	assert_null(message_take_conn(&standby, SERVICE, bytes, len));
	assert_int_equal(errno, EBADMSG);
	assert_int_equal(standby.nr[SERVICE], 0);
	free(bytes);
}

/* --- no room ------------------------------------------------------------------------ */

/* What cannot be kept whole is not kept at all, and named. */
static void test_no_room(void **state)
{
	uint8_t packet[2048], *bytes;
	ssize_t len = some_snapshot(&bytes);
	struct segment s;

	(void)state;
	replica_clear(&standby, SERVICE);
	standby.max[SERVICE] = 0;
	assert_null(message_take_conn(&standby, SERVICE, bytes, len));
	assert_int_equal(errno, ENOBUFS);
	s = syn(CLIENT, 1, 0, SEGMENT_SYN);
	assert_int_equal(message_take(&standby, SERVICE, MESSAGE_IN, packet,
				      packet_of(&s, packet), NOW, &lacking),
			 -ENOBUFS);
	assert_memory_equal(&lacking, &ends[CLIENT].tuple, sizeof(lacking));

	standby.max[SERVICE] = 1;
	assert_non_null(message_take_conn(&standby, SERVICE, bytes, len));
	memset(&lacking, 0, sizeof(lacking));
	/* an acknowledgement of what was never sent: as good as no room */
	s = syn(SERVER, ends[SERVER].isn + 1 + ends[SERVER].sent,
		ends[SERVER].ours + 1 + (1 << 20), SEGMENT_ACK);
	s.payload = packet;
	s.length = 1;
	assert_int_equal(message_take(&standby, SERVICE, MESSAGE_IN, packet,
				      packet_of(&s, packet), NOW, &lacking),
			 -ENOBUFS);
	assert_memory_equal(&lacking, &ends[CLIENT].tuple, sizeof(lacking));
	assert_int_equal(standby.nr[SERVICE], 0);
	free(bytes);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_same_at_both),
		TEST(test_damaged_snapshots),
		TEST(test_messages_that_cannot_be),
		TEST(test_snapshots_that_make_no_sense),
		TEST(test_another_service),
		TEST(test_addresses_that_are_not_its_own),
		TEST(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
