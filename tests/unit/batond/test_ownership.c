// SPDX-License-Identifier: GPL-2.0-only
/*
 * What follows for the cluster from what hosts hold: whom it prefers, and when
 * owners return. An owner at home on A; B and C may take it over.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "batond/ownership.h"

#define S 1000000000ULL
#define NOW (1000 * S)

enum { A = 1, B, C };
enum { OWNER = 1 };

static struct cluster c;
static struct cluster_result r;
static struct ownership o;
static uint32_t claims;
static uint64_t now;

static void said(uint16_t host, uint8_t role, bool complete, uint16_t waits)
{
	struct own_holding h = {
		.owner = OWNER,
		.role = role,
		.complete = complete,
		.epoch = o.grant[OWNER].epoch,
		.incarnation = 100 + host,
		.waits = waits,
		.claim = waits ? ++claims : 0,
	};

	ownership_said(&o, &c, OWNER, host, &h, now);
}

static void begin(void)
{
	memset(&c, 0, sizeof(c));
	memset(&o, 0, sizeof(o));
	o.reign = 7;
	now = NOW;
	c.max_host = C;
	c.max_owner = OWNER;
	for (int i = A; i <= C; i++)
		c.host[i] = (struct cluster_host){ .state = HOST_UP,
						   .capacity = 100 };
	c.owner[OWNER] = (struct cluster_owner){
		.exists = true,
		.home = A,
		.host = A,
		.epoch = 1,
		.standbys = { B, C },
	};
	ownership_owner(&o, &c, OWNER, NOW);
	cluster_plan(&c);
}

/* Who plays it waits for the hosts at these places, and they have everything. */
static void complete(uint16_t host, uint16_t places)
{
	static const uint16_t at[] = { A, B, C };

	said(host, BATON_OWNERSHIP_ROLE_OWNER, false, places);
	for (int i = 0; i < 3; i++)
		if (places & 1 << i)
			said(at[i], BATON_OWNERSHIP_ROLE_STANDBY, true, 0);
	assert_int_equal(c.owner[OWNER].complete, places);
}

static void begin_stateful(void)
{
	begin();
	for (uint16_t i = A; i <= C; i++)
		said(i, BATON_OWNERSHIP_ROLE_NONE, false, 0);
	/* it was given to nobody's memory in particular */
	assert_false(ownership_decide(&o, &c, NOW, &r));
	assert_int_equal(c.owner[OWNER].epoch, 1);
	assert_int_equal(c.owner[OWNER].host, A);
	assert_int_equal(o.grant[OWNER].incarnation, 100 + A);
}

static void down(uint16_t host, uint64_t at)
{
	cluster_host_down(&c, host, at, &r);
	ownership_moved(&o, &c, &r, at);
	cluster_plan(&c);
}

static void up(uint16_t host, uint64_t at)
{
	cluster_host_up(&c, host, at, &r);
	ownership_moved(&o, &c, &r, at);
}

/* What is due by now. */
static bool decide(uint64_t at)
{
	cluster_retry(&c, at, &r);
	if (!r.nr_moves)
		ownership_decide(&o, &c, at, &r);
	ownership_moved(&o, &c, &r, at);
	return r.nr_moves;
}

static void without_state_nothing_is_as_it_was_not(void **state)
{
	(void)state;
	begin();
	assert_int_equal(c.owner[OWNER].next, B);
	down(A, NOW);
	assert_int_equal(c.owner[OWNER].host, B);
	up(A, NOW + S);
	assert_false(decide(NOW + 100 * S));
	assert_int_equal(cluster_failback(&c, OWNER, false, NOW, &r), 0);
}

static void the_complete_come_first(void **state)
{
	struct other others[OTHERS_KEPT];

	(void)state;
	begin_stateful();
	assert_int_equal(c.owner[OWNER].next, B);
	complete(A, 1 << 2);
	cluster_plan(&c);
	assert_int_equal(c.owner[OWNER].next, C);
	cluster_host_down(&c, A, NOW, &r);
	assert_int_equal(r.moves[0].to, C);
	assert_int_equal(cluster_others(&c, &r.moves[0], others), 1);
	assert_int_equal(others[0].host, B);
	assert_int_equal(others[0].why, WHY_NOT_INCOMPLETE);
}

static void even_if_the_plan_is_old(void **state)
{
	(void)state;
	begin_stateful();
	cluster_plan(&c);
	complete(A, 1 << 2);
	down(A, NOW);
	assert_int_equal(c.owner[OWNER].host, C);
}

