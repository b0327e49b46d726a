// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random clusters and random events: what must hold whatever happens.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "batond/cluster.h"

#define MS 1000000ULL
#define SEEDS 300
#define EVENTS 100
#define HOSTS 8
#define OWNERS 20

static struct cluster *c;
static struct cluster_result *r;
static struct cluster_owner before[OWNERS + 1];
static uint64_t rng, now;

/* xorshift64* (Vigna 2014) */
static uint32_t draw(uint32_t n)
{
	rng ^= rng >> 12;
	rng ^= rng << 25;
	rng ^= rng >> 27;
	return (rng * 0x2545f4914f6cdd1dULL >> 32) % n;
}

static void random_owner(uint16_t id)
{
	struct cluster_owner *o = &c->owner[id];
	uint32_t listed = draw(2) ? 0 : 1 + draw(4);

	*o = (struct cluster_owner){
		.exists = draw(10),
		.policy = draw(BATON_NR_STANDBY_POLICIES),
		.home = 1 + draw(c->max_host),
		.epoch = draw(3) ? 1 : UINT32_MAX - draw(3),
	};
	o->host = o->home;
	for (uint32_t i = 0; i < listed; i++)
		o->standbys[i] = 1 + draw(c->max_host);
}

static void random_cluster(uint64_t seed, bool guarded)
{
	memset(c, 0, sizeof(*c));
	rng = (seed + 1) * 0x9e3779b97f4a7c15ULL;
	now = 1000 * MS;
	c->max_host = 2 + draw(HOSTS - 1);
	c->max_owner = 1 + draw(OWNERS);
	for (uint16_t i = 1; i <= c->max_host; i++)
		c->host[i] = (struct cluster_host){
			.state = HOST_UNKNOWN + draw(2),
			.priority = draw(3),
			.capacity = 1 + draw(3),
		};
	for (uint16_t i = 1; i <= c->max_owner; i++)
		random_owner(i);
	if (guarded)
		c->guards = (struct cluster_guards){
			.min_move_interval = draw(3) * 50 * MS,
			.max_down_percent = draw(4) * 30,
			.down_window = draw(200) * MS,
		};
	cluster_plan(c);
}

static bool is_permitted(const struct cluster_owner *o, uint16_t host)
{
	if (host == o->home || !o->standbys[0])
		return true;
	for (int i = 0; i < BATON_MAX_STANDBYS; i++)
		if (o->standbys[i] == host)
			return true;
	return false;
}

/* Is there a host in this state that could take the owner over? */
static bool has_candidate(const struct cluster_owner *o, enum host_state state)
{
	for (uint16_t i = 1; i <= c->max_host; i++)
		if (i != o->host && c->host[i].state == state &&
		    !c->host[i].draining && is_permitted(o, i))
			return true;
	return false;
}

/* The moves that were told are the changes that were made, each of them once,
 * and each with the epoch that follows; nothing else changed epochs. */
static void assert_moves_are_the_changes(void)
{
	struct cluster_owner expect[OWNERS + 1];

	memcpy(expect, before, sizeof(expect));
	for (uint32_t i = 0; i < r->nr_moves; i++) {
		const struct move *m = &r->moves[i];
		struct cluster_owner *o = &expect[m->owner];

		assert_true(o->exists);
		assert_int_equal(o->epoch, before[m->owner].epoch);
		assert_int_equal(m->from, o->host);
		assert_int_not_equal(m->to, m->from);
		o->host = m->to;
		o->epoch = o->epoch == UINT32_MAX ? 1 : o->epoch + 1;
		assert_int_equal(m->epoch, o->epoch);
	}
	for (uint16_t i = 1; i <= c->max_owner; i++) {
		assert_int_equal(c->owner[i].host, expect[i].host);
		assert_int_equal(c->owner[i].epoch, expect[i].epoch);
	}
}

/* What nobody ordered goes only to hosts that are up and wanted. */
static void assert_moves_are_permitted(void)
{
	for (uint32_t i = 0; i < r->nr_moves; i++) {
		const struct move *m = &r->moves[i];

		if (m->cause == MOVE_HOST_REMOVED && !m->to)
			continue;
		assert_int_equal(c->host[m->to].state, HOST_UP);
		assert_false(c->host[m->to].draining);
		assert_true(is_permitted(&c->owner[m->owner], m->to));
	}
}

