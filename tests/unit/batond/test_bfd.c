// SPDX-License-Identifier: GPL-2.0-only
/* A BFD session, rule by rule of RFC 5880 section 6.8. */
#include "bfd_peer.h"

/* --- 6.8.6: transitions ------------------------------------------------------ */

/* {ours, what the host says, becomes, for this reason}: each of them */
static const struct {
	uint8_t state, said, next, diag;
} transitions[] = {
	{ BFD_ADMIN_DOWN, BFD_ADMIN_DOWN, BFD_ADMIN_DOWN, BFD_DIAG_ADMIN_DOWN },
	{ BFD_ADMIN_DOWN, BFD_DOWN, BFD_ADMIN_DOWN, BFD_DIAG_ADMIN_DOWN },
	{ BFD_ADMIN_DOWN, BFD_INIT, BFD_ADMIN_DOWN, BFD_DIAG_ADMIN_DOWN },
	{ BFD_ADMIN_DOWN, BFD_UP, BFD_ADMIN_DOWN, BFD_DIAG_ADMIN_DOWN },
	{ BFD_DOWN, BFD_ADMIN_DOWN, BFD_DOWN, BFD_DIAG_NONE },
	{ BFD_DOWN, BFD_DOWN, BFD_INIT, BFD_DIAG_NONE },
	{ BFD_DOWN, BFD_INIT, BFD_UP, BFD_DIAG_NONE },
	{ BFD_DOWN, BFD_UP, BFD_DOWN, BFD_DIAG_NONE },
	{ BFD_INIT, BFD_ADMIN_DOWN, BFD_DOWN, BFD_DIAG_SIGNALED_DOWN },
	{ BFD_INIT, BFD_DOWN, BFD_INIT, BFD_DIAG_NONE },
	{ BFD_INIT, BFD_INIT, BFD_UP, BFD_DIAG_NONE },
	{ BFD_INIT, BFD_UP, BFD_UP, BFD_DIAG_NONE },
	{ BFD_UP, BFD_ADMIN_DOWN, BFD_DOWN, BFD_DIAG_SIGNALED_DOWN },
	{ BFD_UP, BFD_DOWN, BFD_DOWN, BFD_DIAG_SIGNALED_DOWN },
	{ BFD_UP, BFD_INIT, BFD_UP, BFD_DIAG_NONE },
	{ BFD_UP, BFD_UP, BFD_UP, BFD_DIAG_NONE },
};

static void be_in(enum bfd_state state)
{
	begin(&plain);
	if (state == BFD_ADMIN_DOWN)
		bfd_admin_down(&b, now);
	else if (state == BFD_INIT)
		hear_state(BFD_DOWN);
	else if (state == BFD_UP)
		hear_state(BFD_INIT);
	assert_int_equal(b.state, state);
}

static void test_transitions(void **state)
{
	bool seen[BFD_NR_STATES][BFD_NR_STATES] = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(transitions) / sizeof(*transitions);
	     i++) {
		enum bfd_change change;
		bool changes;

		be_in(transitions[i].state);
		b.urgent = false;
		changes = transitions[i].next != transitions[i].state;
		hear(says(transitions[i].said), &change);
		assert_int_equal(b.state, transitions[i].next);
		assert_int_equal(b.diag, transitions[i].diag);
		/* What is new is told at once. */
		assert_int_equal(b.urgent, changes);
		seen[transitions[i].state][transitions[i].said] = true;
	}
	for (int i = 0; i < BFD_NR_STATES; i++)
		for (int k = 0; k < BFD_NR_STATES; k++)
			assert_true(seen[i][k]);
}

static void test_three_packets_bring_it_up(void **state)
{
	struct bfd_packet p = due();

	(void)state;
	assert_int_equal(p.state, BFD_DOWN);
	assert_int_equal(p.your_discriminator, 0);
	assert_int_equal(p.my_discriminator, OURS);
	assert_int_equal(hear_state(BFD_DOWN), BFD_SAME);
	p = due();
	assert_int_equal(p.state, BFD_INIT);
	assert_int_equal(p.your_discriminator, THEIRS);
	assert_int_equal(b.verdict, BFD_UNKNOWN);
	assert_int_equal(hear_state(BFD_UP), BFD_WENT_UP);
	assert_int_equal(due().state, BFD_UP);
	assert_int_equal(hear_state(BFD_UP), BFD_SAME);
	assert_int_equal(b.ups, 1);
}

/* --- 6.8.3: intervals --------------------------------------------------------- */