static void others_come_if_the_complete_cannot(void **state)
{
	(void)state;
	begin_stateful();
	complete(A, 1 << 2);
	down(C, NOW);
	down(A, NOW + S);
	assert_int_equal(c.owner[OWNER].host, B);
	assert_int_equal(o.grant[OWNER].complete, 0);
}

/* The owner is orphaned; its home comes up without anything, before C. */
static void an_orphan_does_not_go_to_an_empty_home(void **state)
{
	(void)state;
	begin_stateful();
	c.guards.min_move_interval = 10 * S;
	complete(A, 1 << 1 | 1 << 2);
	down(A, NOW + 20 * S);
	assert_int_equal(c.owner[OWNER].host, B);
	said(B, BATON_OWNERSHIP_ROLE_OWNER, false, 1 << 2);
	said(C, BATON_OWNERSHIP_ROLE_STANDBY, true, 0);
	down(B, NOW + 21 * S); /* held back */
	assert_int_equal(c.owner[OWNER].host, B);
	up(A, NOW + 22 * S);
	cluster_retry(&c, NOW + 40 * S, &r);
	assert_int_equal(r.moves[0].to, C);
}

/* To B, which remains; home comes back. */
static void away_and_back(enum baton_failback when, uint64_t delay)
{
	begin_stateful();
	c.owner[OWNER].returns = when != BATON_FAILBACK_MANUAL;
	c.owner[OWNER].returns_after = delay;
	complete(A, 1 << 1);
	down(A, NOW);
	assert_int_equal(c.owner[OWNER].host, B);
	up(A, NOW + S);
	assert_false(decide(NOW + 2 * S));
	assert_int_equal(cluster_failback(&c, OWNER, false, NOW, &r), -EAGAIN);
	now = NOW + 3 * S;
	complete(B, 1 << 0);
}

static void it_returns_once_home_is_complete(void **state)
{
	(void)state;
	away_and_back(BATON_FAILBACK_AUTO, 0);
	assert_true(decide(NOW + 3 * S));
	assert_int_equal(r.moves[0].cause, MOVE_RETURN);
	assert_int_equal(c.owner[OWNER].host, A);
	/* who played it meanwhile has everything */
	assert_int_equal(c.owner[OWNER].complete, 1 << 1);
	assert_false(decide(NOW + 4 * S));
}

static void or_after_a_time(void **state)
{
	(void)state;
	away_and_back(BATON_FAILBACK_AFTER, 5 * S);
	assert_false(decide(NOW + 3 * S));
	assert_false(decide(NOW + 7 * S));
	/* it is not complete for a moment: the time begins again */
	said(B, BATON_OWNERSHIP_ROLE_OWNER, false, 0);
	assert_false(decide(NOW + 8 * S));
	now = NOW + 9 * S;
	complete(B, 1 << 0);
	assert_false(decide(NOW + 9 * S));
	assert_false(decide(NOW + 13 * S));
	assert_true(decide(NOW + 14 * S));
}

static void or_by_hand(void **state)
{
	(void)state;
	away_and_back(BATON_FAILBACK_MANUAL, 0);
	assert_false(decide(NOW + 100 * S));
	assert_int_equal(cluster_failback(&c, OWNER, false, NOW, &r), 0);
}

static void guards_keep_it_away(void **state)
{
	(void)state;
	away_and_back(BATON_FAILBACK_AUTO, 0);
	c.guards.maintenance = true;
	assert_false(decide(NOW + 3 * S));
	c.guards.maintenance = false;
	c.host[A].draining = true;
	assert_false(decide(NOW + 4 * S));
	c.host[A].draining = false;
	c.guards.min_move_interval = 10 * S;
	assert_false(decide(NOW + 5 * S));
	assert_true(decide(NOW + 11 * S));
}

static void a_home_that_dies_again_is_not_complete(void **state)
{
	struct own_holding h = { .owner = OWNER, .incarnation = 999 };

	(void)state;
	away_and_back(BATON_FAILBACK_AUTO, 0);
	ownership_said(&o, &c, OWNER, A, &h, NOW);
	assert_false(decide(NOW + 3 * S));
	assert_int_equal(c.owner[OWNER].complete, 0);
}

