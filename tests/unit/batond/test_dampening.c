// SPDX-License-Identifier: GPL-2.0-only
/* A host that comes and goes: penalty, suppression, release. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "batond/dampening.h"

#define S 1000000000ULL
#define NOW (1000 * S)

static const struct dampening_rule rule = { .half_life = 60 * S,
					    .step = 1000,
					    .suppress = 2500,
					    .reuse = 1000,
					    .longest = 300 * S };

static void test_decay(void **state)
{
	struct dampening d = { 0 };

	(void)state;
	assert_int_equal(dampening_penalty(&d, &rule, NOW), 0);
	dampening_down(&d, &rule, NOW);
	assert_int_equal(dampening_penalty(&d, &rule, NOW), 1000);
	assert_int_equal(dampening_penalty(&d, &rule, NOW + 30 * S), 750);
	assert_int_equal(dampening_penalty(&d, &rule, NOW + 60 * S), 500);
	assert_int_equal(dampening_penalty(&d, &rule, NOW + 120 * S), 250);
	assert_int_equal(dampening_penalty(&d, &rule, NOW + 86400 * S), 0);
	/* a clock that was read a moment before */
	assert_int_equal(dampening_penalty(&d, &rule, NOW - S), 1000);
}

static void test_suppressed_and_free_again(void **state)
{
	struct dampening d = { 0 };
	uint64_t free_at;

	(void)state;
	assert_false(dampening_down(&d, &rule, NOW));
	assert_false(dampening_down(&d, &rule, NOW + S));
	assert_int_equal(dampening_until(&d, &rule), 0);
	assert_true(dampening_down(&d, &rule, NOW + 2 * S));
	assert_true(d.suppressed);
	/* told once */
	assert_false(dampening_down(&d, &rule, NOW + 3 * S));
	free_at = dampening_until(&d, &rule);
	assert_true(free_at > NOW + 100 * S);
	assert_false(dampening_tick(&d, &rule, free_at - S));
	assert_true(dampening_tick(&d, &rule, free_at + S));
	assert_false(d.suppressed);
	assert_false(dampening_tick(&d, &rule, free_at + 2 * S));
}

/* However often it went down, it is not suppressed for ever. */
static void test_longest(void **state)
{
	struct dampening d = { 0 };

	(void)state;
	for (int i = 0; i < 100; i++)
		dampening_down(&d, &rule, NOW);
	assert_int_equal(dampening_until(&d, &rule), NOW + rule.longest);
	assert_false(dampening_tick(&d, &rule, NOW + rule.longest - 1));
	assert_true(dampening_tick(&d, &rule, NOW + rule.longest));
}

/* Seldom enough is no flapping. */
static void test_seldom(void **state)
{
	struct dampening d = { 0 };

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_false(dampening_down(&d, &rule, NOW + i * 120 * S));
}

static void test_off(void **state)
{
	static const struct dampening_rule off = { .suppress = 1 };
	struct dampening d = { 0 };

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_false(dampening_down(&d, &off, NOW));
	assert_int_equal(dampening_penalty(&d, &off, NOW), 0);
	/* switched off while one is suppressed */
	d.suppressed = NOW;
	assert_true(dampening_tick(&d, &off, NOW));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decay),
		cmocka_unit_test(test_suppressed_and_free_again),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_seldom),
		cmocka_unit_test(test_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
