// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who is complete: the switch's side (own_grant.h) and the owner's (own_claim.h)
 * together. An owner at home on host 1; hosts 2 and 3 are its standbys.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>

#include "lib/ownership/own_claim.h"
#include "lib/ownership/own_grant.h"

enum { HOME = 1 << 0, SECOND = 1 << 1, THIRD = 1 << 2 }; /* places */

static const uint16_t standbys[BATON_MAX_STANDBYS] = { 2, 3 };

static struct own_grant g;
static struct own_claim c[4];

static void hear(uint16_t host)
{
	struct own_owner word = { 0 };

	own_grant_put(&g, &word);
	assert_int_equal(own_claim_hear(&c[host], &word), 0);
}

static bool say(uint16_t host, bool complete)
{
	struct own_holding h;

	own_claim_put(&c[host], 1, complete, 0, &h);
	return own_grant_said(&g, host, &h);
}

static void begin(void)
{
	g = (struct own_grant){ 0 };
	own_grant_places(&g, 1, standbys);
	for (uint16_t i = 1; i <= 3; i++) {
		c[i] = (struct own_claim){ .host = i, .incarnation = 10 * i };
		say(i, false);
	}
	own_grant_move(&g, 1, 1, 0);
	for (uint16_t i = 1; i <= 3; i++)
		hear(i);
	say(1, false);
}

/* The standby has everything, and the owner waits for it. */
static void join(uint16_t owner, uint16_t host, int place)
{
	own_claim_add(&c[owner], place);
	say(owner, false);
	say(host, true);
	hear(owner);
}

static void roles_follow_the_word(void **state)
{
	(void)state;
	begin();
	assert_int_equal(c[1].role, BATON_OWNERSHIP_ROLE_OWNER);
	assert_int_equal(c[2].role, BATON_OWNERSHIP_ROLE_STANDBY);
	own_grant_move(&g, 2, 2, 0);
	hear(1);
	hear(2);
	assert_int_equal(c[1].role, BATON_OWNERSHIP_ROLE_STANDBY);
	assert_int_equal(c[2].role, BATON_OWNERSHIP_ROLE_OWNER);
}

static void an_older_epoch_is_refused(void **state)
{
	struct own_owner word = { 0 };

	(void)state;
	begin();
	own_grant_put(&g, &word);
	own_grant_move(&g, 2, 2, 0);
	hear(1);
	assert_int_equal(own_claim_hear(&c[1], &word), -ESTALE);
	assert_int_equal(c[1].role, BATON_OWNERSHIP_ROLE_STANDBY);
}

static void it_takes_two_to_be_complete(void **state)
{
	(void)state;
	begin();
	assert_false(say(2, true));
	assert_false(own_grant_is_complete(&g, 2));
	begin();
	own_claim_add(&c[1], 1);
	say(1, false);
	assert_false(own_grant_is_complete(&g, 2));
	assert_true(say(2, true));
	assert_true(own_grant_is_complete(&g, 2));
	assert_false(own_grant_is_complete(&g, 3));
	assert_false(own_grant_is_complete(&g, 1));
}

static void what_was_complete_in_an_earlier_epoch_counts_no_more(void **state)
{
	struct own_holding early;

	(void)state;
	begin();
	own_claim_put(&c[2], 1, true, 0, &early);
	own_grant_move(&g, 1, 2, 0);
	hear(1);
	own_claim_add(&c[1], 1);
	say(1, false);
	own_grant_said(&g, 2, &early);
	assert_false(own_grant_is_complete(&g, 2));
}

static void a_standby_is_waited_for_until_it_is_released(void **state)
{
	(void)state;
	begin();
	join(1, 2, 1);
	assert_int_equal(own_claim_waits(&c[1]), SECOND);
	own_claim_drop(&c[1], 1);
	assert_int_equal(own_claim_waits(&c[1]), SECOND);
	hear(1); /* the switch has not heard of it */
	assert_int_equal(own_claim_waits(&c[1]), SECOND);
	assert_true(say(1, false));
	assert_false(own_grant_is_complete(&g, 2));
	assert_int_equal(own_claim_waits(&c[1]), SECOND);
	hear(1);
	assert_int_equal(own_claim_waits(&c[1]), 0);
}

/* The claim that named it is on its way when it is dropped. */
static void nor_is_it_released_by_an_earlier_word(void **state)
{
	struct own_owner word = { 0 };

	(void)state;
	begin();
	own_grant_put(&g, &word); /* without it, but before the claim */
	own_claim_add(&c[1], 1);
	say(1, false);
	own_claim_drop(&c[1], 1);
	own_claim_hear(&c[1], &word);
	assert_int_equal(own_claim_waits(&c[1]), SECOND);
	say(2, true); /* it does become complete */
	assert_true(own_grant_is_complete(&g, 2));
	hear(1);
	assert_int_equal(own_claim_waits(&c[1]), SECOND);
	say(1, false);
	hear(1);
	assert_int_equal(own_claim_waits(&c[1]), 0);
	assert_false(own_grant_is_complete(&g, 2));
}

