// SPDX-License-Identifier: GPL-2.0-only
/* Is the host dead? What BFD says, and whose fault that is. */
#include "bfd_peer.h"

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
		T(a_pause_here_accuses_nobody), T(a_late_check_is_one_interval),
		T(a_packet_read_late_counts),	T(the_host_says_down),
		T(our_own_fault_is_no_death),	T(our_own_fault_is_remembered),
		T(our_own_fault_unheard),	T(an_excuse_ends),
		T(admin_down_is_no_death),	T(up_after_admin_down),
		T(admin_down_of_the_dead),	T(never_heard),
		T(admin_down_of_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