static void test_slow_unless_up(void **state)
{
	(void)state;
	assert_int_equal(due().min_tx, 1000000);
	hear_state(BFD_DOWN);
	assert_int_equal(due().min_tx, 1000000);
	assert_int_equal(bfd_tx_interval(&b), 1000000);
	hear_state(BFD_INIT);
	assert_int_equal(due().min_tx, 10000);
	assert_int_equal(bfd_tx_interval(&b), 10000);
	hear_state(BFD_DOWN);
	assert_int_equal(due().min_tx, 1000000);
}

static void test_the_slower_of_both_holds(void **state)
{
	struct bfd_packet p = says(BFD_UP);
	enum bfd_change change;

	(void)state;
	come_up();
	assert_int_equal(bfd_tx_interval(&b), 10000);
	assert_int_equal(bfd_detect_time(&b), 30 * MS);
	p.min_rx = 50000;
	p.min_tx = 20000;
	p.multiplier = 5;
	hear(p, &change);
	assert_int_equal(bfd_tx_interval(&b), 50000);
	assert_int_equal(bfd_rx_interval(&b), 20000);
	assert_int_equal(bfd_detect_time(&b), 100 * MS);
	assert_int_equal(bfd_remote_detect_time(&b), 150 * MS);
}

static void test_wider_intervals_wait_for_the_poll(void **state)
{
	struct bfd_settings wide = plain;
	struct bfd_packet p = says(BFD_UP);
	enum bfd_change change;

	(void)state;
	come_up();
	wide.min_tx = 40000;
	wide.min_rx = 5000;
	p.min_tx = 5000;
	hear(p, &change);
	bfd_configure(&b, &wide);
	/* Told, but not used: we send as fast, and wait as long, as before. */
	p = due();
	assert_true(p.poll);
	assert_int_equal(p.min_tx, 40000);
	assert_int_equal(p.min_rx, 5000);
	assert_int_equal(bfd_tx_interval(&b), 10000);
	assert_int_equal(bfd_rx_interval(&b), 10000);
	/* An answer that is none to the poll ends nothing. */
	p = says(BFD_UP);
	p.min_tx = 5000;
	hear(p, &change);
	assert_int_equal(bfd_tx_interval(&b), 10000);
	p.final = true;
	hear(p, &change);
	assert_int_equal(bfd_tx_interval(&b), 40000);
	assert_int_equal(bfd_rx_interval(&b), 5000);
	assert_false(b.polling);
}

static void test_narrower_intervals_hold_at_once(void **state)
{
	struct bfd_settings narrow = plain;

	(void)state;
	narrow.min_tx = 40000;
	begin(&narrow);
	come_up();
	narrow.min_tx = 20000;
	narrow.min_rx = 60000;
	bfd_configure(&b, &narrow);
	assert_true(due().poll);
	assert_int_equal(bfd_tx_interval(&b), 20000);
	assert_int_equal(bfd_rx_interval(&b), 60000);
}

static void test_a_change_during_a_poll_needs_another(void **state)
{
	struct bfd_settings wide = plain;
	struct bfd_packet p = says(BFD_UP);
	enum bfd_change change;

	(void)state;
	come_up();
	wide.min_tx = 20000;
	bfd_configure(&b, &wide);
	due();
	wide.min_tx = 40000;
	bfd_configure(&b, &wide);
	p.final = true;
	hear(p, &change);
	assert_true(b.polling);
	assert_int_equal(bfd_tx_interval(&b), 10000);
	assert_true(due().poll);
	hear(p, &change);
	assert_false(b.polling);
	assert_int_equal(bfd_tx_interval(&b), 40000);
}

static void test_the_same_settings_change_nothing(void **state)
{
	struct bfd before;

	(void)state;
	come_up();
	before = b;
	bfd_configure(&b, &plain);
	assert_memory_equal(&b, &before, sizeof(b));
}

/* --- 6.8.7: sending ------------------------------------------------------------ */

static void test_a_poll_is_answered_at_once(void **state)
{
	struct bfd_packet p = says(BFD_UP);
	enum bfd_change change;
	uint64_t next;

	(void)state;
	come_up();
	turn();
	next = b.next_tx;
	nothing_due();
	p.poll = true;
	hear(p, &change);
	assert_int_equal(bfd_deadline(&b), 0);
	p = due();
	assert_true(p.final);
	assert_false(p.poll);
	/* beside the others, which keep their time */
	assert_int_equal(b.next_tx, next);
	nothing_due();
}

static void test_poll_and_final_are_never_both(void **state)
{
	struct bfd_packet p = says(BFD_INIT);
	enum bfd_change change;

	(void)state;
	p.poll = true;
	hear(p, &change);
	assert_true(b.polling);
	p = due();
	assert_true(p.final && !p.poll);
	now = b.next_tx;
	p = due();
	assert_true(p.poll && !p.final);
}

