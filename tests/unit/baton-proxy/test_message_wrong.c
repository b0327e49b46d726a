// SPDX-License-Identifier: GPL-2.0-only
/* What is told wrongly changes nothing. */
#include "told.h"

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
		assert_null(message_take_conn(&standby, SERVICE, copy, n, NOW));
		assert_int_equal(errno, EBADMSG);
		assert_int_equal(standby.nr[SERVICE], 0);
		free(copy);
	}
	for (int i = 0; i < ROUNDS; i++) {
		copy = malloc(len);
		memcpy(copy, bytes, len);
		copy[below(400)] ^= 1 + below(255);
		replica_clear(&standby, SERVICE);
		message_take_conn(&standby, SERVICE, copy, len, NOW);
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
	REACH = 96,
	END_AT = 104,
	SIDE_ZERO = 116,
};

static void test_snapshots_that_make_no_sense(void **state)
{
	/* { where, what is added to the byte there } */
	static const struct {
		size_t at;
		uint8_t by;
	} damages[] = {
		{ FAMILY, 4 ^ 5 },	  { FAMILY, 4 },
		{ TUPLE_ZERO, 1 },	  { ADDRESS_REST, 1 },
		{ SCALE_IN, 7 ^ 15 },	  { SCALE_OUT, 7 ^ 200 },
		{ SCALE_IN, 7 ^ 255 }, /* scaling one way only */
		{ FLAGS, 0x80 },	  { FLAGS + 1, 1 << 5 }, /* its end */
		{ FLAGS, 1 << (10 - 8) }, /* not known */
		{ FLAGS + 1, 1 << 0 }, /* answered, but never opened */
		{ WINDOW, 0xff },	  { RECEIVED, 0x40 },
		{ ACKED + 3, 1 },	  { REACH, 0x40 },
		{ END_AT + 7, 1 },	  { KEPT, 1 },
		{ KEPT + 3, 1 },	  { SIDE_ZERO, 1 },
	};
	uint8_t *bytes;
	ssize_t len = some_snapshot(&bytes);

	(void)state;
	replica_clear(&standby, SERVICE);
	for (size_t i = 0; i < sizeof(damages) / sizeof(*damages); i++) {
		bytes[damages[i].at] ^= damages[i].by;
		assert_null(
			message_take_conn(&standby, SERVICE, bytes, len, NOW));
		assert_int_equal(errno, EBADMSG);
		bytes[damages[i].at] ^= damages[i].by;
	}
	assert_int_equal(standby.nr[SERVICE], 0);
	assert_non_null(message_take_conn(&standby, SERVICE, bytes, len, NOW));
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
	assert_null(message_take_conn(&standby, OTHER, bytes, len, NOW));
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
	assert_null(message_take_conn(&standby, SERVICE, bytes, len, NOW));
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
	assert_null(message_take_conn(&standby, SERVICE, bytes, len, NOW));
	assert_int_equal(errno, ENOBUFS);
	s = syn(CLIENT, 1, 0, SEGMENT_SYN);
	assert_int_equal(message_take(&standby, SERVICE, MESSAGE_IN, packet,
				      packet_of(&s, packet), NOW, &lacking),
			 -ENOBUFS);
	assert_memory_equal(&lacking, &ends[CLIENT].tuple, sizeof(lacking));

	standby.max[SERVICE] = 1;
	assert_non_null(message_take_conn(&standby, SERVICE, bytes, len, NOW));
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
		TEST(test_damaged_snapshots),
		TEST(test_messages_that_cannot_be),
		TEST(test_snapshots_that_make_no_sense),
		TEST(test_another_service),
		TEST(test_addresses_that_are_not_its_own),
		TEST(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
