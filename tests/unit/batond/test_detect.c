// SPDX-License-Identifier: GPL-2.0-only
/* The rules of detection, one by one, on a clock that the test moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "batond/detect.h"

#define MS 1000000ULL

static const struct detect_profile profile = { 10 * MS, 3, 2 };
static struct detect d;

/* Send the probe that is due at `now`; its sequence. */
static uint64_t probe(uint64_t now)
{
	uint64_t sequence = detect_due(&d, now);

	assert_int_not_equal(sequence, 0);
	detect_sent(&d, sequence, now);
	return sequence;
}

static void answered_probe(uint64_t now)
{
	detect_answer(&d, probe(now), now + MS);
}

/* A host that is up; its last answer came at -9 ms, a probe is due at 0. */
#define START (1000 * MS)
static int setup(void **state)
{
	(void)state;
	detect_init(&d, &profile, START - 20 * MS);
	answered_probe(START - 20 * MS);
	answered_probe(START - 10 * MS);
	assert_int_equal(d.state, DETECT_UP);
	return 0;
}

/* Is a host down at `now` and was not a nanosecond earlier? */
static void assert_down_at(uint64_t now)
{
	assert_int_equal(detect_check(&d, now - 1), DETECT_SAME);
	assert_int_equal(detect_deadline(&d) > now - 1, 1);
	assert_int_equal(detect_check(&d, now), DETECT_WENT_DOWN);
	assert_int_equal(d.state, DETECT_DOWN);
	assert_int_equal(detect_check(&d, now), DETECT_SAME);
}

static void test_down_after_three_unanswered(void **state)
{
	(void)state;
	probe(START);
	probe(START + 10 * MS);
	assert_int_equal(detect_deadline(&d), START + 20 * MS);
	probe(START + 20 * MS);
	assert_int_equal(detect_deadline(&d), START + 25 * MS);
	assert_down_at(START + 25 * MS);
}

/* With a long round trip the age of the last answer is what comes last. */
static void test_age_counts_too(void **state)
{
	uint64_t sequence = probe(START);

	(void)state;
	assert_int_equal(detect_answer(&d, sequence, START + 9 * MS),
			 DETECT_SAME);
	probe(START + 10 * MS);
	probe(START + 20 * MS);
	probe(START + 30 * MS);
	assert_down_at(START + 39 * MS);
}

static void test_two_unanswered_are_too_few(void **state)
{
	(void)state;
	probe(START);
	probe(START + 10 * MS);
	assert_int_equal(detect_check(&d, START + 29 * MS), DETECT_SAME);
	/* in time for the third, which is answered */
	detect_answer(&d, probe(START + 29 * MS), START + 30 * MS);
	assert_int_equal(detect_check(&d, START + 34 * MS), DETECT_SAME);
	assert_int_equal(d.unanswered, 0);
}

static void test_not_sent_never_accuses(void **state)
{
	uint64_t now = START;

	(void)state;
	for (int i = 0; i < 1000; i++, now += 10 * MS) {
		assert_int_equal(detect_due(&d, now), 3);
		detect_not_sent(&d, now);
		assert_int_equal(detect_deadline(&d), now + 10 * MS);
		assert_int_equal(detect_check(&d, now + 5 * MS), DETECT_SAME);
	}
	/* the next ones count as ever */
	probe(now);
	probe(now + 10 * MS);
	probe(now + 20 * MS);
	assert_down_at(now + 25 * MS);
}

/* After a stall it takes as many probes as if nothing had been sent before. */
static void test_stall_starts_anew(void **state)
{
	uint64_t back = START + 120 * MS;

	(void)state;
	probe(START);
	probe(START + 10 * MS);
	probe(START + 20 * MS);
	assert_int_equal(detect_check(&d, back), DETECT_SAME);
	probe(back);
	assert_int_equal(detect_check(&d, back + 9 * MS), DETECT_SAME);
	probe(back + 10 * MS);
	assert_int_equal(detect_check(&d, back + 19 * MS), DETECT_SAME);
	probe(back + 20 * MS);
	assert_down_at(back + 25 * MS);
}

static void test_stall_counts_though_sending_failed(void **state)
{
	uint64_t back = START + 120 * MS;

	(void)state;
	probe(START);
	probe(START + 10 * MS);
	probe(START + 20 * MS);
	detect_not_sent(&d, back);
	assert_int_equal(detect_check(&d, back + 5 * MS), DETECT_SAME);
}

/* A prober that is late by an interval each time is slow, but not blind. */
static void test_always_late_is_not_blind(void **state)
{
	const unsigned int most = 4 * profile.multiplier;
	uint64_t now = START;

	(void)state;
	for (unsigned int i = 0; i < most; i++, now += 25 * MS) {
		assert_int_equal(detect_check(&d, now), DETECT_SAME);
		probe(now);
		assert_int_equal(detect_check(&d, now), DETECT_SAME);
	}
	probe(now); /* which must not put the verdict off */
	assert_int_equal(detect_check(&d, now), DETECT_WENT_DOWN);
}

