// SPDX-License-Identifier: GPL-2.0-only
/* What would happen is what happens, and nothing has happened yet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "batond/whatif.h"

#define S 1000000000ULL
#define NOW (1000 * S)
#define NR_HOSTS 8
#define NR_OWNERS 12

static struct cluster c, before, scratch;
static struct cluster_result r;
static struct whatif_owner owners[BATON_MAX_OWNERS];

static void random_cluster(unsigned int seed)
{
	srandom(seed);
	memset(&c, 0, sizeof(c));
	c.max_host = NR_HOSTS;
	c.max_owner = NR_OWNERS;
	c.guards.min_move_interval = random() % 2 * S;
	c.guards.max_down_percent = random() % 2 * 50;
	c.guards.down_window = S;
	c.guards.maintenance = random() % 10 == 0;
	for (int i = 1; i <= NR_HOSTS; i++)
		c.host[i] = (struct cluster_host){
			.state = random() % 5 ? HOST_UP : HOST_UNKNOWN,
			.priority = random() % 3,
			.capacity = 1 + random() % 3,
			.flows = random() % 1000,
			.draining = random() % 8 == 0,
			.failed = random() % 4 == 0,
		};
	for (int i = 1; i <= NR_OWNERS; i++) {
		struct cluster_owner *o = &c.owner[i];

		*o = (struct cluster_owner){
			.exists = random() % 6,
			.policy = random() % 4,
			.home = 1 + random() % NR_HOSTS,
			.epoch = 1,
			.moved = random() % 2 * (NOW - S / 2),
			.needs = random() % 2,
		};
		o->host = o->home;
		for (int n = 0, at = 0; n < 3; n++)
			if (random() % 2)
				o->standbys[at++] = 1 + random() % NR_HOSTS;
	}
	cluster_plan(&c);
}

/* One host: the same as when it really dies. */
static void test_one(void **state)
{
	(void)state;
	for (unsigned int seed = 1; seed <= 2000; seed++) {
		uint16_t host;
		uint32_t n;

		random_cluster(seed);
		host = 1 + random() % NR_HOSTS;
		memcpy(&before, &c, sizeof(c));
		n = whatif_die(&c, &host, 1, NOW, &scratch, &r, owners);
		assert_memory_equal(&before, &c, sizeof(c));
		cluster_host_down(&c, host, NOW, &r);
		for (uint32_t i = 0; i < n; i++) {
			const struct whatif_owner *o = &owners[i];

			assert_int_equal(o->from, host);
			assert_int_equal(o->to, c.owner[o->owner].host);
			if (o->to == o->from)
				assert_int_equal(o->held,
						 c.owner[o->owner].held);
		}
		for (uint32_t i = 1, at = 0; i <= NR_OWNERS; i++)
			if (before.owner[i].exists &&
			    before.owner[i].host == host)
				assert_int_equal(owners[at++].owner, i);
	}
}

/* Two: nobody goes to the other one, nor anywhere twice. */
static void test_two(void **state)
{
	(void)state;
	for (unsigned int seed = 1; seed <= 2000; seed++) {
		uint16_t hosts[] = { 1 + random() % NR_HOSTS,
				     1 + random() % NR_HOSTS };
		uint32_t n;

		random_cluster(seed);
		n = whatif_die(&c, hosts, 2, NOW, &scratch, &r, owners);
		for (uint32_t i = 0; i < n; i++) {
			const struct whatif_owner *o = &owners[i];

			assert_true(o->to == o->from ||
				    (o->to != hosts[0] && o->to != hosts[1]));
			assert_int_equal(o->to == o->from,
					 o->held != HOLD_NONE);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
