// SPDX-License-Identifier: GPL-2.0-only
/*
 * Applications that fail, and the guards: each with the mechanism and without
 * it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "batond/cluster.h"

#define S 1000000000ULL
#define NOW (1000 * S)
#define WEB 1ULL
#define DB 2ULL

enum { A = 1, B, C, NR_HOSTS = C };
enum { OA = 1, OB, OC }; /* at home on A, B and C; their standbys follow */

static struct cluster c;
static struct cluster_result r;

/* Three hosts that are up, an owner on each; anybody may take over, in order. */
static int setup(void **state)
{
	(void)state;
	memset(&c, 0, sizeof(c));
	c.max_host = NR_HOSTS;
	c.max_owner = OC;
	for (int i = A; i <= C; i++) {
		c.host[i] = (struct cluster_host){ .state = HOST_UP,
						   .capacity = 100 };
		c.owner[i] = (struct cluster_owner){
			.exists = true,
			.home = i,
			.host = i,
			.epoch = 1,
			.standbys = { i % 3 + 1, (i + 1) % 3 + 1 },
		};
	}
	cluster_plan(&c);
	return 0;
}

static void assert_move(uint32_t i, uint16_t owner, uint16_t to,
			enum move_cause cause)
{
	assert_true(i < r.nr_moves);
	assert_int_equal(r.moves[i].owner, owner);
	assert_int_equal(r.moves[i].to, to);
	assert_int_equal(r.moves[i].cause, cause);
	assert_int_equal(c.owner[owner].host, to);
}

static void assert_held(enum hold_cause cause)
{
	assert_int_equal(r.nr_moves, 0);
	assert_int_equal(r.nr_held, 1);
	assert_int_equal(r.held, cause);
}

/* --- applications ----------------------------------------------------------- */

static void test_only_who_needs_it_moves(void **state)
{
	(void)state;
	c.owner[OB].host = A; /* A plays two */
	c.owner[OA].needs = WEB;
	c.owner[OB].needs = DB;
	cluster_plan(&c);
	cluster_host_apps(&c, A, WEB, NOW, &r);
	assert_int_equal(r.nr_moves, 1);
	assert_move(0, OA, B, MOVE_APP_FAILED);
	assert_int_equal(c.owner[OB].host, A);
	/* told again, it is nothing new */
	cluster_host_apps(&c, A, WEB, NOW, &r);
	assert_int_equal(r.nr_moves + r.nr_held, 0);
}

/* The ablation: an application that no service names moves nobody. */
static void test_not_needed(void **state)
{
	(void)state;
	cluster_host_apps(&c, A, WEB | DB, NOW, &r);
	assert_int_equal(r.nr_moves + r.nr_held, 0);
}

static void test_not_to_where_it_failed_as_well(void **state)
{
	(void)state;
	c.owner[OA].needs = WEB;
	c.host[B].failed = WEB;
	cluster_plan(&c);
	assert_int_equal(c.owner[OA].next, C);
	cluster_host_down(&c, A, NOW, &r);
	assert_move(0, OA, C, MOVE_HOST_DOWN);
}

static void test_failed_everywhere(void **state)
{
	(void)state;
	c.owner[OA].needs = WEB;
	c.host[B].failed = WEB;
	c.host[C].failed = WEB;
	cluster_plan(&c);
	cluster_host_apps(&c, A, WEB, NOW, &r);
	assert_held(HOLD_NO_STANDBY);
	assert_int_equal(c.owner[OA].host, A);
	/* where it is up first, there the owner goes */
	cluster_host_apps(&c, C, 0, NOW + S, &r);
	cluster_retry(&c, NOW + S, &r);
	assert_int_equal(r.nr_moves, 1);
	assert_move(0, OA, C, MOVE_APP_FAILED);
}

static void test_up_again_where_it_was(void **state)
{
	(void)state;
	c.owner[OA].needs = WEB;
	c.host[B].failed = WEB;
	c.host[C].failed = WEB;
	cluster_host_apps(&c, A, WEB, NOW, &r);
	cluster_host_apps(&c, A, 0, NOW + S, &r);
	cluster_retry(&c, NOW + S, &r);
	assert_int_equal(r.nr_moves + r.nr_held, 0);
	assert_int_equal(c.owner[OA].epoch, 1);
}

/* --- maintenance, dry run ------------------------------------------------------ */