static void lost_state_is_taken_over_where_it_is(void **state)
{
	struct own_holding h = { .owner = OWNER, .incarnation = 999 };

	(void)state;
	begin_stateful();
	complete(A, 1 << 2);
	ownership_said(&o, &c, OWNER, A, &h, NOW);
	assert_true(decide(NOW + 3 * S));
	assert_int_equal(c.owner[OWNER].host, C);
	assert_false(decide(NOW + 4 * S));
	/* and if nobody has it, its host begins anew */
	begin_stateful();
	ownership_said(&o, &c, OWNER, A, &h, NOW);
	assert_true(decide(NOW + 3 * S));
	assert_int_equal(c.owner[OWNER].host, A);
	assert_int_equal(c.owner[OWNER].epoch, 2);
	assert_false(decide(NOW + 4 * S));
	/* or if nothing may move */
	begin_stateful();
	complete(A, 1 << 2);
	c.guards.maintenance = true;
	ownership_said(&o, &c, OWNER, A, &h, NOW);
	assert_true(decide(NOW + 3 * S));
	assert_int_equal(c.owner[OWNER].host, A);
}

/* An agent that begins anew has not heard of its host's memory yet. */
static void who_says_nothing_of_a_memory(void **state)
{
	struct own_holding h = { .owner = OWNER,
				 .role = BATON_OWNERSHIP_ROLE_OWNER,
				 .epoch = 7ULL << 32 | 1 };

	(void)state;
	begin_stateful();
	complete(A, 1 << 1);
	assert_false(ownership_said(&o, &c, OWNER, A, &h, now));
	assert_false(ownership_said(&o, &c, OWNER, A, NULL, now));
	assert_false(ownership_said(&o, &c, OWNER, B, NULL, now));
	assert_false(decide(NOW + 3 * S));
	assert_int_equal(c.owner[OWNER].complete, 1 << 1);
}

/* What its application had on a host is gone with that. */
static void who_need_not_be_waited_for(void **state)
{
	(void)state;
	begin_stateful();
	c.owner[OWNER].needs = 1;
	complete(A, 1 << 1 | 1 << 2);
	cluster_host_apps(&c, A, 1, NOW, &r);
	assert_int_equal(r.moves[0].to, B);
	ownership_moved(&o, &c, &r, NOW);
	assert_int_equal(c.owner[OWNER].complete, 1 << 2);
}

/* Only of its own time, and what an owner that is no more had is nobody's. */
static void what_is_adopted(void **state)
{
	struct own_holding h = { .owner = OWNER,
				 .epoch = 7ULL << 32 | 2,
				 .incarnation = 5 };

	(void)state;
	begin();
	assert_false(ownership_said(&o, &c, OWNER, A, &h, now));
	h.epoch = 0;
	assert_false(ownership_said(&o, &c, OWNER, B, &h, now));
	assert_true(ownership_said(&o, &c, OWNER, A, &h, now));
	assert_int_equal(o.grant[OWNER].incarnation, 5);
	c.owner[OWNER].exists = false;
	ownership_owner(&o, &c, OWNER, now);
	assert_int_equal(o.grant[OWNER].incarnation, 0);
}

static void what_is_announced(void **state)
{
	struct own_owner record = { .name = "web" };

	(void)state;
	begin_stateful();
	complete(A, 1 << 2);
	cluster_plan(&c);
	ownership_record(&o, &c, OWNER, &record);
	assert_int_equal(record.host, A);
	assert_int_equal(record.next, C);
	assert_int_equal(record.epoch, 7ULL << 32 | 1);
	assert_int_equal(record.complete, 1 << 2);
	assert_int_equal(record.claim, claims);
	assert_int_equal(record.standbys[1], C);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_state_nothing_is_as_it_was_not),
		cmocka_unit_test(the_complete_come_first),
		cmocka_unit_test(even_if_the_plan_is_old),
		cmocka_unit_test(others_come_if_the_complete_cannot),
		cmocka_unit_test(an_orphan_does_not_go_to_an_empty_home),
		cmocka_unit_test(it_returns_once_home_is_complete),
		cmocka_unit_test(or_after_a_time),
		cmocka_unit_test(or_by_hand),
		cmocka_unit_test(guards_keep_it_away),
		cmocka_unit_test(a_home_that_dies_again_is_not_complete),
		cmocka_unit_test(lost_state_is_taken_over_where_it_is),
		cmocka_unit_test(who_says_nothing_of_a_memory),
		cmocka_unit_test(who_need_not_be_waited_for),
		cmocka_unit_test(what_is_adopted),
		cmocka_unit_test(what_is_announced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
