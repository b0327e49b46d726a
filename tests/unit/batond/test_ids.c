// SPDX-License-Identifier: GPL-2.0-only
/* Numbers for names: stable, and given again only after a rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "batond/ids.h"

static struct ids ids;

static int setup(void **state)
{
	(void)state;
	ids_init(&ids, 5);
	return 0;
}

static void test_a_name_keeps_its_id(void **state)
{
	uint16_t a = ids_get(&ids, "a"), b = ids_get(&ids, "b");

	(void)state;
	assert_true(a && b && a != b);
	assert_int_equal(ids_get(&ids, "a"), a);
	assert_int_equal(ids_find(&ids, "b"), b);
	assert_string_equal(ids_name(&ids, a), "a");
	ids_drop(&ids, a);
	assert_int_equal(ids_find(&ids, "b"), b);
	assert_int_equal(ids_get(&ids, "b"), b);
}

static void test_nobody_has_what_was_not_given(void **state)
{
	(void)state;
	assert_null(ids_name(&ids, 0));
	assert_null(ids_name(&ids, 1));
	assert_null(ids_name(&ids, IDS_MAX - 1));
	assert_null(ids_name(&ids, UINT16_MAX));
	assert_int_equal(ids_find(&ids, "a"), 0);
	ids_get(&ids, "a");
	ids_get(&ids, "b");
	ids_drop(&ids, 1);
	assert_null(ids_name(&ids, 1));
	assert_int_equal(ids_find(&ids, "a"), 0);
	/* A hole has no name, not the empty one. */
	assert_int_equal(ids_find(&ids, ""), 0);
}

static void test_a_dropped_id_rests_for_two_sweeps(void **state)
{
	uint16_t a = ids_get(&ids, "a");

	(void)state;
	ids_drop(&ids, a);
	assert_int_not_equal(ids_get(&ids, "b"), a);
	ids_swept(&ids);
	assert_int_not_equal(ids_get(&ids, "c"), a);
	ids_swept(&ids);
	assert_int_equal(ids_get(&ids, "d"), a);
}

static void test_a_name_that_comes_back_has_another_id(void **state)
{
	uint16_t a = ids_get(&ids, "a");

	(void)state;
	ids_drop(&ids, a);
	assert_int_not_equal(ids_get(&ids, "a"), a);
}

static void test_the_limit(void **state)
{
	char name[2] = "a";

	(void)state;
	for (; name[0] < 'e'; name[0]++) {
		uint16_t id = ids_get(&ids, name);

		assert_in_range(id, 1, 4);
	}
	assert_int_equal(ids_get(&ids, "e"), 0);
	assert_int_equal(ids_get(&ids, "d"), 4);
	ids_drop(&ids, 2);
	assert_int_equal(ids_get(&ids, "e"), 0);
	ids_swept(&ids);
	ids_swept(&ids);
	assert_int_equal(ids_get(&ids, "e"), 2);
}

static void test_adopted_ids_are_not_given_again(void **state)
{
	(void)state;
	ids_put(&ids, 3, "c");
	assert_int_equal(ids_find(&ids, "c"), 3);
	for (char name[] = "x"; name[0] < 'x' + 3; name[0]++)
		assert_int_not_equal(ids_get(&ids, name), 3);
	assert_int_equal(ids_get(&ids, "more"), 0);
	/* Had before, although it rests: the data plane says so. */
	ids_drop(&ids, 3);
	ids_put(&ids, 3, "c");
	assert_string_equal(ids_name(&ids, 3), "c");
}

static void test_long_names_end(void **state)
{
	static const char name[] = "0123456789012345678901234567890";

	(void)state;
	_Static_assert(sizeof(name) == BATON_NAME_LEN, "the longest name");
	assert_int_equal(ids_find(&ids, name), 0);
	assert_string_equal(ids_name(&ids, ids_get(&ids, name)), name);
	assert_int_not_equal(ids_find(&ids, name), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_a_name_keeps_its_id, setup),
		cmocka_unit_test_setup(test_nobody_has_what_was_not_given,
				       setup),
		cmocka_unit_test_setup(test_a_dropped_id_rests_for_two_sweeps,
				       setup),
		cmocka_unit_test_setup(
			test_a_name_that_comes_back_has_another_id, setup),
		cmocka_unit_test_setup(test_the_limit, setup),
		cmocka_unit_test_setup(test_adopted_ids_are_not_given_again,
				       setup),
		cmocka_unit_test_setup(test_long_names_end, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
