// SPDX-License-Identifier: GPL-2.0-only
/*
 * Detection under a prober that the scheduler treats badly: many seeded
 * simulations of an event loop which is stalled between any two of its steps.
 * A live host must never be declared dead; a detector that looks at the age of
 * the last answer only, watching the same traces, shows that they are hard. A
 * dead host must be found in time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "batond/detect.h"

#define US 1000ULL
#define MS (1000 * US)
static const uint64_t START = 1000 * MS;
#define NEVER UINT64_MAX
#define IN_FLIGHT 128
#define HINT_AFTER (500 * US) /* of a death */

static const struct detect_profile profiles[] = {
	{ 3300 * US, 3, 3 },
	{ 10 * MS, 3, 3 },
	{ 50 * MS, 3, 3 },
};
#define NR_PROFILES (sizeof(profiles) / sizeof(profiles[0]))

struct sim {
	struct detect d;
	uint64_t now;
	uint64_t rng;

	/* circumstances */
	uint64_t dies; /* the host, at this time */
	unsigned int stalls_per_1000; /* steps of the loop */
	unsigned int slow_per_1000; /* answers */
	unsigned int hints_per_1000; /* steps, while the host lives */
	bool hinted; /* when it dies, there is a hint */

	uint64_t arrival[IN_FLIGHT]; /* by sequence; NEVER: none to come */
	uint64_t seen; /* all before this sequence have arrived */

	/* the other detector, and what was found */
	uint64_t naive_heard;
	unsigned int naive_deaths;
	unsigned int deaths;
	uint64_t died_at;
};

/* xorshift64* (Vigna 2014) */
static uint64_t draw(struct sim *s, uint64_t from, uint64_t to)
{
	s->rng ^= s->rng >> 12;
	s->rng ^= s->rng << 25;
	s->rng ^= s->rng >> 27;
	return from + s->rng * 0x2545f4914f6cdd1dULL % (to - from + 1);
}

static void sim_init(struct sim *s, const struct detect_profile *p,
		     uint64_t seed)
{
	*s = (struct sim){ .now = START, .dies = NEVER };
	s->rng = (seed + 1) * 0x9e3779b97f4a7c15ULL;
	s->seen = 1;
	s->naive_heard = START;
	detect_init(&s->d, p, START);
}

/* Time passes between two steps: little, or a stall. */
static void step(struct sim *s)
{
	s->now += draw(s, 0, 50 * US);
	if (draw(s, 0, 999) < s->stalls_per_1000)
		s->now += draw(s, 15 * MS, 95 * MS);
}

static void send_probe(struct sim *s, uint64_t sequence)
{
	uint64_t interval = s->d.profile.interval;
	uint64_t there = draw(s, 20 * US, 300 * US);
	uint64_t back = draw(s, 20 * US, 300 * US);

	if (draw(s, 0, 999) < s->slow_per_1000)
		back = draw(s, 0, interval * 5 / 4);
	s->arrival[sequence % IN_FLIGHT] =
		s->now + there < s->dies ? s->now + there + back : NEVER;
	detect_sent(&s->d, sequence, s->now);
}

static void send_if_due(struct sim *s)
{
	uint64_t due = detect_due(&s->d, s->now);

	step(s);
	if (due)
		send_probe(s, due);
}

static void check(struct sim *s, uint64_t time)
{
	const struct detect_profile *p = &s->d.profile;

	if (detect_check(&s->d, time) == DETECT_WENT_DOWN) {
		s->deaths++;
		s->died_at = s->now;
	}
	if (s->naive_heard < time &&
	    time - s->naive_heard >= p->multiplier * p->interval) {
		s->naive_deaths++;
		s->naive_heard = NEVER; /* until it hears again */
	}
}

/* Hand in what has arrived, in order of sequence or in the opposite one. */
static void read_answers(struct sim *s)
{
	bool backward = draw(s, 0, 1);
	uint64_t n = s->d.sequence + 1 - s->seen;

	for (uint64_t i = 0; i < n; i++) {
		uint64_t sequence = s->seen + (backward ? n - 1 - i : i);
		uint64_t *arrival = &s->arrival[sequence % IN_FLIGHT];

		if (*arrival > s->now)
			continue;
		*arrival = NEVER;
		detect_answer(&s->d, sequence, s->now);
		s->naive_heard = s->now;
	}
	while (s->seen <= s->d.sequence &&
	       s->arrival[s->seen % IN_FLIGHT] == NEVER && s->dies == NEVER)
		s->seen++;
}

static uint64_t next_arrival(const struct sim *s)
{
	uint64_t first = NEVER;

	for (uint64_t n = s->seen; n <= s->d.sequence; n++)
		if (s->arrival[n % IN_FLIGHT] < first)
			first = s->arrival[n % IN_FLIGHT];
	return first;
}

static void hear_hints(struct sim *s)
{
	if (s->now < s->dies && draw(s, 0, 999) < s->hints_per_1000)
		detect_burst(&s->d, s->now);
	if (s->hinted && s->now >= s->dies + HINT_AFTER) {
		s->hinted = false;
		detect_burst(&s->d, s->now);
	}
}

