// SPDX-License-Identifier: GPL-2.0-only
/* Policies, events and guards, each in a cluster as small as it can be. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "batond/cluster.h"

#define S 1000000000ULL
#define NOW (1000 * S)

static struct cluster *c;
static struct cluster_result *r;

enum { A = 1, B, C, D, E, NR_HOSTS = E };

/* Five hosts that are up; no owners, no guards. */
static int setup(void **state)
{
	(void)state;
	c = calloc(1, sizeof(*c));
	r = calloc(1, sizeof(*r));
	if (!c || !r)
		return -1;
	for (int i = A; i <= NR_HOSTS; i++)
		c->host[i] = (struct cluster_host){
			.state = HOST_UP,
			.priority = 100,
			.capacity = 100,
		};
	c->max_host = NR_HOSTS;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(c);
	free(r);
	return 0;
}

/* An owner at its home; the list of standbys ends with 0. Its id. */
static uint16_t add_owner(enum baton_standby_policy policy, int home, ...)
{
	struct cluster_owner *o = &c->owner[++c->max_owner];
	va_list standbys;
	int n = 0;

	*o = (struct cluster_owner){
		.exists = true,
		.policy = policy,
		.home = home,
		.host = home,
		.epoch = 1,
	};
	va_start(standbys, home);
	while ((o->standbys[n] = va_arg(standbys, int)))
		n++;
	va_end(standbys);
	cluster_plan(c);
	return c->max_owner;
}

static void set_state(uint16_t host, enum host_state state)
{
	c->host[host].state = state;
	cluster_plan(c);
}

static void assert_one_move(uint16_t owner, uint16_t from, uint16_t to,
			    enum move_cause cause)
{
	assert_int_equal(r->nr_moves, 1);
	assert_int_equal(r->moves[0].owner, owner);
	assert_int_equal(r->moves[0].from, from);
	assert_int_equal(r->moves[0].to, to);
	assert_int_equal(r->moves[0].cause, cause);
	assert_int_equal(r->moves[0].epoch, c->owner[owner].epoch);
	assert_int_equal(c->owner[owner].host, to);
}

static void assert_held(uint32_t n, enum hold_cause cause)
{
	assert_int_equal(r->nr_moves, 0);
	assert_int_equal(r->nr_held, n);
	assert_int_equal(r->held, cause);
}

static void test_ordered(void **state)
{
	uint16_t o = add_owner(BATON_STANDBY_ORDERED, A, C, B, 0);

	(void)state;
	assert_int_equal(c->owner[o].next, C);
	set_state(C, HOST_DOWN);
	assert_int_equal(c->owner[o].next, B);
	set_state(B, HOST_DOWN);
	assert_int_equal(c->owner[o].next, 0); /* D is up, but not listed */
	set_state(C, HOST_UP);

	/* elsewhere, the home is the first choice */
	assert_int_equal(cluster_failover(c, o, 0, false, NOW, r), 0);
	assert_one_move(o, A, C, MOVE_FAILOVER);
	assert_int_equal(c->owner[o].next, A);
}

static void test_ordered_without_list_is_every_host(void **state)
{
	uint16_t o = add_owner(BATON_STANDBY_ORDERED, C, 0);

	(void)state;
	assert_int_equal(c->owner[o].next, A);
	set_state(A, HOST_DOWN);
	assert_int_equal(c->owner[o].next, B);
}

static void test_priority(void **state)
{
	uint16_t all = add_owner(BATON_STANDBY_PRIORITY, A, 0);
	uint16_t some = add_owner(BATON_STANDBY_PRIORITY, A, B, C, 0);

	(void)state;
	c->host[C].priority = 150;
	c->host[D].priority = 200;
	c->host[A].priority = 900; /* plays them: no standby */
	cluster_plan(c);
	assert_int_equal(c->owner[all].next, D);
	assert_int_equal(c->owner[some].next, C);
	/* among equals, who has less to do */
	c->host[D].priority = 150;
	c->host[C].flows = 10;
	cluster_plan(c);
	assert_int_equal(c->owner[all].next, D);
}

static void test_least_loaded(void **state)
{
	uint16_t o = add_owner(BATON_STANDBY_LEAST_LOADED, A, B, C, D, 0);

	(void)state;
	c->host[B].flows = 50;
	c->host[C].flows = 60;
	c->host[D].flows = 100;
	cluster_plan(c);
	assert_int_equal(c->owner[o].next, B);
	c->host[D].capacity = 300; /* a third of its flows each */
	cluster_plan(c);
	assert_int_equal(c->owner[o].next, D);
}

