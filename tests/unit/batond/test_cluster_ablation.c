// SPDX-License-Identifier: GPL-2.0-only
/*
 * What each guard is for: the same events with it and without it. Whoever
 * removes a guard from the code finds the two alike here.
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

enum { A = 1, B, C, D, NR_HOSTS = D };
enum { OWNER = 1 }; /* at home on A; B, C and D may take it over */

static struct cluster c;
static struct cluster_result r;
static uint32_t moves; /* in the scenario so far */

static void begin(void)
{
	memset(&c, 0, sizeof(c));
	moves = 0;
	c.max_host = NR_HOSTS;
	c.max_owner = OWNER;
	for (int i = A; i <= NR_HOSTS; i++)
		c.host[i] = (struct cluster_host){ .state = HOST_UP,
						   .capacity = 100 };
	c.owner[OWNER] = (struct cluster_owner){
		.exists = true,
		.home = A,
		.host = A,
		.epoch = 1,
		.standbys = { B, C, D },
		.needs = WEB,
	};
	cluster_plan(&c);
}

/* --- what happens ------------------------------------------------------------ */

static void down(uint16_t host, uint64_t at)
{
	cluster_host_down(&c, host, at, &r);
	moves += r.nr_moves;
}

static void up(uint16_t host, uint64_t at)
{
	cluster_host_up(&c, host, at, &r);
	moves += r.nr_moves;
}

static void retry(uint64_t at)
{
	cluster_retry(&c, at, &r);
	moves += r.nr_moves;
}

static void one_dies(void)
{
	down(A, NOW);
}

static void the_next_one_dies(void)
{
	down(A, NOW);
	down(B, NOW + S);
}

/* The switch lost its link, and sees all but the first of them die. */
static void most_die(void)
{
	down(B, NOW);
	down(C, NOW + 1);
	down(A, NOW + 2);
	retry(NOW + S / 2);
}

/* B comes and goes all the time, and is the first in the list. */
static void b_flaps_and_a_dies(void)
{
	for (int i = 0; i < 5; i++) {
		down(B, NOW + i * S);
		up(B, NOW + i * S + S / 2);
	}
	down(A, NOW + 10 * S);
}

/* The same, but each time it says that it leaves. */
static void b_is_restarted_and_a_dies(void)
{
	for (int i = 0; i < 5; i++) {
		cluster_host_leaving(&c, B, NOW + i * S, &r);
		up(B, NOW + i * S + S / 2);
	}
	down(A, NOW + 10 * S);
}

static void its_application_fails(void)
{
	cluster_host_apps(&c, A, WEB, NOW, &r);
	moves += r.nr_moves;
}

static void a_dies_and_the_application_failed_on_b(void)
{
	cluster_host_apps(&c, B, WEB, NOW, &r);
	down(A, NOW + S);
}

/* --- the guards ---------------------------------------------------------------- */

static void none(void)
{
}

static void min_move_interval(void)
{
	c.guards.min_move_interval = 10 * S;
}

static void max_down(void)
{
	c.guards.max_down_percent = 60;
	c.guards.down_window = S;
}

static void dampening(void)
{
	c.guards.dampening = (struct dampening_rule){ .half_life = 60 * S,
						      .step = 1000,
						      .suppress = 4000,
						      .reuse = 1500,
						      .longest = 300 * S };
}

static void maintenance(void)
{
	c.guards.maintenance = true;
}

static void maintenance_of_a(void)
{
	c.host[A].maintenance = true;
}

static void maintenance_of_b(void)
{
	c.host[B].maintenance = true;
}

static void dry_run(void)
{
	c.guards.dry_run = true;
}

static void not_needed(void)
{
	c.owner[OWNER].needs = 0;
}

/* Where the owner is in the end, after how many moves. */
static const struct {
	void (*happens)(void);
	void (*guard)(void);
	uint16_t host;
	uint32_t moves;
} table[] = {
	{ one_dies, none, B, 1 },
	{ one_dies, min_move_interval, B, 1 },
	{ one_dies, max_down, B, 1 },
	{ one_dies, dampening, B, 1 },
	{ one_dies, maintenance, A, 0 },
	{ one_dies, maintenance_of_a, A, 0 },
	{ one_dies, maintenance_of_b, C, 1 },
	{ one_dies, dry_run, A, 0 },

	{ the_next_one_dies, none, C, 2 },
	{ the_next_one_dies, min_move_interval, B, 1 },

	{ most_die, none, D, 1 },
	{ most_die, max_down, A, 0 },

	{ b_flaps_and_a_dies, none, B, 1 },
	{ b_flaps_and_a_dies, dampening, C, 1 },
	{ b_is_restarted_and_a_dies, dampening, B, 1 },

	{ its_application_fails, none, B, 1 },
	{ its_application_fails, not_needed, A, 0 },
	{ its_application_fails, maintenance, A, 0 },
	{ its_application_fails, dry_run, A, 0 },

	{ a_dies_and_the_application_failed_on_b, none, C, 1 },
	{ a_dies_and_the_application_failed_on_b, not_needed, B, 1 },
};

static void test_each_with_and_without(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		begin();
		table[i].guard();
		cluster_plan(&c);
		table[i].happens();
		if (c.owner[OWNER].host != table[i].host ||
		    moves != table[i].moves)
			fail_msg("row %zu: on host %u after %u moves", i,
				 c.owner[OWNER].host, moves);
		assert_int_equal(c.owner[OWNER].epoch, 1 + moves);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_with_and_without),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
