// SPDX-License-Identifier: GPL-2.0-only
/* What of a connection would be lost if its owner died now. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "baton-proxy/exposure.h"

#define ALL UINT64_MAX

/* 1000 bytes have come, 600 of them since all was confirmed; the standby was
 * told by message 9. */
static struct conn conn(void)
{
	struct conn c = { .synced = true, .told = 9, .confirmed = 400 };

	c.side[SERVER].which = SERVER;
	c.side[CLIENT].track.received = 300;
	c.side[SERVER].track.received = 700;
	return c;
}

static void test_exposures(void **state)
{
	static const struct {
		enum exposure expected;
		uint64_t bytes;
		bool standby, complete, synced, withheld;
		uint64_t acked;
		bool unreleased;
	} cases[] = {
		{ EXPOSURE_NONE, 0, true, true, true, true, 7, false },
		{ EXPOSURE_NONE, 0, true, true, true, true, 9, false },
		{ EXPOSURE_ON_THE_WAY, 600, true, true, true, false, 8, false },
		{ EXPOSURE_NONE, 0, true, true, true, false, 9, false },
		{ EXPOSURE_SYNCING, ALL, true, false, true, true, 9, false },
		{ EXPOSURE_UNKNOWN, ALL, true, true, false, true, 9, false },
		{ EXPOSURE_NO_STANDBY, ALL, false, false, false, true, 9,
		  false },
		{ EXPOSURE_UNRELEASED, ALL, false, false, false, true, 9,
		  true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct protection p = { .standby = cases[i].standby,
					.complete = cases[i].complete,
					.withheld = cases[i].withheld,
					.acked = cases[i].acked,
					.unreleased = cases[i].unreleased };
		struct conn c = conn();
		uint64_t bytes;

		c.synced = cases[i].synced;
		assert_int_equal(conn_exposure(&c, &p, &bytes),
				 cases[i].expected);
		assert_int_equal(bytes, cases[i].bytes);
	}
}

static void test_behind(void **state)
{
	struct conn c = conn();

	(void)state;
	assert_int_equal(conn_behind(&c, 7), 600);
	assert_int_equal(conn_behind(&c, 9), 0);
}

static void test_states(void **state)
{
	struct conn c = conn();
	struct track *client = &c.side[CLIENT].track;
	struct track *server = &c.side[SERVER].track;

	(void)state;
	assert_int_equal(conn_state(&c), CONN_OPENING);
	client->opened_in = client->opened_out = client->answered = true;
	assert_int_equal(conn_state(&c), CONN_CONNECTING);
	c.side[SERVER].known = true;
	server->opened_in = server->opened_out = true;
	assert_int_equal(conn_state(&c), CONN_CONNECTING);
	server->answered = true;
	assert_int_equal(conn_state(&c), CONN_OPEN);
	server->end_in = true;
	assert_int_equal(conn_state(&c), CONN_HALF_CLOSED);
	client->end_in = true;
	assert_int_equal(conn_state(&c), CONN_CLOSING);
	c.takeover = &c;
	assert_int_equal(conn_state(&c), CONN_TAKING_OVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exposures),
		cmocka_unit_test(test_behind),
		cmocka_unit_test(test_states),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