static void test_jitter(void **state)
{
	struct bfd_settings s = plain;

	(void)state;
	for (int multiplier = 1; multiplier <= 3; multiplier += 2) {
		uint64_t least = UINT64_MAX, most = 0;

		s.multiplier = multiplier;
		begin(&s);
		come_up();
		for (uint32_t i = 0; i < 100000; i++) {
			struct bfd_packet p;
			uint64_t wait;

			now = b.next_tx;
			assert_true(bfd_transmit(&b, now, i * 2654435761U, &p));
			wait = b.next_tx - now;
			least = wait < least ? wait : least;
			most = wait > most ? wait : most;
		}
		assert_in_range(least, 7500 * US, 7600 * US);
		if (multiplier == 1)
			assert_in_range(most, 8900 * US, 9000 * US);
		else
			assert_in_range(most, 9900 * US, 10000 * US);
	}
}

static void test_no_packets_by_the_clock_if_none_are_wanted(void **state)
{
	struct bfd_packet p = says(BFD_UP);
	enum bfd_change change;

	(void)state;
	come_up();
	turn();
	p.min_rx = 0;
	hear(p, &change);
	now += S;
	nothing_due();
	p.poll = true;
	hear(p, &change);
	assert_true(due().final);
	p = says(BFD_UP);
	hear(p, &change);
	assert_true(b.next_tx <= now + 10 * MS);
}

static void test_demand_mode_of_the_host(void **state)
{
	struct bfd_settings wide = plain;
	struct bfd_packet p = says(BFD_UP);
	enum bfd_change change;

	(void)state;
	come_up();
	turn();
	p.demand = true;
	hear(p, &change);
	now += S;
	nothing_due();
	/* but a poll sequence is sent */
	wide.min_rx = 20000;
	bfd_configure(&b, &wide);
	assert_true(due().poll);
	now += 10 * MS;
	assert_true(due().poll);
}

/* What the host wants faster than before is sent faster at once. */
static void test_a_faster_host_does_not_wait(void **state)
{
	struct bfd_packet p = says(BFD_UP);
	enum bfd_change change;

	(void)state;
	come_up();
	p.min_rx = 2000000;
	hear(p, &change);
	now = b.next_tx;
	due();
	assert_true(b.next_tx >= now + 1500 * MS);
	hear(says(BFD_UP), &change);
	assert_true(b.next_tx <= now + 10 * MS);
}

/* --- 6.8.4, 6.8.1: silence ---------------------------------------------------- */

static void test_down_after_the_detection_time(void **state)
{
	uint64_t heard;

	(void)state;
	come_up();
	heard = now;
	assert_int_equal(listen_in_vain(heard + 30 * MS - 1), BFD_SAME);
	assert_int_equal(b.state, BFD_UP);
	assert_int_equal(listen_in_vain(heard + 30 * MS), BFD_WENT_DOWN);
	assert_int_equal(b.state, BFD_DOWN);
	assert_int_equal(b.diag, BFD_DIAG_EXPIRED);
	assert_int_equal(b.remote.discriminator, 0);
	assert_int_equal(due().your_discriminator, 0);
	assert_int_equal(b.downs, 1);
}

static void test_init_expires_too(void **state)
{
	(void)state;
	hear_state(BFD_DOWN);
	assert_int_equal(b.state, BFD_INIT);
	listen_in_vain(now + 30 * MS);
	assert_int_equal(b.state, BFD_DOWN);
	assert_int_equal(b.diag, BFD_DIAG_EXPIRED);
}

static void test_it_comes_back(void **state)
{
	(void)state;
	come_up();
	assert_int_equal(listen_in_vain(now + S), BFD_WENT_DOWN);
	due();
	hear_state(BFD_DOWN);
	assert_int_equal(hear_state(BFD_INIT), BFD_WENT_UP);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(test_##name, setup)
	const struct CMUnitTest tests[] = {
		T(transitions),
		T(three_packets_bring_it_up),
		T(slow_unless_up),
		T(the_slower_of_both_holds),
		T(wider_intervals_wait_for_the_poll),
		T(narrower_intervals_hold_at_once),
		T(a_change_during_a_poll_needs_another),
		T(the_same_settings_change_nothing),
		T(a_poll_is_answered_at_once),
		T(poll_and_final_are_never_both),
		T(jitter),
		T(no_packets_by_the_clock_if_none_are_wanted),
		T(demand_mode_of_the_host),
		T(a_faster_host_does_not_wait),
		T(down_after_the_detection_time),
		T(init_expires_too),
		T(it_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