/* Whatever claim it knows: while it counts on the standby, so must the owner. */
static void nor_while_the_switch_counts_on_it(void **state)
{
	struct own_owner word = { 0 };

	(void)state;
	begin();
	join(1, 2, 1);
	own_claim_drop(&c[1], 1);
	say(1, false);
	own_grant_put(&g, &word);
	word.complete = SECOND;
	own_claim_hear(&c[1], &word);
	assert_int_equal(own_claim_waits(&c[1]), SECOND);
	hear(1);
	assert_int_equal(own_claim_waits(&c[1]), 0);
}

static void one_that_comes_back_is_waited_for_again(void **state)
{
	(void)state;
	begin();
	join(1, 2, 1);
	own_claim_drop(&c[1], 1);
	own_claim_add(&c[1], 1);
	say(1, false);
	hear(1);
	assert_int_equal(own_claim_waits(&c[1]), SECOND);
	assert_true(own_grant_is_complete(&g, 2));
}

static void another_memory_is_not_complete(void **state)
{
	(void)state;
	begin();
	join(1, 2, 1);
	c[2].incarnation = 21;
	assert_true(say(2, false));
	assert_false(own_grant_is_complete(&g, 2));
}

static void another_memory_does_not_play(void **state)
{
	(void)state;
	begin();
	join(1, 2, 1);
	own_grant_move(&g, 2, 2, HOME);
	c[2] = (struct own_claim){ .host = 2, .incarnation = 21 };
	hear(2);
	assert_int_equal(c[2].role, BATON_OWNERSHIP_ROLE_NONE);
	assert_false(own_grant_is_lost(&g));
	say(2, false);
	assert_true(own_grant_is_lost(&g));
	own_grant_move(&g, 2, 3, 0);
	hear(2);
	assert_int_equal(c[2].role, BATON_OWNERSHIP_ROLE_OWNER);
	assert_int_equal(g.complete, 0);
}

/* Who is complete when the owner goes to `host`; `down`: who is dead then. */
static void after_a_move(uint16_t host, uint16_t down, uint16_t complete)
{
	begin();
	join(1, 2, 1);
	join(1, 3, 2);
	assert_int_equal(g.complete, SECOND | THIRD);
	own_grant_move(&g, host, 2, down);
	assert_int_equal(g.complete, complete);
	hear(host);
	/* who takes it over waits for them, from the start */
	assert_int_equal(own_claim_waits(&c[host]), complete);
}

static void who_is_complete_after_a_move(void **state)
{
	(void)state;
	after_a_move(2, 0, HOME | THIRD);
	after_a_move(2, HOME, THIRD);
	after_a_move(3, HOME, SECOND);
	after_a_move(2, HOME | THIRD, 0);
	after_a_move(1, 0, SECOND | THIRD); /* a new epoch, no more */
}

static void nobody_is_complete_after_a_loss(void **state)
{
	(void)state;
	begin();
	join(1, 2, 1);
	own_grant_move(&g, 3, 2, 0);
	assert_int_equal(g.complete, 0);
	/* and whoever lost the owner's state has not kept it */
	begin();
	join(1, 2, 1);
	c[1].incarnation = 11;
	say(1, false);
	own_grant_move(&g, 2, 2, 0);
	assert_int_equal(g.complete, 0);
}

static void places_may_change(void **state)
{
	const uint16_t swapped[BATON_MAX_STANDBYS] = { 3, 2 };
	const uint16_t fewer[BATON_MAX_STANDBYS] = { 3 };

	(void)state;
	begin();
	join(1, 2, 1);
	own_grant_places(&g, 1, swapped);
	own_grant_move(&g, 1, 2, 0);
	assert_int_equal(g.complete, THIRD);
	assert_true(own_grant_is_complete(&g, 2));
	hear(1);
	assert_int_equal(own_claim_waits(&c[1]), THIRD);
	own_grant_places(&g, 1, fewer);
	own_grant_move(&g, 1, 3, 0);
	assert_int_equal(g.complete, 0);
	hear(1);
	assert_int_equal(own_claim_waits(&c[1]), 0);
}

static void who_is_no_standby_does_not_count(void **state)
{
	struct own_holding h = { .owner = 1, .complete = 1, .epoch = 1 };

	(void)state;
	begin();
	assert_false(own_grant_said(&g, 9, &h));
	assert_false(own_grant_is_complete(&g, 9));
	assert_false(own_grant_is_complete(&g, 0));
	assert_true(own_grant_is_stateful(&g));
	g = (struct own_grant){ 0 };
	assert_false(own_grant_is_stateful(&g));
	assert_false(own_grant_is_lost(&g));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(roles_follow_the_word),
		cmocka_unit_test(an_older_epoch_is_refused),
		cmocka_unit_test(it_takes_two_to_be_complete),
		cmocka_unit_test(
			what_was_complete_in_an_earlier_epoch_counts_no_more),
		cmocka_unit_test(a_standby_is_waited_for_until_it_is_released),
		cmocka_unit_test(nor_is_it_released_by_an_earlier_word),
		cmocka_unit_test(nor_while_the_switch_counts_on_it),
		cmocka_unit_test(one_that_comes_back_is_waited_for_again),
		cmocka_unit_test(another_memory_is_not_complete),
		cmocka_unit_test(another_memory_does_not_play),
		cmocka_unit_test(who_is_complete_after_a_move),
		cmocka_unit_test(nobody_is_complete_after_a_loss),
		cmocka_unit_test(places_may_change),
		cmocka_unit_test(who_is_no_standby_does_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
