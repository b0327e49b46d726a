// SPDX-License-Identifier: GPL-2.0-only
/* What may leave before the standby has everything (row P2), and what a new owner
 * believes its ends to have (row K6). */
#include "told.h"

static struct conn *conn;

static struct segment ours(int which, uint32_t ack)
{
	return (struct segment){ .tuple = ends[which].tuple,
				 .seq = ends[which].ours + 1,
				 .ack = ack,
				 .flags = SEGMENT_ACK };
}

/* `n` bytes from an end, behind those that it has sent. */
static void send_bytes(int which, uint32_t n, uint8_t flags)
{
	static uint8_t bytes[1000];
	struct segment s = { .tuple = ends[which].tuple,
			     .seq = ends[which].isn + 1 + ends[which].sent,
			     .ack = ends[which].ours + 1,
			     .flags = SEGMENT_ACK | flags,
			     .window = 1000,
			     .payload = bytes,
			     .length = n };

	ends[which].sent += n;
	arrives(&s);
}

static int make(void **state)
{
	random_state = 1;
	make_ends();
	if (set_up(state))
		return -1;
	conn = open_both();
	return 0;
}

static void test_what_is_not_sure_is_not_told(void **state)
{
	(void)state;
	for (int i = 0; i < NR_SIDES; i++) {
		struct side *side = &conn->side[i];
		uint32_t isn = ends[i].isn;
		struct segment s = ours(i, isn + 1);

		/* not even its SYN, at first */
		assert_true(replica_tells(side, &s));
		replica_assure(side);
		assert_false(replica_tells(side, &s));

		send_bytes(i, 10, 0);
		assert_false(replica_tells(side, &s));
		for (uint32_t n = 1; n <= 10; n++) {
			s.ack = isn + 1 + n;
			assert_true(replica_tells(side, &s));
		}
		replica_assure(side);
		assert_false(replica_tells(side, &s));

		send_bytes(i, 0, SEGMENT_FIN);
		s.ack++;
		assert_true(replica_tells(side, &s));
		replica_assure(side);
		assert_false(replica_tells(side, &s));
	}
}

static void test_what_tells_nothing(void **state)
{
	struct side *side = &conn->side[CLIENT];
	struct segment s = ours(CLIENT, ends[CLIENT].isn + 1 + 10);

	(void)state;
	replica_assure(side);
	send_bytes(CLIENT, 10, 0);
	s.flags = SEGMENT_RST;
	assert_false(replica_tells(side, &s));
	/* a block names what came behind a gap */
	s = ours(CLIENT, ends[CLIENT].isn + 1);
	assert_false(replica_tells(side, &s));
	s.sack_block = true;
	assert_true(replica_tells(side, &s));
}

static void test_how_far_an_end_can_be(void **state)
{
	struct track *client = &conn->side[CLIENT].track;
	struct track *server = &conn->side[SERVER].track;
	struct segment s = ours(CLIENT, ends[CLIENT].isn + 1 + 10);

	(void)state;
	send_bytes(CLIENT, 10, 0);
	send_bytes(SERVER, 20, SEGMENT_FIN);
	assert_int_equal(client->reach, 0);
	assert_true(replica_tells(&conn->side[CLIENT], &s));
	replica_inherit(conn);
	/* all that came is here */
	assert_false(replica_tells(&conn->side[CLIENT], &s));
	/* the stream to the client is known whole, the other may be longer */
	assert_int_equal(client->reach, 20);
	assert_int_equal(server->reach, 10 + REPLICA_ROOM);
	assert_true(conn_is_sound(conn));
	/* another takeover forgets nothing of that */
	server->reach += 5;
	replica_inherit(conn);
	assert_int_equal(server->reach, 15 + REPLICA_ROOM);
	server->acked = server->reach;
	assert_true(conn_is_sound(conn));
	server->acked++;
	assert_false(conn_is_sound(conn));
	server->acked = 0;
	client->acked = 21;
	assert_false(conn_is_sound(conn));
}

/* Nothing can have gone to a server that was not reached, or come from it. */
static void test_a_server_that_is_not_there(void **state)
{
	(void)state;
	send_bytes(CLIENT, 10, 0);
	replica_unpair(&owner, conn);
	replica_inherit(conn);
	assert_int_equal(conn->side[CLIENT].track.reach, 0);
	assert_int_equal(conn->side[SERVER].track.reach, 10);
}

/* What the client was told of by this host's kernel, and with which timestamps, is
 * no more than that kernel's: it would answer for another one (row P2). */
static void test_nothing_said_outlives_a_move(void **state)
{
	(void)state;
	conn->clamp = calloc(1, sizeof(*conn->clamp));
	assert_non_null(conn->clamp);
	conn->clamp->spoken = true;
	conn->synced = true;
	replica_hand_over(conn);
	assert_null(conn->clamp);
	assert_false(conn->synced);
	assert_true(conn->played);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_what_is_not_sure_is_not_told),
		TEST(test_what_tells_nothing),
		TEST(test_how_far_an_end_can_be),
		TEST(test_a_server_that_is_not_there),
		TEST(test_nothing_said_outlives_a_move),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
