// SPDX-License-Identifier: GPL-2.0-only
/* When an application is checked, and what becomes of the results. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "baton-host/check.h"

#define INTERVAL 1000
#define TIMEOUT 300
#define T0 5000000

static const struct check_rules rules = {
	.interval = INTERVAL, .timeout = TIMEOUT, .rise = 2, .fall = 3
};

/* Do attempts with these results, '+' and '-', each at its time; the states
 * that follow them are `expected`, u, U or D. */
static void expect(enum check_state first, const char *results,
		   const char *expected)
{
	static const char letters[] = { 'u', 'U', 'D' };
	enum check_state before = first;
	struct check c;
	uint64_t now = T0;

	check_init(&c, &rules, first);
	for (; *results; results++, expected++) {
		assert_int_equal(check_step(&c, now), CHECK_BEGIN);
		assert_int_equal(check_result(&c, *results == '+'),
				 letters[before] != *expected);
		assert_int_equal(letters[c.state], *expected);
		before = c.state;
		now = check_deadline(&c);
	}
}

static void results_are_counted(void **state)
{
	(void)state;
	expect(CHECK_UNKNOWN, "+", "U");
	expect(CHECK_UNKNOWN, "---", "uuD");
	expect(CHECK_UNKNOWN, "--+", "uuU");
	expect(CHECK_UP, "---++", "UUDDU");
	expect(CHECK_UP, "--+--+---", "UUUUUUUUD");
	expect(CHECK_DOWN, "+-+-++", "DDDDDU");
	expect(CHECK_DOWN, "++--", "DUUU");
}

static void the_first_attempt_is_due_at_once(void **state)
{
	struct check c;

	(void)state;
	check_init(&c, &rules, CHECK_UNKNOWN);
	assert_true(check_deadline(&c) <= T0);
	assert_int_equal(check_step(&c, T0), CHECK_BEGIN);
	assert_int_equal(check_step(&c, T0), CHECK_WAIT);
}

static void attempts_expire(void **state)
{
	struct check c;

	(void)state;
	check_init(&c, &rules, CHECK_UP);
	assert_int_equal(check_step(&c, T0), CHECK_BEGIN);
	assert_int_equal(check_deadline(&c), T0 + TIMEOUT);
	assert_int_equal(check_step(&c, T0 + TIMEOUT - 1), CHECK_WAIT);
	assert_int_equal(check_step(&c, T0 + TIMEOUT), CHECK_EXPIRE);
	check_result(&c, false);
	/* The next one starts an interval behind the start of this one. */
	assert_int_equal(check_deadline(&c), T0 + INTERVAL);
	assert_int_equal(check_step(&c, T0 + INTERVAL - 1), CHECK_WAIT);
	assert_int_equal(check_step(&c, T0 + INTERVAL), CHECK_BEGIN);
}

/* A loop that was late, or stopped, does not catch up with what it missed. */
static void missed_attempts_are_missed(void **state)
{
	struct check c;

	(void)state;
	check_init(&c, &rules, CHECK_UP);
	check_step(&c, T0);
	check_result(&c, true);
	assert_int_equal(check_step(&c, T0 + 50 * INTERVAL), CHECK_BEGIN);
	check_result(&c, true);
	assert_int_equal(check_step(&c, T0 + 50 * INTERVAL), CHECK_WAIT);
	assert_int_equal(check_deadline(&c), T0 + 51 * INTERVAL);
}

/* Whatever comes, in any order: it is down only after `fall` bad ones in a row
 * since the last good one, and up again only after `rise` good ones. */
static void random_results(void **state)
{
	uint32_t good = 0, bad = 0;
	uint64_t now = T0;
	struct check c;

	(void)state;
	srandom(42);
	check_init(&c, &rules, CHECK_UP);
	for (int i = 0; i < 100000; i++) {
		enum check_state was = c.state;
		bool yes = random() % 2;

		assert_int_equal(check_step(&c, now), CHECK_BEGIN);
		good = yes ? good + 1 : 0;
		bad = yes ? 0 : bad + 1;
		check_result(&c, yes);
		if (was == CHECK_UP)
			assert_int_equal(c.state == CHECK_DOWN,
					 bad >= rules.fall);
		else
			assert_int_equal(c.state == CHECK_UP,
					 good >= rules.rise);
		now = check_deadline(&c) + random() % 3;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(results_are_counted),
		cmocka_unit_test(the_first_attempt_is_due_at_once),
		cmocka_unit_test(attempts_expire),
		cmocka_unit_test(missed_attempts_are_missed),
		cmocka_unit_test(random_results),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
