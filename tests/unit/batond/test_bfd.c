// SPDX-License-Identifier: GPL-2.0-only
/* A BFD session, rule by rule of RFC 5880 section 6.8. */
#include "bfd_peer.h"

/* The next one by the clock. */
static struct bfd_packet turn(void)
{
	now = b.next_tx;
	return due();
}

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

/* Nothing is heard; check like a driver that is never late, up to `until`. */
static enum bfd_change listen_in_vain(uint64_t until)
{
	struct bfd_packet p;

	while (now < until) {
		uint64_t next = bfd_deadline(&b);
		enum bfd_change change;

		now = next > now ? next : now;
		now = now < until ? now : until;
		change = bfd_check(&b, now);
		if (change)
			return change;
		if (bfd_transmit(&b, now, 0, &p))
			bfd_sent(&b, now);
	}
	return BFD_SAME;
}

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

/* --- is the host dead? --------------------------------------------------------- */

/* A check after a pause is a quarter of an interval of silence, no more. */
static void test_a_pause_here_accuses_nobody(void **state)
{
	(void)state;
	come_up();
	now += 10 * S;
	assert_int_equal(bfd_check(&b, now), BFD_SAME);
	now += 10 * S;
	assert_int_equal(bfd_check(&b, now), BFD_SAME);
	hear_state(BFD_UP);
	assert_int_equal(b.state, BFD_UP);
	/* Always late is slow, not blind. */
	for (int i = 1; i < 4 * 3; i++) {
		now += 10 * S;
		assert_int_equal(bfd_check(&b, now), BFD_SAME);
	}
	now += 10 * S;
	assert_int_equal(bfd_check(&b, now), BFD_WENT_DOWN);
}

/* One that is a little late counts as if it were not. */
static void test_a_late_check_is_one_interval(void **state)
{
	(void)state;
	come_up();
	for (int i = 1; i < 3; i++)
		assert_int_equal(bfd_check(&b, now += 20 * MS), BFD_SAME);
	assert_int_equal(bfd_check(&b, now += 20 * MS), BFD_WENT_DOWN);
}

static void test_a_packet_read_late_counts(void **state)
{
	uint64_t before;

	(void)state;
	come_up();
	now += 25 * MS;
	assert_int_equal(bfd_check(&b, now), BFD_SAME);
	before = now + 30 * MS;
	now = before + MS; /* it takes a while to read */
	hear_state(BFD_UP);
	assert_int_equal(bfd_check(&b, before), BFD_SAME);
	assert_int_equal(listen_in_vain(now + 30 * MS - 1), BFD_SAME);
}

static void test_the_host_says_down(void **state)
{
	struct bfd_packet p = says(BFD_DOWN);
	enum bfd_change change;

	(void)state;
	come_up();
	p.diag = BFD_DIAG_EXPIRED;
	hear(p, &change);
	assert_int_equal(b.state, BFD_DOWN);
	assert_int_equal(b.diag, BFD_DIAG_SIGNALED_DOWN);
	assert_int_equal(bfd_check(&b, now), BFD_WENT_DOWN);
}

/* It did not hear us, and no wonder. */
static void test_our_own_fault_is_no_death(void **state)
{
	struct bfd_packet p = says(BFD_DOWN);
	enum bfd_change change;

	(void)state;
	come_up();
	turn();
	now += 40 * MS;
	p.diag = BFD_DIAG_EXPIRED;
	p.min_tx = 1000000;
	hear(p, &change);
	assert_int_equal(b.state, BFD_DOWN);
	assert_int_equal(bfd_check(&b, now), BFD_SAME);
	due();
	hear_state(BFD_INIT);
	assert_int_equal(b.state, BFD_UP);
	assert_int_equal(b.verdict, BFD_ALIVE);
}

/* The same, told just after the packet that was late. */
static void test_our_own_fault_is_remembered(void **state)
{
	struct bfd_packet p = says(BFD_DOWN);
	enum bfd_change change;

	(void)state;
	come_up();
	turn();
	now += 40 * MS;
	due();
	now += MS;
	p.diag = BFD_DIAG_EXPIRED;
	hear(p, &change);
	assert_int_equal(bfd_check(&b, now), BFD_SAME);
}

/* It said so while we were away. */
static void test_our_own_fault_unheard(void **state)
{
	uint64_t heard;

	(void)state;
	come_up();
	turn();
	now += 40 * MS;
	heard = b.heard;
	bfd_check(&b, now);
	due();
	assert_int_equal(listen_in_vain(now + S), BFD_SAME);
	assert_int_equal(b.state, BFD_DOWN);
	assert_int_equal(b.diag, BFD_DIAG_EXPIRED);
	assert_int_equal(listen_in_vain(now + 4 * S), BFD_WENT_DOWN);
	assert_in_range(now - heard, 3 * S, 3 * S + 100 * MS);

	/* What is heard after that shows that it had not ended. */
	begin(&plain);
	come_up();
	turn();
	now += 40 * MS;
	due();
	now += MS;
	hear_state(BFD_UP);
	assert_int_equal(listen_in_vain(now + 30 * MS), BFD_WENT_DOWN);
}

