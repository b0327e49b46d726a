// SPDX-License-Identifier: GPL-2.0-only
/* Commits change a replica, and another one that is told of them by messages, in
 * the same way: one by one, and at random. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "baton-proxy/message.h"

#define SERVICE 3
#define ROOM (1u << 16)

static struct replica owner, standby;
static struct conn *c;

static const struct tuple tuple = { .local = { 1 },
				    .remote = { 2 },
				    .local_port = 80,
				    .remote_port = 5000,
				    .family = 4 };

static struct conn *twin(void)
{
	struct side *side = replica_find(&standby, &tuple);

	return side ? side_conn(side) : NULL;
}

/* The client sends; both replicas know. */
static void arrive(const uint8_t *bytes, uint32_t nr, uint8_t flags)
{
	struct conn *both[] = { c, twin() };

	for (int i = 0; i < 2; i++) {
		struct side *side = &both[i]->side[CLIENT];
		const struct segment s = {
			.seq = track_next_in(&side->track),
			.ack = track_next_out(&side->track),
			.flags = flags,
			.window = 1000,
			.scale = SEGMENT_NO_SCALE,
			.payload = bytes,
			.length = nr,
		};

		assert_int_equal(replica_in(side, &s, ROOM), TRACK_TAKEN);
	}
}

/* The client has got so much of the output. */
static void acknowledge(uint64_t position)
{
	struct conn *both[] = { c, twin() };

	for (int i = 0; i < 2; i++) {
		struct side *side = &both[i]->side[CLIENT];
		const struct segment s = {
			.seq = track_next_in(&side->track),
			.ack = side->track.seq_out + 1 + position,
			.flags = SEGMENT_ACK,
			.window = 1000,
			.scale = SEGMENT_NO_SCALE,
		};

		replica_in(side, &s, ROOM);
	}
}

static struct conn *open_in(struct replica *r)
{
	struct conn *new;
	struct track *t;

	assert_int_equal(replica_init(r, 5), 0);
	r->local[SERVICE] = true;
	new = replica_add(r, SERVICE, &tuple);
	assert_non_null(new);
	t = &new->side[CLIENT].track;
	t->opened_in = t->opened_out = t->answered = true;
	t->seq_in = 0xffffffc0;
	t->seq_out = 7;
	return new;
}

static int begin(void **state)
{
	(void)state;
	c = open_in(&owner);
	open_in(&standby);
	return 0;
}

static int end(void **state)
{
	(void)state;
	replica_free(&owner);
	replica_free(&standby);
	return 0;
}

static void assert_same(void)
{
	struct conn *d = twin();

	for (int i = 0; i < NR_SIDES; i++) {
		const struct track *a = &c->side[i].track;
		const struct track *b = &d->side[i].track;

		assert_int_equal(a->received, b->received);
		assert_int_equal(a->acked, b->acked);
		assert_int_equal(a->kept, b->kept);
		assert_int_equal(a->end_in, b->end_in);
		assert_int_equal(a->end_acked, b->end_acked);
		if (a->kept)
			assert_memory_equal(a->bytes + a->start,
					    b->bytes + b->start, a->kept);
	}
	assert_int_equal(d->released, c->side[SERVER].track.acked);
}

static int commit(uint64_t input, uint64_t output, bool ends,
		  const uint8_t *bytes)
{
	const struct cut cut = { input, output, ends };
	uint8_t *message;
	ssize_t len;
	int err, told;

	/* more than the message can carry is not for the wire either */
	if (output < c->side[SERVER].track.received ||
	    output - c->side[SERVER].track.received > ROOM)
		return replica_commit(c, &cut, bytes, ROOM);
	len = message_put_commit(c, &cut, bytes, &message);
	assert_true(len > 0);
	err = replica_commit(c, &cut, bytes, ROOM);
	told = message_take_commit(&standby, SERVICE, message, len, ROOM);
	assert_int_equal(err, told);
	free(message);
	if (!err)
		c->released = input;
	if (twin())
		assert_same();
	return err;
}

static const uint8_t *const text = (const uint8_t *)"0123456789";

static void test_cut(void **state)
{
	struct cut cut;
	const uint8_t *bytes;

	(void)state;
	arrive(text, 10, SEGMENT_ACK);
	assert_int_equal(commit(4, 3, false, text), 0);
	cut = replica_cut(c);
	assert_int_equal(cut.input, 4);
	assert_int_equal(cut.output, 3);
	assert_false(cut.end);
	/* what is done is needed no more, what is not is there */
	assert_int_equal(track_bytes(&c->side[CLIENT].track, 4, &bytes), 6);
	assert_memory_equal(bytes, "456789", 6);
	assert_int_equal(track_bytes(&c->side[CLIENT].track, 3, &bytes), 0);
	/* the output, until the client has it */
	assert_int_equal(track_bytes(&c->side[SERVER].track, 0, &bytes), 3);
	acknowledge(2);
	assert_int_equal(track_bytes(&c->side[SERVER].track, 2, &bytes), 1);
	assert_int_equal(bytes[0], '2');
	assert_same();
}

static void test_limit_is_what_is_released(void **state)
{
	struct track *client = &c->side[CLIENT].track;

	(void)state;
	arrive(text, 10, SEGMENT_ACK);
	assert_int_equal(replica_limit(c).ack, client->seq_in + 1);
	commit(4, 0, false, text);
	c->released = 0; /* the standby has not confirmed it */
	assert_int_equal(replica_limit(c).ack, client->seq_in + 1);
	c->released = 4;
	assert_int_equal(replica_limit(c).ack, client->seq_in + 5);
	arrive(text, 0, SEGMENT_ACK | SEGMENT_FIN);
	assert_int_equal(replica_limit(c).ack, client->seq_in + 5);
	commit(10, 0, false, text);
	assert_int_equal(replica_limit(c).ack, client->seq_in + 12);
}