/* After a retry: orphans are those that were forced, held, or hopeless. */
static void assert_nobody_is_forgotten(void)
{
	bool guarded = c->guards.min_move_interval ||
		       c->guards.max_down_percent;
	uint32_t orphans = 0;

	for (uint16_t i = 1; i <= c->max_owner; i++) {
		const struct cluster_owner *o = &c->owner[i];

		if (!cluster_is_orphan(c, i) || o->forced)
			continue;
		orphans++;
		if (!guarded || !o->host)
			assert_false(has_candidate(o, HOST_UP));
	}
	assert_int_equal(r->nr_held, orphans);
	if (!guarded && orphans)
		assert_int_equal(r->held, HOLD_NO_STANDBY);
}

static void assert_plan_is_good(void)
{
	for (uint16_t i = 1; i <= c->max_owner; i++) {
		const struct cluster_owner *o = &c->owner[i];
		const struct cluster_host *next = &c->host[o->next];

		if (!o->exists)
			continue;
		if (!o->next) {
			assert_false(has_candidate(o, HOST_UP));
			assert_false(has_candidate(o, HOST_UNKNOWN));
			continue;
		}
		assert_int_not_equal(o->next, o->host);
		assert_true(is_permitted(o, o->next));
		assert_false(next->draining);
		if (has_candidate(o, HOST_UP))
			assert_int_equal(next->state, HOST_UP);
		else
			assert_int_equal(next->state, HOST_UNKNOWN);
	}
}

static void assert_plan_is_deterministic(void)
{
	memcpy(before, c->owner, sizeof(before));
	for (uint16_t i = 1; i <= c->max_owner; i++)
		c->owner[i].next = 0;
	cluster_plan(c);
	assert_memory_equal(before, c->owner, sizeof(before));
}

/* True if it was the operator's order. */
static bool random_event(void)
{
	uint16_t host = 1 + draw(c->max_host);
	uint16_t owner = 1 + draw(c->max_owner);

	r->nr_moves = 0;
	switch (draw(12)) {
	case 0:
		c->host[host].draining = !c->host[host].draining;
		cluster_plan(c);
		return false;
	case 1:
		c->host[host].flows = draw(1000);
		cluster_plan(c);
		return false;
	case 2:
		cluster_failover(c, owner, draw(c->max_host + 2), draw(2), now,
				 r);
		return true;
	case 3:
		cluster_failback(c, owner, draw(2), now, r);
		return true;
	case 4:
		if (!draw(10))
			cluster_host_removed(c, host, now, r);
		return false;
	case 5:
	case 6:
	case 7:
		cluster_host_up(c, host, now, r);
		return false;
	default:
		cluster_host_down(c, host, now, r);
		return false;
	}
}

static void run(uint64_t seed, bool guarded)
{
	random_cluster(seed, guarded);
	for (int i = 0; i < EVENTS; i++) {
		now += draw(100) * MS;
		memcpy(before, c->owner, sizeof(before));
		if (!random_event())
			assert_moves_are_permitted();
		assert_moves_are_the_changes();

		memcpy(before, c->owner, sizeof(before));
		cluster_retry(c, now, r);
		assert_moves_are_permitted();
		assert_moves_are_the_changes();
		assert_nobody_is_forgotten();
		assert_plan_is_good();
		assert_plan_is_deterministic();
	}
}

static void test_without_guards(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < SEEDS; seed++)
		run(seed, false);
}

static void test_with_guards(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < SEEDS; seed++)
		run(seed, true);
}

/* Where everybody may go anywhere, a dying host's owners are spread evenly. */
static void test_spread_is_even(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		uint32_t taken[HOSTS + 1] = { 0 };
		uint32_t up = 0;

		random_cluster(seed, false);
		for (uint16_t i = 1; i <= c->max_host; i++) {
			c->host[i].state = draw(3) ? HOST_UP : HOST_DOWN;
			up += i > 1 && c->host[i].state == HOST_UP;
		}
		for (uint16_t i = 1; i <= c->max_owner; i++) {
			random_owner(i);
			c->owner[i].exists = true;
			c->owner[i].policy = BATON_STANDBY_SPREAD;
			c->owner[i].host = 1;
			c->owner[i].standbys[0] = 0;
		}
		cluster_plan(c);
		cluster_host_down(c, 1, now, r);
		assert_int_equal(r->nr_moves, up ? c->max_owner : 0);
		for (uint32_t i = 0; i < r->nr_moves; i++)
			taken[r->moves[i].to]++;
		for (uint16_t i = 2; up && i <= c->max_host; i++)
			if (c->host[i].state == HOST_UP)
				assert_in_range(taken[i], c->max_owner / up,
						(c->max_owner + up - 1) / up);
	}
}

static int setup(void **state)
{
	(void)state;
	c = malloc(sizeof(*c));
	r = malloc(sizeof(*r));
	return c && r ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	free(c);
	free(r);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_guards),
		cmocka_unit_test(test_with_guards),
		cmocka_unit_test(test_spread_is_even),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