/* The same for one that is late by less, and sends before it checks. */
static void test_a_little_late_is_not_blind(void **state)
{
	uint64_t now = START;

	(void)state;
	for (int i = 0; i < 3; i++, now += 12 * MS) {
		probe(now);
		assert_int_equal(detect_check(&d, now), DETECT_SAME);
	}
	probe(now);
	assert_int_equal(detect_check(&d, now), DETECT_WENT_DOWN);
}

static void test_missed_probes_are_not_caught_up(void **state)
{
	(void)state;
	/* a little late: the pace is kept */
	probe(START + 4 * MS);
	assert_int_equal(detect_due(&d, START + 10 * MS - 1), 0);
	probe(START + 10 * MS);
	/* very late: one probe, and a new pace */
	probe(START + 77 * MS);
	assert_int_equal(detect_due(&d, START + 87 * MS - 1), 0);
	probe(START + 87 * MS);
}

static void test_out_of_order_answers_are_late(void **state)
{
	uint64_t first = probe(START), second = probe(START + 10 * MS);

	(void)state;
	detect_answer(&d, second, START + 11 * MS);
	assert_int_equal(d.late, 0);
	assert_int_equal(detect_answer(&d, first, START + 12 * MS),
			 DETECT_SAME);
	assert_int_equal(d.late, 1);
	assert_int_equal(d.bogus, 0);
	assert_int_equal(d.answered, second);
	assert_int_equal(d.last_answer, START + 12 * MS);
	assert_int_equal(d.unanswered, 0);
}

/* Neither a repeated answer nor an invented one is a sign of life. */
static void test_bogus_answers_do_not_count(void **state)
{
	uint64_t answered = d.sequence, next = answered + 1;
	const uint64_t bogus[] = { answered, answered - 1, 0, next + 3,
				   UINT64_MAX };
	uint64_t now = START;
	unsigned int n = 0;

	(void)state;
	for (int i = 0; i < 3; i++, now += 10 * MS) {
		probe(now);
		for (int j = 0; j < 5; j++, n++)
			assert_int_equal(detect_answer(&d, bogus[j], now + MS),
					 DETECT_SAME);
	}
	assert_int_equal(d.bogus, n);
	assert_int_equal(d.answers, 2);
	assert_down_at(START + 25 * MS);
}

static void test_answers_older_than_the_window_are_bogus(void **state)
{
	uint64_t first = d.sequence + 1, now = START;

	(void)state;
	for (int i = 0; i <= DETECT_WINDOW; i++, now += 10 * MS)
		probe(now);
	detect_answer(&d, first, now);
	assert_int_equal(d.bogus, 1);
	detect_answer(&d, first + 1, now);
	assert_int_equal(d.bogus, 1);
	assert_int_equal(d.answers, 3);
}

static void go_down(void)
{
	probe(START);
	probe(START + 10 * MS);
	probe(START + 20 * MS);
	assert_down_at(START + 25 * MS);
}

static void test_up_again_after_answers_in_a_row(void **state)
{
	uint64_t n;

	(void)state;
	go_down();
	n = probe(START + 30 * MS);
	assert_int_equal(detect_answer(&d, n, START + 31 * MS), DETECT_SAME);
	probe(START + 40 * MS); /* no answer: the row is broken */
	n = probe(START + 50 * MS);
	assert_int_equal(detect_answer(&d, n, START + 51 * MS), DETECT_SAME);
	assert_int_equal(d.state, DETECT_DOWN);
	n = probe(START + 60 * MS);
	assert_int_equal(detect_answer(&d, n, START + 61 * MS), DETECT_WENT_UP);
	assert_int_equal(d.state, DETECT_UP);
	/* and the next death is found as the first was */
	probe(START + 70 * MS);
	probe(START + 80 * MS);
	probe(START + 90 * MS);
	assert_down_at(START + 95 * MS);
}

/* In a row means of successive probes, however long the round trip. */
static void test_up_again_over_a_long_way(void **state)
{
	uint64_t a, b;

	(void)state;
	go_down();
	a = probe(START + 30 * MS);
	b = probe(START + 40 * MS);
	probe(START + 50 * MS);
	assert_int_equal(detect_answer(&d, a, START + 55 * MS), DETECT_SAME);
	assert_int_equal(detect_answer(&d, b, START + 65 * MS), DETECT_WENT_UP);
}

static void test_unknown(void **state)
{
	(void)state;
	detect_init(&d, &profile, START);
	assert_int_equal(d.state, DETECT_UNKNOWN);
	assert_int_equal(detect_deadline(&d), START);
	assert_int_equal(detect_answer(&d, 0, START), DETECT_SAME);
	assert_int_equal(detect_answer(&d, 1, START), DETECT_SAME);
	assert_int_equal(d.bogus, 2);
	assert_int_equal(detect_answer(&d, probe(START), START + MS),
			 DETECT_SAME);
	assert_int_equal(d.state, DETECT_UNKNOWN);
	assert_int_equal(detect_answer(&d, probe(START + 10 * MS),
				       START + 11 * MS),
			 DETECT_WENT_UP);

	/* never a word: down, counted from the start */
	detect_init(&d, &profile, START);
	probe(START);
	probe(START + 10 * MS);
	probe(START + 20 * MS);
	assert_down_at(START + 30 * MS);
}

