// SPDX-License-Identifier: GPL-2.0-only
/* Records, their versions, and what of them somebody else still lacks. */
#include <errno.h>

#include "members.h"

static struct own_set own, theirs;
static struct own_message m;

static void change(uint16_t slot, uint64_t epoch)
{
	struct own_record r = holding(slot, epoch);

	assert_int_equal(own_set_change(&own, &r), 1);
}

static int give(uint64_t since)
{
	own_set_delta(&own, since, &m);
	return own_set_merge(&theirs, &m, on_changed, NULL);
}

static uint64_t known(uint16_t slot)
{
	const struct own_record *r =
		own_set_find(&theirs, BATON_OWNERSHIP_HOLDING, slot);

	return r && r->present ? r->holding.epoch : 0;
}

static int setup(void **state)
{
	(void)state;
	own_set_init(&own, 1);
	own_set_init(&theirs, 1);
	changes = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	own_set_free(&own);
	own_set_free(&theirs);
	return 0;
}

static void the_oldest_change_comes_first(void **state)
{
	(void)state;
	change(5, 1);
	change(2, 1);
	change(9, 1);
	change(5, 2);
	own_set_delta(&own, 0, &m);
	assert_int_equal(m.header.records, 3);
	assert_int_equal(m.record[0].slot, 2);
	assert_int_equal(m.record[1].slot, 9);
	assert_int_equal(m.record[2].slot, 5);
	own_set_delta(&own, 3, &m);
	assert_int_equal(m.header.records, 1);
	assert_int_equal(m.record[0].slot, 5);
	own_set_delta(&own, 4, &m);
	assert_int_equal(m.header.records, 0);
	assert_int_equal(m.header.until, 4);
}

static void the_newer_version_wins(void **state)
{
	struct own_message older;

	(void)state;
	change(5, 1);
	own_set_delta(&own, 0, &older);
	change(5, 2);
	assert_int_equal(give(0), 0);
	assert_int_equal(known(5), 2);
	assert_int_equal(own_set_merge(&theirs, &older, on_changed, NULL), 0);
	assert_int_equal(known(5), 2);
	assert_int_equal(theirs.version, 2);
	assert_int_equal(changes, 1);
}

static void nothing_is_taken_across_a_gap(void **state)
{
	(void)state;
	change(5, 1);
	change(6, 1);
	assert_int_equal(give(1), -ESTALE);
	assert_int_equal(known(6), 0);
	assert_int_equal(give(0), 0);
	assert_int_equal(known(6), 1);
}

static void what_was_there_is_told_to_be_gone(void **state)
{
	struct own_record r = holding(5, 0);

	(void)state;
	r.present = 0;
	assert_int_equal(own_set_change(&own, &r), 0); /* it never was */
	change(5, 1);
	assert_int_equal(give(0), 0);
	assert_int_equal(own_set_change(&own, &r), 1);
	assert_int_equal(give(1), 0);
	assert_int_equal(known(5), 0);
	assert_null(own_set_next(&theirs, NULL));
	assert_int_equal(changes, 2);
}

static void after_a_restart_all_is_kept_until_all_has_come(void **state)
{
	(void)state;
	change(5, 1);
	change(6, 1);
	assert_int_equal(give(0), 0);
	own_set_free(&own);
	own_set_restart(&theirs);
	change(7, 1);
	change(6, 1);
	own_set_delta(&own, 0, &m);
	m.header.records = 1; /* the first half */
	m.header.until = 1;
	assert_int_equal(own_set_merge(&theirs, &m, on_changed, NULL), 0);
	assert_int_equal(known(5), 1);
	assert_int_equal(known(7), 1);
	assert_int_equal(give(1), 0);
	assert_int_equal(known(5), 0);
	assert_int_equal(known(6), 1);
	assert_int_equal(changes, 4); /* 5, 6, 7, and 5 is gone; not 6 again */
}

/* Any changes, given in any order that a network makes of them. */
static void any_order_ends_the_same(void **state)
{
	(void)state;
	for (int i = 0; i < 3000; i++) {
		uint16_t slot = draw(40);
		const struct own_record *r;
		struct own_record next = holding(slot, 1 + draw(5));

		next.present = draw(3) > 0;
		own_set_change(&own, &next);
		if (draw(3))
			continue;
		give(draw(own.version + 1));
		r = own_set_find(&theirs, next.kind, slot);
		assert_true(theirs.version <= own.version);
		if (theirs.version == own.version)
			assert_true(!r ||
				    own_record_equal(r, own_set_find(&own,
								     next.kind,
								     slot)));
	}
	while (theirs.version < own.version)
		assert_int_equal(give(theirs.version), 0);
	for (uint16_t slot = 0; slot < 40; slot++) {
		const struct own_record *r =
			own_set_find(&own, BATON_OWNERSHIP_HOLDING, slot);

		assert_int_equal(known(slot),
				 r && r->present ? r->holding.epoch : 0);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_oldest_change_comes_first),
		TEST(the_newer_version_wins),
		TEST(nothing_is_taken_across_a_gap),
		TEST(what_was_there_is_told_to_be_gone),
		TEST(after_a_restart_all_is_kept_until_all_has_come),
		TEST(any_order_ends_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