static void run(struct sim *s, uint64_t until)
{
	while (s->now < until && !s->deaths) {
		bool send_first = draw(s, 0, 1);
		uint64_t time, wake;

		hear_hints(s);
		wake = detect_deadline(&s->d);
		if (s->hinted && s->dies + HINT_AFTER < wake)
			wake = s->dies + HINT_AFTER;
		if (next_arrival(s) < wake)
			wake = next_arrival(s);
		if (wake > s->now)
			s->now = wake;
		step(s);
		if (send_first)
			send_if_due(s);
		time = s->now;
		step(s);
		read_answers(s);
		step(s);
		check(s, time);
		if (!send_first)
			send_if_due(s);
	}
}

static void test_a_live_host_is_never_declared_dead(void **state)
{
	(void)state;
	for (size_t p = 0; p < NR_PROFILES; p++) {
		unsigned int naive_deaths = 0;

		for (uint64_t seed = 0; seed < 2000; seed++) {
			struct sim s;

			sim_init(&s, &profiles[p], seed);
			s.stalls_per_1000 = draw(&s, 0, 60);
			s.slow_per_1000 = draw(&s, 0, 200);
			run(&s, START + 300 * profiles[p].interval);
			if (s.deaths)
				fail_msg("seed %lu, interval %lu: dead at %lu",
					 seed, profiles[p].interval,
					 s.died_at - START);
			assert_int_equal(s.d.state, DETECT_UP);
			assert_int_equal(s.d.bogus, 0);
			naive_deaths += s.naive_deaths;
		}
		assert_true(naive_deaths > 0);
	}
}

/* Hints change nothing about that, however many of them are wrong. */
static void test_wrong_hints_kill_nobody(void **state)
{
	(void)state;
	for (size_t p = 0; p < NR_PROFILES; p++) {
		uint64_t bursts = 0;

		for (uint64_t seed = 0; seed < 2000; seed++) {
			struct sim s;

			sim_init(&s, &profiles[p], seed);
			s.stalls_per_1000 = draw(&s, 0, 60);
			s.slow_per_1000 = draw(&s, 0, 50);
			s.hints_per_1000 = draw(&s, 0, 1000);
			run(&s, START + 300 * profiles[p].interval);
			if (s.deaths)
				fail_msg("seed %lu, interval %lu: dead at %lu",
					 seed, profiles[p].interval,
					 s.died_at - START);
			assert_int_equal(s.d.bogus, 0);
			bursts += s.d.bursts;
		}
		assert_true(bursts > 2000);
	}
}

/* Kill the host at some time, and find out how long it takes to notice. */
static uint64_t time_to_detect(struct sim *s)
{
	uint64_t interval = s->d.profile.interval;

	s->dies = draw(s, START + 5 * interval, START + 50 * interval);
	run(s, NEVER);
	assert_true(s->died_at > s->dies);
	return s->died_at - s->dies;
}

static void test_a_dead_host_is_found_in_time(void **state)
{
	(void)state;
	for (size_t p = 0; p < NR_PROFILES; p++) {
		uint64_t detect = profiles[p].interval * profiles[p].multiplier;

		for (uint64_t seed = 0; seed < 2000; seed++) {
			struct sim s;

			sim_init(&s, &profiles[p], seed);
			assert_in_range(time_to_detect(&s), detect / 2,
					detect * 120 / 100);
		}
	}
}

/* A hint shows its death much sooner; without one, see above. */
static void test_a_hint_shows_a_death_sooner(void **state)
{
	(void)state;
	for (size_t p = 0; p < NR_PROFILES; p++) {
		const struct detect_profile *profile = &profiles[p];
		uint64_t detect = profile->interval * profile->multiplier;
		uint64_t hinted = 0, alone = 0;

		for (uint64_t seed = 0; seed < 2000; seed++) {
			struct sim s;

			sim_init(&s, profile, seed);
			alone += time_to_detect(&s);
			sim_init(&s, profile, seed);
			s.hinted = true;
			hinted += time_to_detect(&s);
			assert_true(s.died_at - s.dies < detect * 120 / 100);
		}
		assert_true(hinted < alone * 8 / 10);
		if (profile->interval >= 10 * MS)
			assert_true(hinted < alone / 2);
	}
}

/*
 * Stalls delay the finding, but cannot prevent it: four times the probes
 * suffice in spite of them, and the loop has five steps.
 */
static void test_a_dead_host_is_found_in_spite_of_stalls(void **state)
{
	(void)state;
	for (size_t p = 0; p < NR_PROFILES; p++) {
		uint64_t most = (4 * profiles[p].multiplier + 2) *
				(profiles[p].interval + 5 * 96 * MS);

		for (uint64_t seed = 0; seed < 2000; seed++) {
			struct sim s;

			sim_init(&s, &profiles[p], seed);
			s.stalls_per_1000 = draw(&s, 0, 1000);
			s.hints_per_1000 = seed % 2 * 500;
			s.hinted = seed % 2;
			assert_true(time_to_detect(&s) < most);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_live_host_is_never_declared_dead),
		cmocka_unit_test(test_wrong_hints_kill_nobody),
		cmocka_unit_test(test_a_dead_host_is_found_in_time),
		cmocka_unit_test(test_a_hint_shows_a_death_sooner),
		cmocka_unit_test(test_a_dead_host_is_found_in_spite_of_stalls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
