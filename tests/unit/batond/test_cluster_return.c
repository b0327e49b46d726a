// SPDX-License-Identifier: GPL-2.0-only
/* Rows K5, K8: hosts whose applications lack state, and going home. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "batond/cluster.h"

#define S 1000000000ULL
#define NOW (1000 * S)
#define AFTER (10 * S)

enum { A = 1, B, C, NR_HOSTS = C };
enum { O = 1 };
enum { WEB = 1 << 0, DB = 1 << 1 };

static struct cluster c;
static struct cluster_result r;

/* O, at home on A, needs WEB, and goes home by itself after AFTER. */
static int setup(void **state)
{
	(void)state;
	memset(&c, 0, sizeof(c));
	for (int i = A; i <= NR_HOSTS; i++)
		c.host[i] = (struct cluster_host){ .state = HOST_UP,
						   .capacity = 1 };
	c.max_host = NR_HOSTS;
	c.max_owner = O;
	c.owner[O] = (struct cluster_owner){ .exists = true,
					     .home = A,
					     .host = A,
					     .standbys = { B, C },
					     .epoch = 1,
					     .needs = WEB,
					     .returns = true,
					     .returns_after = AFTER };
	cluster_plan(&c);
	return 0;
}

/* A dies, and is back at NOW, without state. */
static void die_and_return(void)
{
	cluster_host_down(&c, A, NOW - S, &r);
	assert_int_equal(c.owner[O].host, B);
	cluster_host_said(&c, A, WEB, 0, NOW);
	cluster_host_up(&c, A, NOW, &r);
	assert_int_equal(r.nr_moves, 0);
}

static void assert_stays(uint64_t now)
{
	cluster_retry(&c, now, &r);
	assert_int_equal(r.nr_moves, 0);
	assert_int_equal(c.owner[O].host, B);
}

static void assert_returns(uint64_t now)
{
	cluster_retry(&c, now, &r);
	assert_int_equal(r.nr_moves, 1);
	assert_int_equal(r.moves[0].cause, MOVE_RETURN);
	assert_int_equal(r.moves[0].to, A);
	assert_int_equal(c.owner[O].host, A);
	assert_int_equal(c.owner[O].next, B);
}

static void test_returns_when_ready(void **state)
{
	(void)state;
	die_and_return();
	assert_stays(NOW + 100 * S); /* it lacks what it needs */
	cluster_host_said(&c, A, 0, WEB, NOW + 100 * S);
	assert_stays(NOW + 200 * S); /* nobody keeps it up to date */
	cluster_host_said(&c, A, DB, DB, NOW + 200 * S);
	assert_stays(NOW + 200 * S + AFTER - 1);
	assert_returns(NOW + 200 * S + AFTER);
	cluster_retry(&c, NOW + 300 * S, &r);
	assert_int_equal(r.nr_moves, 0);
}

/* Ready for a while, but not for long enough at a time. */
static void test_flapping(void **state)
{
	uint64_t now = NOW;

	(void)state;
	die_and_return();
	for (int i = 0; i < 10; i++) {
		cluster_host_said(&c, A, 0, 0, now);
		assert_stays(now += AFTER - 1);
		if (i % 2)
			cluster_host_said(&c, A, WEB, 0, now);
		else
			cluster_host_down(&c, A, now, &r);
		assert_stays(now += AFTER);
		cluster_host_up(&c, A, now, &r);
		cluster_host_said(&c, A, WEB, 0, now);
	}
	cluster_host_said(&c, A, 0, 0, now);
	assert_returns(now + AFTER);
}

/* Who plays it knows best whether others have it. */
static void test_player_is_alone(void **state)
{
	(void)state;
	die_and_return();
	cluster_host_said(&c, A, 0, 0, NOW);
	cluster_host_said(&c, B, 0, WEB, NOW);
	assert_stays(NOW + 100 * S);
	cluster_host_said(&c, B, 0, 0, NOW + 100 * S);
	assert_stays(NOW + 100 * S + AFTER - 1);
	assert_returns(NOW + 100 * S + AFTER);
}

static void test_only_if_wanted(void **state)
{
	(void)state;
	c.owner[O].returns = false;
	die_and_return();
	cluster_host_said(&c, A, 0, 0, NOW);
	assert_stays(NOW + 1000 * S);
}

