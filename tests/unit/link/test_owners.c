// SPDX-License-Identifier: GPL-2.0-only
/* At most one owner in an epoch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "lib/link/link_owners.h"

#define OWNER BATON_LINK_ROLE_OWNER
#define STANDBY BATON_LINK_ROLE_STANDBY
#define NONE BATON_LINK_ROLE_NONE

static struct link_frame frame(uint8_t role, uint32_t epoch)
{
	return (struct link_frame){ .type = BATON_LINK_STREAM,
				    .owner = 7,
				    .epoch = epoch,
				    .role = role };
}

/*
 * What this node is to the owner in epoch 5; what a peer says it is, in which
 * epoch; what comes of that, and what this node then is, in which epoch.
 */
static const struct {
	uint8_t mine, theirs;
	uint32_t epoch;
	int expected;
	uint8_t role_after;
	uint32_t epoch_after;
	bool deposed;
} cases[] = {
	{ STANDBY, OWNER, 5, 0, STANDBY, 5, false },
	{ STANDBY, OWNER, 4, BATON_LINK_BAD_EPOCH_OLD, STANDBY, 5, false },
	{ STANDBY, OWNER, 6, 0, STANDBY, 6, false },
	{ STANDBY, STANDBY, 5, BATON_LINK_BAD_CONFLICT, STANDBY, 5, false },
	{ STANDBY, STANDBY, 4, BATON_LINK_BAD_EPOCH_OLD, STANDBY, 5, false },
	{ STANDBY, STANDBY, 6, BATON_LINK_BAD_EPOCH_AHEAD, STANDBY, 5, false },
	{ OWNER, OWNER, 5, BATON_LINK_BAD_CONFLICT, OWNER, 5, false },
	{ OWNER, OWNER, 4, BATON_LINK_BAD_EPOCH_OLD, OWNER, 5, false },
	{ OWNER, OWNER, 6, 0, STANDBY, 6, true },
	{ OWNER, STANDBY, 5, 0, OWNER, 5, false },
	{ OWNER, STANDBY, 4, BATON_LINK_BAD_EPOCH_OLD, OWNER, 5, false },
	{ OWNER, STANDBY, 6, BATON_LINK_BAD_EPOCH_AHEAD, OWNER, 5, false },
	{ NONE, OWNER, 5, 0, NONE, 5, false },
	{ NONE, OWNER, 6, 0, NONE, 6, false },
	{ NONE, STANDBY, 5, BATON_LINK_BAD_CONFLICT, NONE, 5, false },
};

static void every_role_meets_every_epoch(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct link_frame f = frame(cases[i].theirs, cases[i].epoch);
		struct link_owners o = { 0 };
		bool deposed;

		assert_int_equal(link_owners_set(&o, 7, cases[i].mine, 5), 0);
		assert_int_equal(link_owners_accept(&o, &f, &deposed),
				 cases[i].expected);
		assert_int_equal(deposed, cases[i].deposed);
		assert_int_equal(link_owners_find(&o, 7)->role,
				 cases[i].role_after);
		assert_int_equal(link_owners_find(&o, 7)->epoch,
				 cases[i].epoch_after);
		link_owners_free(&o);
	}
}

static void an_unknown_owner_is_refused(void **state)
{
	struct link_frame f = frame(OWNER, 5);
	struct link_owners o = { 0 };
	bool deposed;

	(void)state;
	assert_int_equal(link_owners_accept(&o, &f, &deposed),
			 BATON_LINK_BAD_OWNER);
	link_owners_set(&o, 7, STANDBY, 5);
	assert_int_equal(link_owners_accept(&o, &f, &deposed), 0);
	link_owners_forget(&o, 7);
	assert_int_equal(link_owners_accept(&o, &f, &deposed),
			 BATON_LINK_BAD_OWNER);
	f = (struct link_frame){ .type = BATON_LINK_STREAM };
	assert_int_equal(link_owners_accept(&o, &f, &deposed), 0);
	link_owners_free(&o);
}

