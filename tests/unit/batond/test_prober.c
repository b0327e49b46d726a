// SPDX-License-Identifier: GPL-2.0-only
/* The prober's thread: hosts that come, go, and say something. */
#include "probed.h"

static void test_up_and_down_and_up(void **state)
{
	struct change c;
	uint64_t silent_since;

	(void)state;
	probe_it(&a);
	probe_it(&b);
	until(nr_of(1, PROBER_UP) == 1 && nr_of(2, PROBER_UP) == 1);

	silent_since = clock_ns();
	host_be(&a, true, BATON_WORD_UP);
	until(nr_of(1, PROBER_DOWN) == 1);
	c = last_of(1, PROBER_DOWN);
	assert_true(c.silent >= profile.interval * profile.multiplier);
	assert_true(c.at - silent_since < PATIENCE);
	prober_lock(p);
	assert_int_equal(p->target[1].detect.state, DETECT_DOWN);
	assert_int_equal(p->target[2].detect.state, DETECT_UP);
	assert_int_equal(nr_of(2, PROBER_DOWN), 0);
	prober_unlock(p);

	host_be(&a, false, BATON_WORD_UP);
	until(nr_of(1, PROBER_UP) == 2);
}

static void test_ipv6(void **state)
{
	struct host six;

	(void)state;
	host_start(&six, 3, "::1");
	probe_it(&six);
	until(nr_of(3, PROBER_UP) == 1);
	host_be(&six, true, BATON_WORD_UP);
	until(nr_of(3, PROBER_DOWN) == 1);
	host_stop(&six);
}

static void test_a_host_that_never_speaks(void **state)
{
	(void)state;
	host_be(&a, true, BATON_WORD_UP);
	probe_it(&a);
	until(nr_of(1, PROBER_DOWN) == 1);
}

/* While it may still be starting, it is not declared dead. */
static void test_grace(void **state)
{
	const uint64_t grace = 300 * MS;
	uint64_t before = clock_ns();

	(void)state;
	prober_lock(p);
	p->grace_until = before + grace;
	prober_unlock(p);
	host_be(&a, true, BATON_WORD_UP);
	probe_it(&a);
	until(nr_of(1, PROBER_DOWN) == 1);
	assert_true(last_of(1, PROBER_DOWN).at >= before + grace);
}

static void test_words(void **state)
{
	(void)state;
	probe_it(&a);
	until(nr_of(1, PROBER_UP) == 1);
	assert_int_equal(nr_of(1, PROBER_WORD), 0);
	host_be(&a, false, BATON_WORD_DRAINING);
	until(nr_of(1, PROBER_WORD) == 1);
	assert_int_equal(last_of(1, PROBER_WORD).word, BATON_WORD_DRAINING);
	host_be(&a, false, BATON_WORD_LEAVING);
	until(nr_of(1, PROBER_WORD) == 2);
	host_be(&a, false, BATON_WORD_UP);
	until(nr_of(1, PROBER_WORD) == 3);
	assert_int_equal(last_of(1, PROBER_WORD).word, BATON_WORD_UP);
}

/* What it says is known before it counts as up. */
static void test_a_host_that_comes_up_to_leave(void **state)
{
	(void)state;
	host_be(&a, false, BATON_WORD_LEAVING);
	probe_it(&a);
	until(nr_of(1, PROBER_UP) == 1);
	assert_int_equal(changes[0].what, PROBER_WORD);
	assert_int_equal(changes[1].what, PROBER_UP);
	assert_int_equal(changes[1].word, BATON_WORD_LEAVING);
}

/* No probe leaves, as there is no way to the host: it is given up. */
static void test_no_route(void **state)
{
	struct host far = { .id = 3 };

	(void)state;
	must(!addr_parse(&far.address, "192.0.2.1"));
	probe_it(&far);
	until(nr_of(3, PROBER_DOWN) == 1);
	prober_lock(p);
	assert_true(p->target[3].unsent >= 3);
	prober_unlock(p);
}

/* No probe leaves for another reason: that says nothing about the host. */
static void test_not_sent(void **state)
{
	struct host everybody = { .id = 3 };

	(void)state;
	/* A broadcast address takes leave to send to, which nobody asked for. */
	must(!addr_parse(&everybody.address, "127.255.255.255"));
	probe_it(&everybody);
	until(p->target[3].unsent >= 20);
	prober_lock(p);
	assert_int_equal(p->target[3].detect.state, DETECT_UNKNOWN);
	assert_int_equal(p->target[3].detect.probes, 0);
	prober_unlock(p);
}

static void test_a_host_that_is_not_probed_any_more(void **state)
{
	uint64_t asked;

	(void)state;
	probe_it(&a);
	probe_it(&b);
	until(nr_of(1, PROBER_UP) == 1);
	host_be(&a, true, BATON_WORD_LEAVING);
	prober_lock(p);
	prober_clear(p, 1);
	assert_int_equal(p->target[1].word, BATON_WORD_UP);
	prober_unlock(p);
	until(p->target[2].detect.probes >= 5);
	asked = host_now(&a).asked;
	until(p->target[2].detect.probes >= 15);
	assert_int_equal(host_now(&a).asked, asked);
	prober_lock(p);
	assert_int_equal(nr_of(1, PROBER_DOWN), 0);
	prober_unlock(p);
}

/* What was answered under one profile cannot be answered again under another,
 * although the session is the same. */
static void test_another_profile(void **state)
{
	const struct detect_profile slower = { .interval = 30 * MS,
					       .multiplier = 3,
					       .up_after = 1 };
	uint64_t sequence;

	(void)state;
	probe_it(&a);
	until(p->target[1].detect.answers >= 10);
	prober_lock(p);
	sequence = p->target[1].detect.sequence;
	prober_set(p, 1, &a.address, &profile); /* the same: no change */
	assert_true(p->target[1].detect.answers >= 10);
	prober_set(p, 1, &a.address, &slower);
	assert_int_equal(p->target[1].detect.answers, 0);
	assert_int_equal(p->target[1].detect.sequence, sequence);
	for (uint64_t s = 0; s <= sequence; s++)
		detect_answer(&p->target[1].detect, s, clock_ns());
	assert_int_equal(p->target[1].detect.answers, 0);
	assert_int_equal(p->target[1].detect.state, DETECT_UNKNOWN);
	prober_unlock(p);
	until(nr_of(1, PROBER_UP) == 2);
}

static void test_ticks(void **state)
{
	uint64_t before;

	(void)state;
	prober_lock(p);
	before = ticks;
	prober_unlock(p);
	/* with nobody to probe */
	until(ticks >= before + 5);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_up_and_down_and_up),
		TEST(test_ipv6),
		TEST(test_a_host_that_never_speaks),
		TEST(test_grace),
		TEST(test_words),
		TEST(test_a_host_that_comes_up_to_leave),
		TEST(test_no_route),
		TEST(test_not_sent),
		TEST(test_a_host_that_is_not_probed_any_more),
		TEST(test_another_profile),
		TEST(test_ticks),
	};
#undef TEST

	must(sodium_init() >= 0);
	fixture_own_network();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
