// SPDX-License-Identifier: GPL-2.0-only
/* An owner and its standby know the same, also after a snapshot at any moment. */
#include "told.h"

/* A new standby gets all of it in the middle. */
static void take_snapshot(const struct conn *conn)
{
	uint8_t *bytes;
	ssize_t len = message_put_conn(conn, &bytes);

	assert_true(len > 0);
	if (below(2))
		replica_clear(&standby, SERVICE);
	assert_non_null(message_take_conn(&standby, SERVICE, bytes, len, NOW));
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

/* While it is taken over its owner lets nothing go; its standby, told of the
 * same segments, does. Once that is over they are the same again. */
static void test_same_after_takeover(void **state)
{
	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		int from = below(STEPS), to = from + below(STEPS - from);
		struct conn *conn;
		int taking;

		random_state = round;
		make_ends();
		conn = open_both();
		for (int i = 0; i < STEPS; i++) {
			if (i == from) {
				conn->takeover = &taking;
				take_snapshot(conn);
			}
			step(conn);
			if (i == to) {
				conn->takeover = NULL;
				replica_trim(conn);
			}
			if (i >= to)
				check_same();
		}
		replica_clear(&owner, SERVICE);
		replica_clear(&standby, SERVICE);
	}
}

/* An end acknowledges what only the owner before had; its source says it again. */
static void test_same_when_an_end_is_ahead(void **state)
{
	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		int at = below(STEPS), which = below(2);
		struct conn *conn;

		random_state = round;
		make_ends();
		conn = open_both();
		for (int i = 0; i < STEPS; i++) {
			const struct track *other = &conn->side[!which].track;
			struct segment s = {
				.tuple = ends[which].tuple,
				.seq = track_next_in(&conn->side[which].track),
				.ack = ends[which].ours + 1 +
				       (uint32_t)other->received + below(5000),
				.flags = SEGMENT_ACK,
				.window = 1000,
			};

			if (i == at) {
				replica_inherit(conn);
				take_snapshot(conn);
				arrives(&s);
				assert_int_equal(conn->side[which].track.acked,
						 s.ack - ends[which].ours - 1);
				check_same();
			}
			step(conn);
		}
		check_same();
		replica_clear(&owner, SERVICE);
		replica_clear(&standby, SERVICE);
	}
}

/* A standby forgets what nobody has told it of for a time; what a snapshot brings
 * it has just been told, however long the snapshot takes to end. */
static void test_what_is_new_is_not_forgotten(void **state)
{
	enum { TIME = 10 };
	struct conn *conn;

	(void)state;
	random_state = 1;
	make_ends();
	conn = open_both();
	take_snapshot(conn);
	replica_forget(&standby, SERVICE, NOW + TIME, TIME);
	check_same();
	/* a packet renews it */
	side_conn(replica_find(&standby, &ends[CLIENT].tuple))->touched = 0;
	step(conn);
	replica_forget(&standby, SERVICE, NOW + TIME, TIME);
	check_same();
	replica_forget(&standby, SERVICE, NOW + TIME + 1, TIME);
	assert_int_equal(standby.nr[SERVICE], 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_same_at_both),
		TEST(test_same_after_takeover),
		TEST(test_same_when_an_end_is_ahead),
		TEST(test_what_is_new_is_not_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