static void nobody_joins_an_epoch_that_has_an_owner(void **state)
{
	struct link_frame f = frame(OWNER, 6);
	struct link_owners o = { 0 };
	bool deposed;

	(void)state;
	link_owners_set(&o, 7, STANDBY, 5);
	link_owners_accept(&o, &f, &deposed);
	assert_int_equal(link_owners_set(&o, 7, OWNER, 6), -ESTALE);
	assert_int_equal(link_owners_set(&o, 7, OWNER, 5), -ESTALE);
	assert_int_equal(link_owners_set(&o, 7, STANDBY, 6), 0);
	assert_int_equal(link_owners_set(&o, 7, OWNER, 6), -ESTALE);
	assert_int_equal(link_owners_set(&o, 7, OWNER, 7), 0);
	link_owners_free(&o);
}

/* The switch tells the new owner last: it hears of its epoch from a peer. */
static void an_epoch_that_was_only_told_may_be_ones_own(void **state)
{
	struct link_owners o = { 0 };

	(void)state;
	link_owners_set(&o, 7, STANDBY, 5);
	assert_false(link_owners_told(&o, 7, 6));
	assert_int_equal(link_owners_set(&o, 7, STANDBY, 5), -ESTALE);
	assert_int_equal(link_owners_set(&o, 7, OWNER, 6), 0);
	assert_true(link_owners_told(&o, 7, 8));
	assert_int_equal(link_owners_find(&o, 7)->role, NONE);
	assert_false(link_owners_told(&o, 7, 8));
	assert_false(link_owners_told(&o, 7, 3));
	assert_false(link_owners_told(&o, 9, 3));
	assert_int_equal(link_owners_find(&o, 7)->epoch, 8);
	link_owners_free(&o);
}

static void what_may_be_sent(void **state)
{
	struct link_frame f = frame(NONE, 5);
	struct link_owners o = { 0 };

	(void)state;
	assert_int_equal(link_owners_permit(&o, &f), -ENOENT);
	link_owners_set(&o, 7, NONE, 5);
	assert_int_equal(link_owners_permit(&o, &f), -EPERM);
	link_owners_set(&o, 7, STANDBY, 5);
	assert_int_equal(link_owners_permit(&o, &f), 0);
	assert_int_equal(f.role, STANDBY);
	f.type = BATON_LINK_SNAPSHOT_BEGIN;
	assert_int_equal(link_owners_permit(&o, &f), -EPERM);
	link_owners_set(&o, 7, OWNER, 6);
	assert_int_equal(link_owners_permit(&o, &f), -ESTALE);
	f.epoch = 6;
	assert_int_equal(link_owners_permit(&o, &f), 0);
	assert_int_equal(f.role, OWNER);
	link_owners_free(&o);
}

static void many_owners_are_found(void **state)
{
	struct link_owners o = { 0 };
	uint32_t i;

	(void)state;
	assert_int_equal(link_owners_set(&o, 0, OWNER, 1), -EINVAL);
	assert_int_equal(link_owners_set(&o, 1, 9, 1), -EINVAL);
	/* 7919 is prime to 4096: each tag once, in no order */
	for (i = 0; i < 4096; i++)
		link_owners_set(&o, 1 + i * 7919 % 4096, STANDBY, i);
	assert_int_equal(o.nr, 4096);
	for (i = 0; i < 4096; i += 2)
		link_owners_forget(&o, 1 + i * 7919 % 4096);
	assert_int_equal(o.nr, 2048);
	for (i = 0; i < 4096; i++) {
		struct link_owner *e =
			link_owners_find(&o, 1 + i * 7919 % 4096);

		assert_int_equal(!!e, i % 2);
		if (e)
			assert_int_equal(e->epoch, i);
	}
	link_owners_free(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_role_meets_every_epoch),
		cmocka_unit_test(an_unknown_owner_is_refused),
		cmocka_unit_test(nobody_joins_an_epoch_that_has_an_owner),
		cmocka_unit_test(an_epoch_that_was_only_told_may_be_ones_own),
		cmocka_unit_test(what_may_be_sent),
		cmocka_unit_test(many_owners_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