/* Nobody releases what an owner had committed when it lost the connection, which
 * has come back: it is the newest state that there is. */
static void test_what_comes_back_is_released(void **state)
{
	(void)state;
	arrive((const uint8_t *)"input", 5, SEGMENT_ACK);
	assert_int_equal(commit(4, 0, false, NULL), 0);
	c->released = 0;
	assert_int_equal(replica_limit(c).ack,
			 c->side[CLIENT].track.seq_in + 1);
	replica_inherit(c);
	assert_int_equal(replica_limit(c).ack,
			 c->side[CLIENT].track.seq_in + 1 + 4);
}

static void test_end_of_both(void **state)
{
	(void)state;
	arrive(text, 10, SEGMENT_ACK);
	commit(10, 5, false, text);
	commit(10, 5, true, text);
	acknowledge(6); /* and our FIN */
	assert_false(replica_is_over(c));
	arrive(text, 0, SEGMENT_ACK | SEGMENT_FIN);
	assert_true(replica_is_over(c));
	assert_true(replica_is_over(twin()));
}

static void test_not_over_with_input_left(void **state)
{
	(void)state;
	arrive(text, 10, SEGMENT_ACK | SEGMENT_FIN);
	commit(9, 5, true, text);
	acknowledge(6);
	assert_false(replica_is_over(c));
	assert_false(replica_is_over(twin()));
}

static void test_what_cannot_be(void **state)
{
	(void)state;
	arrive(text, 10, SEGMENT_ACK);
	assert_int_equal(commit(11, 0, false, text), -EBADMSG);
	assert_int_equal(commit(5, 5, false, text), 0);
	assert_int_equal(commit(4, 5, false, text), -EBADMSG);
	assert_int_equal(commit(5, 4, false, text), -EBADMSG);
	assert_int_equal(commit(5, 6 + ROOM, false, text), -EBADMSG);
	assert_int_equal(commit(5, 5, true, text), 0);
	assert_int_equal(commit(6, 5, true, text), 0); /* more is done later */
	assert_int_equal(commit(6, 6, true, text), -EBADMSG);
	assert_int_equal(commit(6, 5, false, text), -EBADMSG);
	assert_same();
}

static void test_connections_with_a_server_have_no_cuts(void **state)
{
	(void)state;
	arrive(text, 10, SEGMENT_ACK);
	c->local = twin()->local = false;
	assert_int_equal(commit(1, 1, false, text), -EBADMSG);
}

static void test_damaged_messages(void **state)
{
	const struct cut cut = { 5, 5, false };
	uint8_t *message;
	ssize_t len;

	(void)state;
	arrive(text, 10, SEGMENT_ACK);
	len = message_put_commit(c, &cut, text, &message);
	for (ssize_t n = 0; n < len; n++)
		assert_int_equal(message_take_commit(&standby, SERVICE, message,
						     n, ROOM),
				 -EBADMSG);
	message[0] ^= 1; /* of nobody here */
	assert_int_equal(
		message_take_commit(&standby, SERVICE, message, len, ROOM), 0);
	message[0] ^= 1;
	assert_int_equal(twin()->side[SERVER].track.acked, 0);
	assert_int_equal(
		message_take_commit(&standby, SERVICE, message, len, ROOM), 0);
	/* once more: that output is known */
	assert_int_equal(message_take_commit(&standby, SERVICE, message, len,
					     ROOM),
			 -EBADMSG);
	free(message);
}

/* A snapshot says the same as all that came before it. */
static void test_snapshot(void **state)
{
	uint8_t *bytes;
	ssize_t len;

	(void)state;
	arrive(text, 10, SEGMENT_ACK);
	commit(4, 3, false, text);
	len = message_put_conn(c, &bytes);
	assert_true(len > 0);
	replica_clear(&standby, SERVICE);
	assert_non_null(message_take_conn(&standby, SERVICE, bytes, len, 0));
	assert_true(twin()->local);
	assert_same();
	free(bytes);
	assert_int_equal(commit(10, 5, true, text), 0);
}

static uint64_t seed = 0x6375747321;

static uint32_t below(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 32) % n;
}

static void test_random(void **state)
{
	static uint8_t stream[1 << 16];

	for (size_t i = 0; i < sizeof(stream); i++)
		stream[i] = below(256);
	for (int round = 0; round < 2000; round++) {
		const struct track *client, *server;

		begin(state);
		client = &c->side[CLIENT].track;
		server = &c->side[SERVER].track;
		for (int i = 0; i < 30; i++) {
			uint64_t n = below(100);

			if (below(2))
				arrive(stream + client->received, n,
				       SEGMENT_ACK);
			if (below(2))
				assert_int_equal(
					commit(server->acked +
						       below(client->received -
							     server->acked + 1),
					       server->received + n, false,
					       stream + server->received),
					0);
			if (below(2))
				acknowledge(client->acked +
					    below(server->received -
						  client->acked + 1));
			assert_same();
		}
		end(state);
	}
	begin(state);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(test_##name, begin, end)
	const struct CMUnitTest tests[] = {
		T(cut),
		T(limit_is_what_is_released),
		T(what_comes_back_is_released),
		T(end_of_both),
		T(not_over_with_input_left),
		T(what_cannot_be),
		T(connections_with_a_server_have_no_cuts),
		T(damaged_messages),
		T(snapshot),
		cmocka_unit_test_setup_teardown(test_random, NULL, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