/* What each event makes of each state; the rest of the state is `given`. */
static void test_transitions(void **state)
{
	enum event { ANSWER, LAST_IN_ROW, BOGUS, SILENCE };
	static const struct {
		enum detect_state from;
		enum event event;
		enum detect_state to;
		enum detect_change change;
	} table[] = {
		{ DETECT_UNKNOWN, ANSWER, DETECT_UNKNOWN, DETECT_SAME },
		{ DETECT_UNKNOWN, LAST_IN_ROW, DETECT_UP, DETECT_WENT_UP },
		{ DETECT_UNKNOWN, BOGUS, DETECT_UNKNOWN, DETECT_SAME },
		{ DETECT_UNKNOWN, SILENCE, DETECT_DOWN, DETECT_WENT_DOWN },
		{ DETECT_UP, ANSWER, DETECT_UP, DETECT_SAME },
		{ DETECT_UP, LAST_IN_ROW, DETECT_UP, DETECT_SAME },
		{ DETECT_UP, BOGUS, DETECT_UP, DETECT_SAME },
		{ DETECT_UP, SILENCE, DETECT_DOWN, DETECT_WENT_DOWN },
		{ DETECT_DOWN, ANSWER, DETECT_DOWN, DETECT_SAME },
		{ DETECT_DOWN, LAST_IN_ROW, DETECT_UP, DETECT_WENT_UP },
		{ DETECT_DOWN, BOGUS, DETECT_DOWN, DETECT_SAME },
		{ DETECT_DOWN, SILENCE, DETECT_DOWN, DETECT_SAME },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		enum detect_change change;

		detect_init(&d, &profile, START);
		d.state = table[i].from;
		probe(START);
		probe(START + 10 * MS);
		probe(START + 20 * MS);
		switch (table[i].event) {
		case LAST_IN_ROW:
			detect_answer(&d, 1, START + 21 * MS);
			/* fall through */
		case ANSWER:
			change = detect_answer(&d, 2, START + 22 * MS);
			break;
		case BOGUS:
			change = detect_answer(&d, 9, START + 22 * MS);
			break;
		default:
			change = detect_check(&d, START + 30 * MS);
		}
		assert_int_equal(d.state, table[i].to);
		assert_int_equal(change, table[i].change);
	}
}

/* Another thread's stamp may be newer than the time we were given. */
static void test_time_before_a_stamp(void **state)
{
	uint64_t n = probe(START);

	(void)state;
	assert_int_equal(detect_answer(&d, n, START - MS), DETECT_SAME);
	assert_int_equal(d.rtt_last, 0);
	assert_int_equal(d.rtt_max, MS);
	assert_int_equal(d.last_answer, START - MS);
	/* an older reading of the clock does not age the host */
	n = probe(START + 10 * MS);
	detect_answer(&d, n, START - 5 * MS);
	assert_int_equal(d.last_answer, START - MS);
	assert_int_equal(detect_check(&d, 0), DETECT_SAME);
	assert_int_equal(detect_due(&d, 0), 0);
}

static void test_round_trips(void **state)
{
	(void)state;
	detect_init(&d, &profile, START);
	detect_answer(&d, probe(START), START + 800);
	assert_int_equal(d.rtt_smooth, 800);
	detect_answer(&d, probe(START + 10 * MS), START + 10 * MS + 1600);
	assert_int_equal(d.rtt_smooth, 900);
	detect_answer(&d, probe(START + 20 * MS), START + 20 * MS + 400);
	assert_int_equal(d.rtt_last, 400);
	assert_int_equal(d.rtt_min, 400);
	assert_int_equal(d.rtt_max, 1600);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		TEST(test_down_after_three_unanswered),
		TEST(test_age_counts_too),
		TEST(test_two_unanswered_are_too_few),
		TEST(test_not_sent_never_accuses),
		TEST(test_stall_starts_anew),
		TEST(test_stall_counts_though_sending_failed),
		TEST(test_always_late_is_not_blind),
		TEST(test_a_little_late_is_not_blind),
		TEST(test_missed_probes_are_not_caught_up),
		TEST(test_out_of_order_answers_are_late),
		TEST(test_bogus_answers_do_not_count),
		TEST(test_answers_older_than_the_window_are_bogus),
		TEST(test_up_again_after_answers_in_a_row),
		TEST(test_up_again_over_a_long_way),
		TEST(test_unknown),
		TEST(test_transitions),
		TEST(test_time_before_a_stamp),
		TEST(test_round_trips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
