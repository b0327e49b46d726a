// SPDX-License-Identifier: GPL-2.0-only
/* What is urgent goes ahead, and is afterwards what it was before (row K6). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <sys/resource.h>

#include "lib/urgent.h"

static void is(int policy, int priority)
{
	struct sched_param param;

	assert_int_equal(sched_getscheduler(0) & ~SCHED_RESET_ON_FORK, policy);
	assert_int_equal(sched_getparam(0, &param), 0);
	assert_int_equal(param.sched_priority, priority);
}

static void choose(int policy, int priority)
{
	const struct sched_param param = { .sched_priority = priority };

	assert_int_equal(sched_setscheduler(0, policy, &param), 0);
}

static void test_for_a_time(void **state)
{
	(void)state;
	choose(SCHED_OTHER, 0);
	assert_int_equal(setpriority(PRIO_PROCESS, 0, 3), 0);
	urgent_begin();
	is(SCHED_RR, 1);
	urgent_begin();
	is(SCHED_RR, 1);
	urgent_end();
	is(SCHED_OTHER, 0);
	assert_int_equal(getpriority(PRIO_PROCESS, 0), 3);
	urgent_end();
	is(SCHED_OTHER, 0);
}

static void test_what_was_chosen(void **state)
{
	(void)state;
	choose(SCHED_BATCH, 0);
	urgent_begin();
	is(SCHED_RR, 1);
	urgent_end();
	is(SCHED_BATCH, 0);
}

static void test_real_time_anyway(void **state)
{
	(void)state;
	choose(SCHED_FIFO, 5);
	urgent_begin();
	is(SCHED_FIFO, 5);
	urgent_end();
	is(SCHED_FIFO, 5);
	choose(SCHED_OTHER, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_for_a_time),
		cmocka_unit_test(test_what_was_chosen),
		cmocka_unit_test(test_real_time_anyway),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