/* What one owner brings along counts when the next is placed. */
static void test_least_loaded_is_joint(void **state)
{
	uint16_t o[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		o[i] = add_owner(BATON_STANDBY_LEAST_LOADED, A, B, C, 0);
	c->host[A].flows = 400;
	c->host[B].flows = 0;
	c->host[C].flows = 150;
	cluster_plan(c);
	assert_int_equal(c->owner[o[0]].next, B); /* 100, 150 */
	assert_int_equal(c->owner[o[1]].next, B); /* 200, 150 */
	assert_int_equal(c->owner[o[2]].next, C); /* 200, 250 */
	assert_int_equal(c->owner[o[3]].next, B);
}

static void test_spread(void **state)
{
	bool used[NR_HOSTS + 1] = { false };

	(void)state;
	for (int i = 0; i < 4; i++)
		add_owner(BATON_STANDBY_SPREAD, A, 0);
	for (int i = 1; i <= 4; i++) {
		assert_int_not_equal(c->owner[i].next, A);
		assert_false(used[c->owner[i].next]);
		used[c->owner[i].next] = true;
	}
}

/* The owner that can go only to B is placed before those with a choice. */
static void test_spread_makes_way(void **state)
{
	uint16_t any = add_owner(BATON_STANDBY_SPREAD, A, 0);
	uint16_t two = add_owner(BATON_STANDBY_SPREAD, A, B, C, 0);
	uint16_t one = add_owner(BATON_STANDBY_SPREAD, A, B, 0);

	(void)state;
	assert_int_equal(c->owner[one].next, B);
	assert_int_equal(c->owner[two].next, C);
	assert_int_equal(c->owner[any].next, D);
}

/* Each host's death is a case of its own. */
static void test_cases_are_apart(void **state)
{
	uint16_t a = add_owner(BATON_STANDBY_SPREAD, A, C, D, 0);
	uint16_t b = add_owner(BATON_STANDBY_SPREAD, B, C, D, 0);

	(void)state;
	assert_int_equal(c->owner[a].next, C);
	assert_int_equal(c->owner[b].next, C);
}

static void test_draining_hosts_take_nothing(void **state)
{
	uint16_t o = add_owner(BATON_STANDBY_ORDERED, A, B, C, 0);

	(void)state;
	c->host[B].draining = true;
	cluster_plan(c);
	assert_int_equal(c->owner[o].next, C);
	assert_int_equal(cluster_failover(c, o, B, false, NOW, r), -EBUSY);
	assert_int_equal(r->nr_moves, 0);
	assert_int_equal(cluster_failover(c, o, B, true, NOW, r), 0);
	assert_one_move(o, A, B, MOVE_FAILOVER);
	/* it keeps what it has */
	cluster_retry(c, NOW, r);
	assert_int_equal(r->nr_moves, 0);
}

static void test_unknown_hosts_are_the_last_resort(void **state)
{
	uint16_t o = add_owner(BATON_STANDBY_ORDERED, A, B, C, 0);

	(void)state;
	set_state(B, HOST_UNKNOWN);
	assert_int_equal(c->owner[o].next, C);
	set_state(C, HOST_DOWN);
	assert_int_equal(c->owner[o].next, B);
	/* shown, but no move goes there */
	assert_int_equal(cluster_failover(c, o, 0, false, NOW, r), -EHOSTDOWN);
	cluster_host_down(c, A, NOW, r);
	assert_held(1, HOLD_NO_STANDBY);
	assert_int_equal(c->owner[o].host, A);
	/* until it is heard */
	cluster_host_up(c, B, NOW, r);
	assert_one_move(o, A, B, MOVE_RESCUE);
}

static void test_host_down_follows_the_plan(void **state)
{
	uint16_t a = add_owner(BATON_STANDBY_ORDERED, A, C, 0);
	uint16_t b = add_owner(BATON_STANDBY_ORDERED, B, C, 0);

	(void)state;
	cluster_host_down(c, A, NOW, r);
	assert_one_move(a, A, C, MOVE_HOST_DOWN);
	assert_int_equal(c->owner[a].epoch, 2);
	assert_int_equal(c->owner[a].moved, NOW);
	assert_int_equal(c->owner[b].host, B);
	assert_int_equal(c->owner[b].epoch, 1);
	/* said again, it is no news */
	cluster_host_down(c, A, NOW + S, r);
	assert_int_equal(r->nr_moves, 0);
	assert_int_equal(c->host[A].went_down, NOW);
}

static void test_host_down_chooses_anew_if_next_is_down(void **state)
{
	uint16_t o = add_owner(BATON_STANDBY_ORDERED, A, B, C, 0);

	(void)state;
	assert_int_equal(c->owner[o].next, B);
	cluster_host_down(c, B, NOW, r);
	assert_int_equal(c->owner[o].next, B); /* not planned again yet */
	cluster_host_down(c, A, NOW, r);
	assert_one_move(o, A, C, MOVE_HOST_DOWN);
}

static void test_choosing_anew_spreads_too(void **state)
{
	bool used[NR_HOSTS + 1] = { false };

	(void)state;
	for (int i = 0; i < 3; i++)
		add_owner(BATON_STANDBY_SPREAD, A, 0);
	cluster_host_down(c, B, NOW, r);
	cluster_host_down(c, A, NOW, r);
	assert_int_equal(r->nr_moves, 3);
	for (int i = 0; i < 3; i++) {
		assert_false(used[r->moves[i].to]);
		used[r->moves[i].to] = true;
	}
}

static void test_retry_plans_what_host_down_left(void **state)
{
	uint16_t o = add_owner(BATON_STANDBY_ORDERED, A, B, C, 0);

	(void)state;
	cluster_host_down(c, A, NOW, r);
	assert_true(c->stale);
	cluster_retry(c, NOW, r);
	assert_false(c->stale);
	assert_int_equal(c->owner[o].host, B);
	assert_int_equal(c->owner[o].next, C);
}

static void test_nobody_left(void **state)
{
	uint16_t o = add_owner(BATON_STANDBY_ORDERED, A, B, 0);

	(void)state;
	set_state(B, HOST_DOWN);
	cluster_host_down(c, A, NOW, r);
	assert_held(1, HOLD_NO_STANDBY);
	assert_int_equal(c->owner[o].host, A);
	assert_int_equal(c->owner[o].epoch, 1);
	assert_true(cluster_is_orphan(c, o));
	cluster_retry(c, NOW, r);
	assert_held(1, HOLD_NO_STANDBY);
	/* it was not dead after all: nothing has happened */
	cluster_host_up(c, A, NOW, r);
	assert_held(0, HOLD_NONE);
	assert_false(cluster_is_orphan(c, o));
	assert_int_equal(c->owner[o].epoch, 1);
}

static void test_rescue_prefers_the_home(void **state)
{
	uint16_t o = add_owner(BATON_STANDBY_PRIORITY, A, 0);

	(void)state;
	c->host[E].priority = 900;
	for (int i = A; i <= NR_HOSTS; i++)
		set_state(i, HOST_DOWN);
	c->owner[o].host = B;
	c->guards.min_move_interval = 10 * S;
	c->owner[o].moved = NOW;
	cluster_host_up(c, E, NOW, r); /* too soon after the last move */
	assert_held(1, HOLD_TOO_SOON);
	cluster_host_up(c, A, NOW + 10 * S, r);
	assert_one_move(o, B, A, MOVE_RESCUE);
}

static void test_an_owner_without_host_is_not_guarded(void **state)
{
	uint16_t o = add_owner(BATON_STANDBY_PRIORITY, A, B, 0);

	(void)state;
	c->owner[o].host = 0;
	c->owner[o].moved = NOW;
	c->host[B].priority = 900; /* but the home comes first */
	c->guards.min_move_interval = 10 * S;
	c->guards.max_down_percent = 10;
	cluster_plan(c);
	cluster_host_down(c, C, NOW, r);
	cluster_host_down(c, D, NOW, r);
	assert_int_equal(c->owner[o].next, A);
	cluster_retry(c, NOW, r);
	assert_one_move(o, 0, A, MOVE_RESCUE);
}

static void test_too_soon(void **state)
{
	uint16_t o = add_owner(BATON_STANDBY_ORDERED, A, B, C, 0);

	(void)state;
	c->guards.min_move_interval = 10 * S;
	cluster_host_down(c, A, NOW, r); /* the first move is never too soon */
	assert_one_move(o, A, B, MOVE_HOST_DOWN);
	cluster_host_down(c, B, NOW + 5 * S, r);
	assert_held(1, HOLD_TOO_SOON);
	cluster_retry(c, NOW + 10 * S - 1, r);
	assert_held(1, HOLD_TOO_SOON);
	cluster_retry(c, NOW + 10 * S, r);
	assert_one_move(o, B, C, MOVE_HOST_DOWN);
}

static void test_mass_death(void **state)
{
	uint16_t o[NR_HOSTS + 1];

	(void)state;
	c->guards.max_down_percent = 60;
	c->guards.down_window = S;
	for (int i = A; i <= NR_HOSTS; i++)
		o[i] = add_owner(BATON_STANDBY_ORDERED, i, 0);
	cluster_host_down(c, B, NOW, r); /* 20 % */
	assert_one_move(o[B], B, A, MOVE_HOST_DOWN);
	cluster_host_down(c, C, NOW + 1, r); /* 40 % */
	assert_one_move(o[C], C, A, MOVE_HOST_DOWN);
	cluster_host_down(c, D, NOW + 2, r); /* 60 % are allowed */
	assert_one_move(o[D], D, A, MOVE_HOST_DOWN);
	cluster_host_down(c, E, NOW + 3, r); /* 80 % are too many */
	assert_held(1, HOLD_MASS_DEATH);
	cluster_retry(c, NOW + S, r);
	assert_held(1, HOLD_MASS_DEATH);
	/* some of them come back, and it is no longer a mass */
	cluster_host_up(c, B, NOW + S, r);
	assert_one_move(o[E], E, A, MOVE_RESCUE);
}

static void test_mass_death_is_not_for_ever(void **state)
{
	uint16_t o = add_owner(BATON_STANDBY_ORDERED, B, 0);

	(void)state;
	c->guards.max_down_percent = 60;
	c->guards.down_window = S;
	for (int i = C; i <= NR_HOSTS; i++)
		cluster_host_down(c, i, NOW, r);
	cluster_host_down(c, B, NOW, r);
	assert_held(1, HOLD_MASS_DEATH);
	cluster_retry(c, NOW + S + 1, r);
	assert_one_move(o, B, A, MOVE_HOST_DOWN);
}

/* Hosts that died long ago or were never up do not count as survivors. */
static void test_mass_death_counts_those_that_were_up(void **state)
{
	(void)state;
	c->guards.max_down_percent = 60;
	c->guards.down_window = S;
	add_owner(BATON_STANDBY_ORDERED, A, B, D, 0);
	cluster_host_down(c, E, NOW - 2 * S, r);
	set_state(C, HOST_UNKNOWN);
	cluster_host_down(c, B, NOW, r);
	cluster_host_down(c, A, NOW, r); /* 2 of 3, D is left */
	assert_held(1, HOLD_MASS_DEATH);
}

/* A lone death is no mass death, whatever its share. */
static void test_one_death_is_no_mass_death(void **state)
{
	uint16_t o = add_owner(BATON_STANDBY_ORDERED, A, B, 0);

	(void)state;
	c->guards.max_down_percent = 10;
	c->guards.down_window = S;
	cluster_host_down(c, A, NOW, r);
	assert_one_move(o, A, B, MOVE_HOST_DOWN);
}

static void test_by_hand(void **state)
{
	uint16_t o = add_owner(BATON_STANDBY_ORDERED, A, B, 0);

	(void)state;
	c->guards.min_move_interval = 1000 * S; /* does not apply by hand */
	set_state(C, HOST_DOWN);
	assert_int_equal(cluster_failover(c, 0, B, false, NOW, r), -ENOENT);
	assert_int_equal(cluster_failover(c, 77, B, false, NOW, r), -ENOENT);
	assert_int_equal(cluster_failover(c, o, 77, false, NOW, r), -ENOENT);
	assert_int_equal(cluster_failover(c, o, 77, true, NOW, r), -ENOENT);
	assert_int_equal(cluster_failover(c, o, A, true, NOW, r), -EALREADY);
	assert_int_equal(cluster_failover(c, o, C, false, NOW, r), -EHOSTDOWN);
	assert_int_equal(cluster_failback(c, o, false, NOW, r), -EALREADY);
	assert_int_equal(r->nr_moves, 0);
	assert_int_equal(c->owner[o].epoch, 1);

	/* a host that is not on the list: the operator's business */
	assert_int_equal(cluster_failover(c, o, D, false, NOW, r), 0);
	assert_one_move(o, A, D, MOVE_FAILOVER);
	set_state(A, HOST_DOWN);
	assert_int_equal(cluster_failback(c, o, false, NOW, r), -EHOSTDOWN);
	set_state(A, HOST_UP);
	assert_int_equal(cluster_failback(c, o, false, NOW, r), 0);
	assert_one_move(o, D, A, MOVE_FAILBACK);
}

/* What was forced stays, until the host has come up and gone down. */
static void test_forced(void **state)
{
	uint16_t o = add_owner(BATON_STANDBY_ORDERED, A, B, C, 0);

	(void)state;
	set_state(C, HOST_DOWN);
	assert_int_equal(cluster_failover(c, o, C, true, NOW, r), 0);
	assert_one_move(o, A, C, MOVE_FAILOVER);
	cluster_retry(c, NOW, r);
	assert_held(0, HOLD_NONE);
	cluster_host_up(c, B, NOW, r);
	assert_held(0, HOLD_NONE);
	cluster_host_up(c, C, NOW, r);
	cluster_host_down(c, C, NOW, r);
	assert_one_move(o, C, A, MOVE_HOST_DOWN);
}

/* A plan that is out of date is not what a failover by hand follows. */
static void test_failover_by_hand_after_host_down(void **state)
{
	uint16_t o = add_owner(BATON_STANDBY_ORDERED, A, B, C, 0);

	(void)state;
	cluster_host_down(c, B, NOW, r);
	assert_int_equal(cluster_failover(c, o, 0, false, NOW, r), 0);
	assert_one_move(o, A, C, MOVE_FAILOVER);
}

static void test_host_removed(void **state)
{
	uint16_t o = add_owner(BATON_STANDBY_ORDERED, A, B, 0);
	uint16_t stuck = add_owner(BATON_STANDBY_ORDERED, A, C, 0);

	(void)state;
	c->guards.min_move_interval = 1000 * S;
	c->owner[o].host = D;
	c->owner[o].moved = NOW;
	c->owner[stuck].host = D;
	set_state(A, HOST_DOWN);
	set_state(C, HOST_DOWN);
	cluster_host_removed(c, D, NOW, r);
	assert_int_equal(r->nr_moves, 2);
	assert_int_equal(r->moves[0].cause, MOVE_HOST_REMOVED);
	assert_int_equal(c->host[D].state, HOST_ABSENT);
	assert_int_equal(c->owner[o].host, B);
	assert_int_equal(c->owner[stuck].host, 0);
	assert_int_equal(c->owner[stuck].epoch, 2);
	assert_true(cluster_is_orphan(c, stuck));
	cluster_host_up(c, C, NOW, r);
	assert_one_move(stuck, 0, C, MOVE_RESCUE);
}

static void test_events_of_unknown_hosts_do_nothing(void **state)
{
	(void)state;
	add_owner(BATON_STANDBY_ORDERED, A, 0);
	cluster_host_down(c, 0, NOW, r);
	cluster_host_down(c, NR_HOSTS + 1, NOW, r);
	cluster_host_up(c, NR_HOSTS + 1, NOW, r);
	cluster_host_removed(c, NR_HOSTS + 1, NOW, r);
	assert_held(0, HOLD_NONE);
	assert_int_equal(c->host[NR_HOSTS + 1].state, HOST_ABSENT);
}

static void test_epoch_skips_zero(void **state)
{
	uint16_t o = add_owner(BATON_STANDBY_ORDERED, A, B, 0);

	(void)state;
	c->owner[o].epoch = UINT32_MAX;
	cluster_host_down(c, A, NOW, r);
	assert_one_move(o, A, B, MOVE_HOST_DOWN);
	assert_int_equal(c->owner[o].epoch, 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_ordered),
		TEST(test_ordered_without_list_is_every_host),
		TEST(test_priority),
		TEST(test_least_loaded),
		TEST(test_least_loaded_is_joint),
		TEST(test_spread),
		TEST(test_spread_makes_way),
		TEST(test_cases_are_apart),
		TEST(test_draining_hosts_take_nothing),
		TEST(test_unknown_hosts_are_the_last_resort),
		TEST(test_host_down_follows_the_plan),
		TEST(test_host_down_chooses_anew_if_next_is_down),
		TEST(test_choosing_anew_spreads_too),
		TEST(test_retry_plans_what_host_down_left),
		TEST(test_nobody_left),
		TEST(test_rescue_prefers_the_home),
		TEST(test_an_owner_without_host_is_not_guarded),
		TEST(test_too_soon),
		TEST(test_mass_death),
		TEST(test_mass_death_is_not_for_ever),
		TEST(test_mass_death_counts_those_that_were_up),
		TEST(test_one_death_is_no_mass_death),
		TEST(test_by_hand),
		TEST(test_forced),
		TEST(test_failover_by_hand_after_host_down),
		TEST(test_host_removed),
		TEST(test_events_of_unknown_hosts_do_nothing),
		TEST(test_epoch_skips_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
