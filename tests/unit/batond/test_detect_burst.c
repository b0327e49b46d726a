// SPDX-License-Identifier: GPL-2.0-only
/* Bursts upon hints, the lease, and which rule condemned a host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "batond/detect.h"

#define US 1000ULL
#define MS (1000 * US)
#define START (1000 * MS)
#define PACE (1250 * US) /* of a burst: an eighth of the profile's */
#define BURST 6 /* probes: twice the multiplier */

static const struct detect_profile profile = { 10 * MS, 3, 2 };
static struct detect d;

static uint64_t probe(uint64_t now)
{
	uint64_t sequence = detect_due(&d, now);

	assert_int_not_equal(sequence, 0);
	detect_sent(&d, sequence, now);
	return sequence;
}

/* A host that is up, whose last answer came at -4.5 ms, after a round trip of
 * half a millisecond; a probe is due at 5 ms. */
static int setup(void **state)
{
	(void)state;
	detect_init(&d, &profile, START - 15 * MS);
	detect_answer(&d, probe(START - 15 * MS), START - 14500 * US);
	detect_answer(&d, probe(START - 5 * MS), START - 4500 * US);
	assert_int_equal(d.state, DETECT_UP);
	return 0;
}

/* `n` probes, each as soon as it is due, the first at `now`. When the next one
 * is due. */
static uint64_t probe_on(uint64_t now, int n)
{
	for (int i = 0; i < n; i++) {
		probe(now);
		now = d.next_probe;
	}
	return now;
}

static void test_a_dead_host(void **state)
{
	uint64_t last = START + (BURST - 1) * PACE;
	uint64_t at = last + 4 * 500 * US; /* round trips */

	(void)state;
	assert_true(detect_burst(&d, START));
	assert_int_equal(probe_on(START, BURST - 1), last);
	/* after the last of them the pace is the profile's again */
	assert_int_equal(probe_on(last, 1), last + 10 * MS);
	assert_int_equal(detect_deadline(&d), at);
	assert_int_equal(detect_check(&d, at - 1), DETECT_SAME);
	assert_int_equal(detect_check(&d, at), DETECT_WENT_DOWN);
	assert_int_equal(d.rule, DETECT_BY_BURST);
}

/* The ablation: without a hint it takes three times as long. */
static void test_without_a_hint(void **state)
{
	(void)state;
	probe_on(START + 5 * MS, 3);
	assert_int_equal(detect_check(&d, START + 30 * MS - 1), DETECT_SAME);
	assert_int_equal(detect_check(&d, START + 30 * MS), DETECT_WENT_DOWN);
	assert_int_equal(d.rule, DETECT_BY_UNANSWERED);
}

/* With a short round trip, half an interval of the burst is what counts. */
static void test_a_near_host(void **state)
{
	uint64_t last = START + (BURST - 1) * PACE;

	(void)state;
	d.rtt_smooth = 20 * US;
	detect_burst(&d, START);
	probe_on(START, BURST);
	assert_int_equal(detect_deadline(&d), last + PACE / 2);
}

/* Over a long way an answer has its time, and the profile's rule is sooner. */
static void test_a_far_host(void **state)
{
	(void)state;
	d.rtt_smooth = 8 * MS;
	detect_burst(&d, START);
	probe_on(START, BURST);
	assert_int_equal(detect_check(&d, START + 9 * MS), DETECT_SAME);
	assert_int_equal(detect_check(&d, START + 25500 * US),
			 DETECT_WENT_DOWN);
	assert_int_equal(d.rule, DETECT_BY_UNANSWERED);
}

static void test_one_answer_ends_it(void **state)
{
	uint64_t now;

	(void)state;
	detect_burst(&d, START);
	now = probe_on(START, BURST - 1);
	detect_answer(&d, probe(now), now + 500 * US);
	assert_int_equal(d.burst, 0);
	assert_int_equal(d.next_probe, now + 500 * US + 10 * MS);
	assert_int_equal(detect_check(&d, now + 9 * MS), DETECT_SAME);
	assert_int_equal(d.state, DETECT_UP);
}

/* One to a probe of before says that the host lived then, not that it lives. */
static void test_an_answer_from_before_the_hint(void **state)
{
	uint64_t before = probe(START + 5 * MS), now = START + 6 * MS;

	(void)state;
	detect_burst(&d, now);
	probe_on(now, 2);
	detect_answer(&d, before, now + 2 * MS);
	d.rtt_smooth = 20 * US;
	assert_int_not_equal(d.burst, 0);
	probe_on(d.next_probe, BURST - 2);
	/* but its age counts */
	assert_int_equal(detect_check(&d, now + 2 * MS + BURST * PACE - 1),
			 DETECT_SAME);
	assert_int_equal(detect_check(&d, now + 2 * MS + BURST * PACE),
			 DETECT_WENT_DOWN);
}

static void test_too_few_are_no_evidence(void **state)
{
	(void)state;
	detect_burst(&d, START);
	probe_on(START, BURST - 1);
	assert_int_equal(detect_check(&d, START + 9 * MS), DETECT_SAME);
	assert_int_equal(d.state, DETECT_UP);
}

