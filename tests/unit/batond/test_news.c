// SPDX-License-Identifier: GPL-2.0-only
/* What hosts are told of ownership, and until when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "baton/probe.h"
#include "batond/news.h"

enum { A = 1, B, C };

static struct cluster c;
static struct news n;

static void owner(uint16_t id, uint16_t host, uint16_t standby)
{
	c.owner[id] = (struct cluster_owner){ .exists = true,
					      .host = host,
					      .home = host,
					      .epoch = 1,
					      .standbys = { standby } };
	n.owner[id].tag = 1000 + id;
	c.max_owner = id > c.max_owner ? id : c.max_owner;
}

static void move(uint16_t id, uint16_t to)
{
	uint16_t from = c.owner[id].host;

	c.owner[id].host = to;
	c.owner[id].epoch++;
	news_moved(&n, id, from, to);
}

static int setup(void **state)
{
	(void)state;
	memset(&c, 0, sizeof(c));
	memset(&n, 0, sizeof(n));
	c.max_host = C;
	return 0;
}

static void echo(uint16_t host, struct news_item i)
{
	news_echoed(&n, &c, host, i.tag, i.epoch, i.plays);
}

static void test_nothing_to_say(void **state)
{
	(void)state;
	assert_int_equal(news_next(&n, &c, A).owner, 0);
	owner(1, A, B);
	assert_int_equal(news_next(&n, &c, C).owner, 0);
}

/* All that concern a host, in turn; those that it does not play as well. */
static void test_turns(void **state)
{
	struct news_item i;

	(void)state;
	owner(1, A, B);
	owner(2, C, A);
	owner(3, B, C);
	for (int round = 0; round < 3; round++) {
		i = news_next(&n, &c, A);
		assert_int_equal(i.owner, 1);
		assert_int_equal(i.tag, 1001);
		assert_true(i.plays);
		i = news_next(&n, &c, A);
		assert_int_equal(i.owner, 2);
		assert_false(i.plays);
	}
}

/* Both ends of a move hear of it first, again until they have echoed it. */
static void test_news_first(void **state)
{
	struct news_item i;

	(void)state;
	for (uint16_t id = 1; id <= 20; id++)
		owner(id, A, B);
	move(13, B);
	for (int again = 0; again < 3; again++) {
		i = news_next(&n, &c, B);
		assert_int_equal(i.owner, 13);
		assert_int_equal(i.epoch, 2);
		assert_true(i.plays);
		i = news_next(&n, &c, A);
		assert_int_equal(i.owner, 13);
		assert_false(i.plays);
	}
	echo(B, news_next(&n, &c, B));
	assert_int_equal(news_next(&n, &c, B).owner, 14);
	/* the other has not heard it yet */
	assert_int_equal(news_next(&n, &c, A).owner, 13);
	echo(A, news_next(&n, &c, A));
	assert_int_equal(news_next(&n, &c, A).owner, 14);
}

/* What was echoed of an epoch that is over tells nothing. */
static void test_late_echo(void **state)
{
	struct news_item first, i;

	(void)state;
	owner(1, A, B);
	owner(2, A, B);
	move(1, B);
	first = news_next(&n, &c, B);
	move(1, A);
	move(1, B);
	echo(B, first);
	for (int again = 0; again < 3; again++) {
		i = news_next(&n, &c, B);
		assert_int_equal(i.owner, 1);
		assert_int_equal(i.epoch, 4);
	}
	echo(B, i);
	assert_int_equal(news_next(&n, &c, B).owner, 2);
}

/* The switch's word for "this host" is not the host's to turn round. */
static void test_wrong_echo(void **state)
{
	struct news_item i;

	(void)state;
	owner(1, A, B);
	owner(2, A, B);
	move(1, B);
	i = news_next(&n, &c, B);
	i.plays = false;
	echo(B, i);
	echo(C, i);
	assert_int_equal(news_next(&n, &c, B).owner, 1);
	assert_int_equal(news_next(&n, &c, B).owner, 1);
}

/* With very many owners the new one is still the first. */
static void test_many(void **state)
{
	(void)state;
	for (uint16_t id = 1; id < BATON_MAX_OWNERS; id++)
		owner(id, A, C);
	move(4000, B);
	assert_int_equal(news_next(&n, &c, B).owner, 4000);
	echo(B, news_next(&n, &c, B));
	/* and the rest of the time each comes once in a while */
	for (uint32_t i = 0; i < BATON_MAX_OWNERS; i++)
		if (news_next(&n, &c, B).owner == 4000)
			return;
	fail_msg("never again");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_nothing_to_say, setup),
		cmocka_unit_test_setup(test_turns, setup),
		cmocka_unit_test_setup(test_news_first, setup),
		cmocka_unit_test_setup(test_late_echo, setup),
		cmocka_unit_test_setup(test_wrong_echo, setup),
		cmocka_unit_test_setup(test_many, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
