// SPDX-License-Identifier: GPL-2.0-only
/* What an application has written, and which of its commits can be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "baton-proxy/output.h"
#include "baton/protect.h"

static struct output o;
static struct cut last;

static int begin(void **state)
{
	(void)state;
	o = (struct output){ 0 };
	last = (struct cut){ 100, 50, false };
	return 0;
}

static int end(void **state)
{
	(void)state;
	output_clear(&o);
	return 0;
}

static int ask(uint64_t input, uint64_t output)
{
	const struct cut cut = { input, output, false };

	return output_ask(&o, &cut, &last, 200);
}

static void add(const char *text)
{
	assert_int_equal(output_add(&o, (const uint8_t *)text, strlen(text)),
			 0);
}

static void test_commit_waits_for_its_bytes(void **state)
{
	(void)state;
	assert_false(output_ready(&o, &last));
	add("abc");
	assert_false(output_ready(&o, &last));
	assert_int_equal(ask(120, 55), 0);
	assert_false(output_ready(&o, &last));
	add("de");
	assert_true(output_ready(&o, &last));
	add("fg");
	assert_true(output_ready(&o, &last));
	assert_memory_equal(o.bytes, "abcdefg", 7);
	output_done(&o, &last);
	assert_false(o.asks);
	assert_int_equal(o.nr, 2);
	assert_memory_equal(o.bytes, "fg", 2);
}

static void test_no_more_than_is_held_is_kept(void **state)
{
	(void)state;
	add("abc");
	assert_int_equal(ask(100, 53), 0);
	output_done(&o, &last);
	assert_null(o.bytes);
	assert_int_equal(o.room, 0);
}

static void test_newest_commit_counts(void **state)
{
	(void)state;
	assert_int_equal(ask(110, 52), 0);
	assert_int_equal(ask(120, 54), 0);
	add("abcd");
	assert_int_equal(o.asked.input, 120);
	assert_true(output_ready(&o, &last));
}

static void test_commit_of_input_alone(void **state)
{
	(void)state;
	assert_int_equal(ask(200, 50), 0);
	assert_true(output_ready(&o, &last));
	output_done(&o, &last);
	assert_int_equal(o.nr, 0);
}

static void test_commits_that_cannot_be(void **state)
{
	(void)state;
	assert_int_equal(ask(99, 50), -EINVAL); /* it goes back */
	assert_int_equal(ask(100, 49), -EINVAL);
	assert_int_equal(ask(201, 50), -EINVAL); /* it has not got that */
	assert_int_equal(ask(100, 51 + BATON_OUTPUT_MAX), -EINVAL);
	assert_int_equal(ask(100, UINT64_MAX), -EINVAL);
	assert_false(o.asks);
	assert_int_equal(ask(150, 60), 0);
	assert_int_equal(ask(149, 60), -EINVAL); /* behind one that waits */
	assert_int_equal(ask(150, 59), -EINVAL);
	last.end = true;
	o.asks = false;
	assert_int_equal(ask(160, 60), -EINVAL); /* it has ended */
}

static void test_too_much(void **state)
{
	static const uint8_t some[1 << 20];

	(void)state;
	for (size_t n = 0; n < BATON_OUTPUT_MAX; n += sizeof(some))
		assert_int_equal(output_add(&o, some, sizeof(some)), 0);
	assert_int_equal(output_add(&o, some, 1), -ENOBUFS);
	assert_int_equal(o.nr, BATON_OUTPUT_MAX);
}

static void test_what_is_not_committed_goes(void **state)
{
	(void)state;
	o.handle = 7;
	add("abc");
	assert_int_equal(ask(120, 55), 0);
	output_clear(&o);
	assert_int_equal(o.nr, 0);
	assert_int_equal(o.handle, 0);
	assert_false(output_ready(&o, &last));
	assert_int_equal(ask(110, 51), 0); /* the next one's first */
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(test_##name, begin, end)
	const struct CMUnitTest tests[] = {
		T(commit_waits_for_its_bytes), T(no_more_than_is_held_is_kept),
		T(newest_commit_counts),       T(commit_of_input_alone),
		T(commits_that_cannot_be),     T(too_much),
		T(what_is_not_committed_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