/* What could not be sent says nothing, and the pace is no faster for it. */
static void test_not_sent(void **state)
{
	uint64_t now = START;

	(void)state;
	detect_burst(&d, START);
	for (int i = 0; i < 100; i++, now = d.next_probe)
		detect_not_sent(&d, now);
	assert_true(now >= START + 99 * 10 * MS);
	assert_int_equal(detect_check(&d, now), DETECT_SAME);
}

/* A prober that was kept from a probe, or from the verdict, starts anew. */
static void test_a_late_probe_ends_it(void **state)
{
	uint64_t now;

	(void)state;
	detect_burst(&d, START);
	now = probe_on(START, BURST - 2) + PACE;
	probe_on(now, 2);
	assert_int_equal(d.burst, 0);
	assert_int_equal(detect_check(&d, now + 4 * MS), DETECT_SAME);
	assert_int_equal(d.state, DETECT_UP);
}

static void test_a_late_verdict_is_none(void **state)
{
	uint64_t at;

	(void)state;
	detect_burst(&d, START);
	probe_on(START, BURST);
	at = detect_deadline(&d);
	assert_int_equal(detect_check(&d, at + PACE), DETECT_SAME);
	assert_int_equal(d.state, DETECT_UP);
	assert_int_equal(d.burst, 0);
}

static void test_only_for_hosts_that_are_up(void **state)
{
	static const enum detect_state states[] = { DETECT_UNKNOWN,
						    DETECT_DOWN };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		d.state = states[i];
		assert_false(detect_burst(&d, START));
		assert_int_equal(detect_due(&d, START), 0);
	}
}

/* A profile that is as fast as bursts are has none. */
static void test_not_for_fast_profiles(void **state)
{
	static const struct detect_profile fast = { 2 * MS, 3, 1 };

	(void)state;
	detect_init(&d, &fast, START);
	detect_answer(&d, probe(START), START + 1);
	assert_false(detect_burst(&d, START + 1));
	assert_int_equal(d.bursts, 0);
}

/* Someone who forges hints without end adds a quarter to the probes. */
static void test_hints_are_limited(void **state)
{
	uint64_t end = START + 10000 * MS, before = d.probes;

	(void)state;
	for (uint64_t now = START; now < end; now += 100 * US) {
		detect_burst(&d, now);
		if (detect_due(&d, now)) {
			uint64_t n = probe(now);

			/* all but the last of a burst are lost */
			if (!d.burst || n == d.burst + BURST - 1)
				detect_answer(&d, n, now + 50 * US);
		}
		assert_int_equal(detect_check(&d, now), DETECT_SAME);
	}
	assert_true(d.bursts > 10);
	assert_in_range(d.probes - before, 1000, 1000 * 5 / 4 + BURST);
}

static void test_after_a_burst_all_is_as_before(void **state)
{
	(void)state;
	test_one_answer_ends_it(state);
	assert_false(detect_burst(&d, START + 20 * MS)); /* too soon */
	assert_int_equal(probe_on(d.next_probe, 3),
			 START + 5 * PACE + 500 * US + 40 * MS);
	assert_int_equal(detect_check(&d, d.next_probe - 5 * MS - 1),
			 DETECT_SAME);
	assert_int_equal(detect_check(&d, d.next_probe - 5 * MS),
			 DETECT_WENT_DOWN);
	assert_int_equal(d.rule, DETECT_BY_UNANSWERED);
}

static void test_always_late(void **state)
{
	uint64_t now = START + 5 * MS;

	(void)state;
	for (unsigned int i = 0; i < 4 * profile.multiplier; i++) {
		probe(now);
		now += 25 * MS;
	}
	assert_int_equal(detect_check(&d, now), DETECT_WENT_DOWN);
	assert_int_equal(d.rule, DETECT_BY_LATE);
}

/* --- the lease ---------------------------------------------------------------- */

/* It ends before the host can be declared dead, and lasts longer than the way
 * from one probe to the next, or hosts would fall silent for nothing. */
static void test_lease(void **state)
{
	static const struct {
		struct detect_profile profile;
		uint32_t us;
	} table[] = {
		{ { 10 * MS, 3, 10 }, 27000 },
		{ { 3300 * US, 3, 10 }, 8910 },
		{ { 50 * MS, 3, 10 }, 135000 },
		{ { 100 * US, 2, 1 }, 180 },
		{ { 60000 * MS, 15, 1 }, 810000000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct detect_profile *p = &table[i].profile;

		assert_int_equal(detect_lease_us(p), table[i].us);
		assert_true(table[i].us * US < p->interval * p->multiplier);
		assert_true(table[i].us * US > p->interval);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		TEST(test_a_dead_host),
		TEST(test_without_a_hint),
		TEST(test_a_near_host),
		TEST(test_a_far_host),
		TEST(test_one_answer_ends_it),
		TEST(test_an_answer_from_before_the_hint),
		TEST(test_too_few_are_no_evidence),
		TEST(test_not_sent),
		TEST(test_a_late_probe_ends_it),
		TEST(test_a_late_verdict_is_none),
		TEST(test_only_for_hosts_that_are_up),
		TEST(test_not_for_fast_profiles),
		TEST(test_hints_are_limited),
		TEST(test_after_a_burst_all_is_as_before),
		TEST(test_always_late),
		TEST(test_lease),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