static void test_maintenance_of_everything(void **state)
{
	(void)state;
	c.guards.maintenance = true;
	cluster_host_down(&c, A, NOW, &r);
	assert_held(HOLD_MAINTENANCE);
	/* by hand it goes */
	assert_int_equal(cluster_failover(&c, OA, B, false, NOW, &r), 0);
	assert_move(0, OA, B, MOVE_FAILOVER);
	/* and when it is over, the rest by itself */
	cluster_host_down(&c, C, NOW, &r);
	assert_held(HOLD_MAINTENANCE);
	c.guards.maintenance = false;
	cluster_retry(&c, NOW + S, &r);
	assert_move(0, OC, B, MOVE_HOST_DOWN);
}

static void test_maintenance_of_a_host(void **state)
{
	(void)state;
	c.host[B].maintenance = true;
	cluster_plan(&c);
	/* nothing goes there */
	cluster_host_down(&c, A, NOW, &r);
	assert_move(0, OA, C, MOVE_HOST_DOWN);
	/* and nothing from there */
	cluster_host_down(&c, B, NOW + 10 * S, &r);
	assert_held(HOLD_MAINTENANCE);
	assert_int_equal(c.owner[OB].host, B);
}

static void test_dry_run(void **state)
{
	(void)state;
	c.guards.dry_run = true;
	cluster_host_down(&c, A, NOW, &r);
	assert_held(HOLD_DRY_RUN);
	assert_int_equal(r.nr_holds, 1);
	assert_int_equal(r.holds[0].owner, OA);
	assert_int_equal(r.holds[0].from, A);
	assert_int_equal(r.holds[0].to, B);
	assert_int_equal(r.holds[0].cause, MOVE_HOST_DOWN);
	assert_int_equal(r.holds[0].held, HOLD_DRY_RUN);
	assert_int_equal(c.owner[OA].host, A);
	assert_int_equal(c.owner[OA].epoch, 1);
	/* other reasons come first: it would not have moved */
	c.host[B].state = HOST_DOWN;
	c.host[C].state = HOST_DOWN;
	cluster_retry(&c, NOW, &r);
	assert_int_equal(r.held, HOLD_NO_STANDBY);
}

static void test_neither(void **state)
{
	(void)state;
	cluster_host_down(&c, A, NOW, &r);
	assert_move(0, OA, B, MOVE_HOST_DOWN);
}

/* --- dampening ------------------------------------------------------------------ */

/* B goes down and up, three times within a second; then A dies. */
static void flap_and_fail(void)
{
	for (int i = 0; i < 3; i++) {
		cluster_host_down(&c, B, NOW + i * S / 4, &r);
		cluster_host_up(&c, B, NOW + i * S / 4 + 1, &r);
	}
	cluster_host_down(&c, A, NOW + S, &r);
}

static void test_a_flapping_host_takes_nothing_over(void **state)
{
	(void)state;
	c.guards.dampening = (struct dampening_rule){ .half_life = 60 * S,
						      .step = 1000,
						      .suppress = 2500,
						      .reuse = 1000,
						      .longest = 300 * S };
	flap_and_fail();
	assert_move(0, OA, C, MOVE_HOST_DOWN);
	/* after a quiet time it does */
	cluster_host_up(&c, A, NOW + 2 * S, &r);
	cluster_retry(&c, NOW + 400 * S, &r);
	assert_int_equal(c.host[B].dampening.suppressed, 0);
	cluster_host_down(&c, C, NOW + 401 * S, &r);
	for (uint32_t i = 0; i < r.nr_moves; i++)
		if (r.moves[i].owner == OA)
			assert_int_not_equal(r.moves[i].to, 0);
	assert_true(r.nr_moves > 0);
}

static void test_without_dampening_it_does(void **state)
{
	(void)state;
	flap_and_fail();
	assert_move(0, OA, B, MOVE_HOST_DOWN);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
		TEST(test_only_who_needs_it_moves),
		TEST(test_not_needed),
		TEST(test_not_to_where_it_failed_as_well),
		TEST(test_failed_everywhere),
		TEST(test_up_again_where_it_was),
		TEST(test_maintenance_of_everything),
		TEST(test_maintenance_of_a_host),
		TEST(test_dry_run),
		TEST(test_neither),
		TEST(test_a_flapping_host_takes_nothing_over),
		TEST(test_without_dampening_it_does),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
