// SPDX-License-Identifier: GPL-2.0-only
/*
 * What decisions say of themselves: what is held and why, what the guards saw,
 * why other hosts were not chosen. And what force does.
 */
#include <errno.h>
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

enum { A = 1, B, C, D, NR_HOSTS = D };
enum { OA = 1, OB }; /* at home on A and B */

static struct cluster c;
static struct cluster_result r;

static int setup(void **state)
{
	(void)state;
	memset(&c, 0, sizeof(c));
	c.max_host = NR_HOSTS;
	c.max_owner = OB;
	for (int i = A; i <= NR_HOSTS; i++)
		c.host[i] = (struct cluster_host){ .state = HOST_UP,
						   .priority = 100,
						   .capacity = 100 };
	for (int i = OA; i <= OB; i++)
		c.owner[i] = (struct cluster_owner){ .exists = true,
						     .home = i,
						     .host = i,
						     .epoch = 1,
						     .needs = WEB };
	cluster_plan(&c);
	return 0;
}

/* --- told once ------------------------------------------------------------------ */

static void assert_told(uint32_t held, uint32_t told)
{
	assert_int_equal(r.nr_moves, 0);
	assert_int_equal(r.nr_held, held);
	assert_int_equal(r.nr_holds, told);
}

static void test_each_decision_once(void **state)
{
	(void)state;
	c.owner[OB].host = A;
	c.guards.dry_run = true;
	cluster_plan(&c);
	cluster_host_down(&c, A, NOW, &r);
	assert_told(2, 2);
	assert_int_equal(r.holds[0].owner, OA);
	assert_int_equal(r.holds[1].owner, OB);
	for (int i = 1; i < 10; i++) {
		cluster_retry(&c, NOW + i * S, &r);
		assert_told(2, 0);
	}
	/* something else holds them now, and then the first again */
	c.guards.maintenance = true;
	cluster_retry(&c, NOW + 10 * S, &r);
	assert_told(2, 2);
	assert_int_equal(r.holds[0].held, HOLD_MAINTENANCE);
	c.guards.maintenance = false;
	cluster_retry(&c, NOW + 11 * S, &r);
	assert_told(2, 2);
	/* it comes and goes: that is new */
	cluster_host_up(&c, A, NOW + 12 * S, &r);
	assert_told(0, 0);
	cluster_host_down(&c, A, NOW + 13 * S, &r);
	assert_told(2, 2);
	/* and at last they move */
	c.guards.dry_run = false;
	cluster_retry(&c, NOW + 14 * S, &r);
	assert_int_equal(r.nr_moves, 2);
	assert_int_equal(r.nr_holds, 0);
	assert_int_equal(r.moves[0].held, HOLD_NONE);
}

/* --- what the guards saw -------------------------------------------------------- */

static void test_guards_say_what_they_saw(void **state)
{
	(void)state;
	c.guards.down_window = S;
	cluster_host_down(&c, A, NOW, &r);
	assert_int_equal(r.moves[0].guards.died, 1);
	assert_int_equal(r.moves[0].guards.hosts, NR_HOSTS);
	assert_int_equal(r.moves[0].guards.since_move, 0);
	assert_int_equal(r.moves[0].to, B);
	cluster_retry(&c, NOW, &r);
	cluster_host_down(&c, B, NOW + S / 2, &r);
	assert_int_equal(r.nr_moves, 2);
	assert_int_equal(r.moves[0].guards.died, 2);
	assert_int_equal(r.moves[0].guards.hosts, NR_HOSTS);
	assert_int_equal(r.moves[0].guards.since_move, S / 2);
	/* by hand none was asked */
	assert_int_equal(cluster_failover(&c, OA, D, false, NOW + S, &r), 0);
	assert_int_equal(r.moves[0].guards.hosts, 0);
}

/* --- why another one ------------------------------------------------------------- */

static void none(void)
{
}

static void down(void)
{
	c.host[C].state = HOST_DOWN;
}

static void unknown(void)
{
	c.host[C].state = HOST_UNKNOWN;
}

static void draining(void)
{
	c.host[C].draining = true;
}

static void maintenance(void)
{
	c.host[C].maintenance = true;
}

static void suppressed(void)
{
	c.host[C].dampening.suppressed = NOW;
}

static void failed(void)
{
	c.host[C].failed = WEB;
}

static void another_failed(void)
{
	c.host[C].failed = ~WEB;
}

static void priority(void)
{
	c.owner[OA].policy = BATON_STANDBY_PRIORITY;
	c.host[C].priority = 99;
}

static void same_priority(void)
{
	c.owner[OA].policy = BATON_STANDBY_PRIORITY;
	c.host[C].flows = 1;
}

static void least_loaded(void)
{
	c.owner[OA].policy = BATON_STANDBY_LEAST_LOADED;
	c.host[C].flows = 1;
}

static void spread(void)
{
	c.owner[OA].policy = BATON_STANDBY_SPREAD;
}

static const struct {
	void (*make)(void);
	enum why_not why;
} reasons[] = {
	{ none, WHY_NOT_ORDER },
	{ down, WHY_NOT_DOWN },
	{ unknown, WHY_NOT_UNKNOWN },
	{ draining, WHY_NOT_DRAINING },
	{ maintenance, WHY_NOT_MAINTENANCE },
	{ suppressed, WHY_NOT_SUPPRESSED },
	{ failed, WHY_NOT_APP_FAILED },
	{ another_failed, WHY_NOT_ORDER },
	{ priority, WHY_NOT_PRIORITY },
	{ same_priority, WHY_NOT_LOAD },
	{ least_loaded, WHY_NOT_LOAD },
	{ spread, WHY_NOT_SPREAD },
};

