// SPDX-License-Identifier: GPL-2.0-only
/* Row K7: when a host is asked for, and how often. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "batond/cold.h"

#define S 1000000000ULL
#define AFTER (5 * S)

enum { A = 1, B, C, NR_HOSTS = C };

static struct cluster c;
static struct cold cold;

static int setup(void **state)
{
	(void)state;
	memset(&c, 0, sizeof(c));
	memset(&cold, 0, sizeof(cold));
	for (int i = A; i <= NR_HOSTS; i++)
		c.host[i] = (struct cluster_host){ .state = HOST_UP,
						   .capacity = 1 };
	c.max_host = NR_HOSTS;
	c.max_owner = 1;
	c.owner[1] = (struct cluster_owner){
		.exists = true, .home = A, .host = A, .standbys = { C, B }
	};
	cluster_plan(&c);
	return 0;
}

static uint16_t at(uint64_t now)
{
	return cold_next(&cold, &c, now, AFTER);
}

static void set(uint16_t host, enum host_state state)
{
	c.host[host].state = state;
	cluster_plan(&c);
}

static void test_only_when_there_is_none(void **state)
{
	uint16_t hosts[OTHERS_KEPT];

	(void)state;
	assert_int_equal(at(S), 0);
	set(C, HOST_DOWN);
	assert_int_equal(at(2 * S), 0);
	assert_int_equal(at(20 * S), 0);
	set(B, HOST_UNKNOWN);
	assert_int_equal(at(30 * S), 0);
	assert_int_equal(at(30 * S + AFTER - 1), 0);
	assert_int_equal(at(30 * S + AFTER), 1);
	assert_int_equal(at(30 * S + AFTER), 0); /* it was asked for */
	assert_int_equal(cold_hosts(&c, 1, hosts), 2);
	assert_int_equal(hosts[0], C);
	assert_int_equal(hosts[1], B);
	assert_int_equal(at(30 * S + AFTER + COLD_AGAIN - 1), 0);
	assert_int_equal(at(30 * S + AFTER + COLD_AGAIN), 1);
}

/* One that comes and goes is waited for anew. */
static void test_short_gaps(void **state)
{
	(void)state;
	set(C, HOST_DOWN);
	for (uint64_t now = S; now < 100 * S; now += S) {
		set(B, now / S % 4 ? HOST_DOWN : HOST_UP);
		assert_int_equal(at(now), 0);
	}
}

static void test_orphan(void **state)
{
	uint16_t hosts[OTHERS_KEPT];

	(void)state;
	set(A, HOST_DOWN);
	set(B, HOST_DOWN);
	set(C, HOST_DOWN);
	assert_int_equal(at(S), 0);
	assert_int_equal(at(S + AFTER), 1);
	assert_int_equal(cold_hosts(&c, 1, hosts), 3);
	assert_int_equal(hosts[0], A);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_only_when_there_is_none, setup),
		cmocka_unit_test_setup(test_short_gaps, setup),
		cmocka_unit_test_setup(test_orphan, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