/* It is no licence: silent again, or without a session for long, it is dead. */
static void test_an_excuse_ends(void **state)
{
	struct bfd_packet p = says(BFD_DOWN);
	enum bfd_change change;
	uint64_t began;

	(void)state;
	come_up();
	turn();
	now += 40 * MS;
	p.diag = BFD_DIAG_EXPIRED;
	p.min_tx = 1000000;
	hear(p, &change);
	began = now;
	assert_int_equal(listen_in_vain(began + 3 * S - 1), BFD_SAME);
	assert_int_equal(listen_in_vain(began + 3 * S), BFD_WENT_DOWN);

	begin(&plain);
	come_up();
	turn();
	now += 40 * MS;
	began = now;
	for (change = BFD_SAME; change == BFD_SAME; now += 100 * MS) {
		enum bfd_change ignored;

		hear(p, &ignored);
		change = bfd_check(&b, now);
		assert_true(now < began + 10 * S);
	}
	assert_int_equal(change, BFD_WENT_DOWN);
	assert_in_range(now - began, 6 * S, 6 * S + 100 * MS);
}

static void test_admin_down_is_no_death(void **state)
{
	struct bfd_packet p = says(BFD_ADMIN_DOWN);
	enum bfd_change change;

	(void)state;
	come_up();
	hear(p, &change);
	assert_int_equal(b.state, BFD_DOWN);
	assert_int_equal(b.diag, BFD_DIAG_SIGNALED_DOWN);
	/* It need not say so again. */
	assert_int_equal(listen_in_vain(now + 1000 * S), BFD_SAME);
	assert_int_equal(b.verdict, BFD_ALIVE);
	/* Once it says something else it is watched: it must come up. */
	hear_state(BFD_DOWN);
	assert_int_equal(listen_in_vain(now + 30 * MS), BFD_WENT_DOWN);
}

static void test_up_after_admin_down(void **state)
{
	struct bfd_packet p = says(BFD_ADMIN_DOWN);
	enum bfd_change change;

	(void)state;
	come_up();
	hear(p, &change);
	listen_in_vain(now + 1000 * S);
	p = says(BFD_DOWN);
	p.min_tx = 1000000;
	hear(p, &change);
	assert_int_equal(listen_in_vain(now + S), BFD_SAME);
	assert_int_equal(hear_state(BFD_INIT), BFD_SAME);
	assert_int_equal(b.state, BFD_UP);
	assert_int_equal(listen_in_vain(now + 30 * MS), BFD_WENT_DOWN);
}

/* Dead is dead. */
static void test_admin_down_of_the_dead(void **state)
{
	(void)state;
	come_up();
	assert_int_equal(listen_in_vain(now + S), BFD_WENT_DOWN);
	hear_state(BFD_ADMIN_DOWN);
	assert_int_equal(b.verdict, BFD_DEAD);
}

static void test_never_heard(void **state)
{
	(void)state;
	assert_int_equal(listen_in_vain(START + 6 * S - 1), BFD_SAME);
	assert_int_equal(b.verdict, BFD_UNKNOWN);
	assert_int_equal(listen_in_vain(START + 6 * S), BFD_WENT_DOWN);

	now = START;
	bfd_init(&b, &plain, OURS, 0, now, START + 20 * S);
	assert_int_equal(listen_in_vain(START + 20 * S - 1), BFD_SAME);
	assert_int_equal(listen_in_vain(START + 20 * S), BFD_WENT_DOWN);
}

static void test_admin_down_of_ours(void **state)
{
	struct bfd_packet p;

	(void)state;
	come_up();
	bfd_admin_down(&b, now);
	p = due();
	assert_int_equal(p.state, BFD_ADMIN_DOWN);
	assert_int_equal(p.diag, BFD_DIAG_ADMIN_DOWN);
	assert_int_equal(p.min_tx, 1000000);
	now += S;
	assert_int_equal(due().state, BFD_ADMIN_DOWN);
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
		T(a_pause_here_accuses_nobody),
		T(a_late_check_is_one_interval),
		T(a_packet_read_late_counts),
		T(the_host_says_down),
		T(our_own_fault_is_no_death),
		T(our_own_fault_is_remembered),
		T(our_own_fault_unheard),
		T(an_excuse_ends),
		T(admin_down_is_no_death),
		T(up_after_admin_down),
		T(admin_down_of_the_dead),
		T(never_heard),
		T(admin_down_of_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