static void test_why_not_c(void **state)
{
	struct other others[OTHERS_KEPT];

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		setup(state);
		reasons[i].make();
		cluster_plan(&c);
		cluster_host_down(&c, A, NOW, &r);
		assert_int_equal(r.moves[0].to, B);
		assert_int_equal(cluster_others(&c, &r.moves[0], others), 2);
		assert_int_equal(others[0].host, C);
		assert_int_equal(others[0].why, reasons[i].why);
		assert_int_equal(others[1].host, D);
	}
}

/* Nobody could: each says why. */
static void test_why_nobody(void **state)
{
	struct other others[OTHERS_KEPT];

	(void)state;
	down();
	c.host[B].draining = true;
	c.host[D].failed = WEB;
	cluster_plan(&c);
	cluster_host_apps(&c, A, WEB, NOW, &r);
	assert_told(1, 1);
	assert_int_equal(r.holds[0].cause, MOVE_APP_FAILED);
	assert_int_equal(cluster_others(&c, &r.holds[0], others), 3);
	assert_int_equal(others[0].why, WHY_NOT_DRAINING);
	assert_int_equal(others[1].why, WHY_NOT_DOWN);
	assert_int_equal(others[2].why, WHY_NOT_APP_FAILED);
}

static void test_rescued_by_its_home(void **state)
{
	struct other others[OTHERS_KEPT];

	(void)state;
	for (int i = A; i <= NR_HOSTS; i++)
		c.host[i].state = HOST_DOWN;
	c.owner[OB].exists = false;
	c.owner[OA].host = D;
	cluster_host_up(&c, A, NOW, &r);
	assert_int_equal(r.moves[0].cause, MOVE_RESCUE);
	c.host[C].state = HOST_UP;
	assert_int_equal(cluster_others(&c, &r.moves[0], others), 2);
	assert_int_equal(others[0].why, WHY_NOT_DOWN);
	assert_int_equal(others[1].why, WHY_NOT_HOME_FIRST);
}

/* A list is followed in its order, and the home comes first. */
static void test_others_of_a_list(void **state)
{
	const struct move m = { .owner = OA, .from = C, .to = B };
	struct other others[OTHERS_KEPT];

	(void)state;
	c.owner[OA].standbys[0] = D;
	c.owner[OA].standbys[1] = B;
	c.owner[OA].standbys[2] = C;
	assert_int_equal(cluster_others(&c, &m, others), 2);
	assert_int_equal(others[0].host, A);
	assert_int_equal(others[1].host, D);
}

/* Of very many the first are told, and that there are more. */
static void test_many_others(void **state)
{
	const struct move m = { .owner = OA, .from = A, .to = B };
	struct other others[OTHERS_KEPT];

	(void)state;
	c.max_host = BATON_MAX_HOSTS - 1;
	for (int i = A; i <= c.max_host; i++)
		c.host[i].state = HOST_UP;
	assert_int_equal(cluster_others(&c, &m, others), OTHERS_KEPT + 1);
	assert_int_equal(others[OTHERS_KEPT - 1].host, B + OTHERS_KEPT);
	c.max_host = B + OTHERS_KEPT;
	assert_int_equal(cluster_others(&c, &m, others), OTHERS_KEPT);
}

/* --- by hand ---------------------------------------------------------------------- */

static void test_by_hand_to_a_failed_application(void **state)
{
	(void)state;
	c.owner[OB].exists = false;
	c.host[B].failed = WEB;
	cluster_plan(&c);
	assert_int_equal(cluster_failover(&c, OA, B, false, NOW, &r), -ESRCH);
	assert_int_equal(c.owner[OA].host, A);
	/* with force it goes, and is left there */
	assert_int_equal(cluster_failover(&c, OA, B, true, NOW, &r), 0);
	cluster_retry(&c, NOW + S, &r);
	assert_int_equal(c.owner[OA].host, B);
	assert_told(0, 0);
	/* until the application has been up: then it is like any other */
	cluster_host_apps(&c, B, 0, NOW + 2 * S, &r);
	assert_int_equal(c.owner[OA].host, B);
	cluster_host_apps(&c, B, WEB, NOW + 3 * S, &r);
	assert_int_equal(c.owner[OA].host, A);
}

/* Forced in spite of its application, not of the host: that may still die. */
static void test_forced_and_then_the_host_dies(void **state)
{
	(void)state;
	c.host[B].failed = WEB;
	cluster_plan(&c);
	assert_int_equal(cluster_failover(&c, OA, B, true, NOW, &r), 0);
	cluster_host_down(&c, B, NOW + S, &r);
	assert_int_equal(c.owner[OA].host, A);
	assert_int_equal(r.moves[0].cause, MOVE_HOST_DOWN);
}

/* A host that comes up with a failed application releases nobody. */
static void test_up_but_failed(void **state)
{
	(void)state;
	c.host[B].state = HOST_DOWN;
	c.host[B].failed = WEB;
	cluster_plan(&c);
	assert_int_equal(cluster_failover(&c, OA, B, true, NOW, &r), 0);
	cluster_host_up(&c, B, NOW + S, &r);
	assert_int_equal(c.owner[OA].host, B);
	cluster_retry(&c, NOW + 2 * S, &r);
	assert_int_equal(c.owner[OA].host, B);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
		TEST(test_each_decision_once),
		TEST(test_guards_say_what_they_saw),
		TEST(test_why_not_c),
		TEST(test_why_nobody),
		TEST(test_rescued_by_its_home),
		TEST(test_others_of_a_list),
		TEST(test_many_others),
		TEST(test_by_hand_to_a_failed_application),
		TEST(test_forced_and_then_the_host_dies),
		TEST(test_up_but_failed),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