static void test_guards(void **state)
{
	(void)state;
	die_and_return();
	cluster_host_said(&c, A, 0, 0, NOW);
	c.guards.maintenance = true;
	assert_stays(NOW + 20 * S);
	c.guards.maintenance = false;
	c.host[A].maintenance = true;
	assert_stays(NOW + 20 * S);
	c.host[A].maintenance = false;
	c.host[A].draining = true;
	assert_stays(NOW + 20 * S);
	c.host[A].draining = false;
	c.guards.min_move_interval = 60 * S;
	assert_stays(NOW + 58 * S);
	assert_int_equal(r.nr_holds, 0); /* it only waits */
	c.guards.dry_run = true;
	assert_stays(NOW + 60 * S);
	assert_int_equal(r.nr_holds, 1);
	assert_int_equal(r.holds[0].cause, MOVE_RETURN);
	assert_stays(NOW + 61 * S);
	assert_int_equal(r.nr_holds, 0); /* it is told once */
	c.guards.dry_run = false;
	assert_returns(NOW + 62 * S);
}

/* By hand: refused while it would lose something, unless it is forced. */
static void test_by_hand(void **state)
{
	(void)state;
	c.owner[O].returns = false;
	die_and_return();
	assert_int_equal(cluster_failback(&c, O, false, NOW, &r), -ENODATA);
	assert_int_equal(cluster_failover(&c, O, A, false, NOW, &r), -ENODATA);
	assert_int_equal(r.nr_moves, 0);
	cluster_host_said(&c, A, 0, WEB, NOW);
	assert_int_equal(cluster_failback(&c, O, false, NOW, &r), -ENODATA);
	cluster_host_said(&c, A, 0, 0, NOW);
	cluster_host_said(&c, B, 0, WEB, NOW);
	assert_int_equal(cluster_failback(&c, O, false, NOW, &r), -ENODATA);
	assert_int_equal(cluster_failback(&c, O, true, NOW, &r), 0);
	assert_int_equal(c.owner[O].host, A);
}

/* A standby that has everything goes before one that has not, whatever the
 * order; one that has not before none. */
static void test_choice(void **state)
{
	struct other others[OTHERS_KEPT];

	(void)state;
	cluster_host_said(&c, B, WEB, 0, NOW);
	cluster_retry(&c, NOW, &r);
	assert_int_equal(c.owner[O].next, C);
	cluster_host_down(&c, A, NOW, &r);
	assert_int_equal(r.moves[0].to, C);
	assert_int_equal(cluster_others(&c, &r.moves[0], others), 1);
	assert_int_equal(others[0].host, B);
	assert_int_equal(others[0].why, WHY_NOT_PARTIAL);
	cluster_host_down(&c, C, NOW, &r);
	assert_int_equal(r.moves[0].to, B);
}

/* It was planned before it lost its state. */
static void test_plan_is_stale(void **state)
{
	(void)state;
	assert_int_equal(c.owner[O].next, B);
	cluster_host_said(&c, B, WEB, 0, NOW);
	cluster_host_down(&c, A, NOW, &r);
	assert_int_equal(r.moves[0].to, C);
}

/* Whatever happens, nothing goes home that is not ready for it. */
static void test_random(void **state)
{
	unsigned int returned = 0;

	(void)state;
	srandom(1);
	for (int run = 0; run < 200; run++) {
		uint64_t now = NOW, ready = 0;

		setup(NULL);
		for (int i = 0; i < 300; i++) {
			uint16_t host = 1 + random() % NR_HOSTS;
			bool was_ready;

			now += random() % (4 * S);
			switch (random() % 4) {
			case 0:
				cluster_host_down(&c, host, now, &r);
				break;
			case 1:
				cluster_host_up(&c, host, now, &r);
				break;
			default:
				cluster_host_said(&c, host,
						  random() % 4 ? 0 : WEB,
						  random() % 4 ? 0 : WEB, now);
			}
			was_ready = c.host[A].state == HOST_UP &&
				    !c.host[A].partial && !c.host[A].alone;
			ready = was_ready ? ready ?: now : 0;
			now += random() % (12 * S);
			cluster_retry(&c, now, &r);
			for (uint32_t m = 0; m < r.nr_moves; m++) {
				if (r.moves[m].cause != MOVE_RETURN)
					continue;
				returned++;
				assert_true(ready && now - ready >= AFTER);
				assert_false(c.host[r.moves[m].from].alone);
			}
		}
	}
	assert_true(returned > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_returns_when_ready, setup),
		cmocka_unit_test_setup(test_flapping, setup),
		cmocka_unit_test_setup(test_player_is_alone, setup),
		cmocka_unit_test_setup(test_only_if_wanted, setup),
		cmocka_unit_test_setup(test_guards, setup),
		cmocka_unit_test_setup(test_by_hand, setup),
		cmocka_unit_test_setup(test_choice, setup),
		cmocka_unit_test_setup(test_plan_is_stale, setup),
		cmocka_unit_test_setup(test_random, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
