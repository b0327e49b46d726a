// SPDX-License-Identifier: GPL-2.0-only
/* With which epoch an owner begins: later than any that hosts may remember of one
 * that had its name. */
#include "applied.h"

#include "batond/failover.h"
#include "lib/clock.h"

#define WITHOUT_OB                                                             \
	KEY HOSTS "owners:\n"                                                  \
		  "- {name: oa, host: a}\n"                                    \
		  "- {name: oc, host: c}\n"

static uint32_t epoch(const char *name)
{
	return fixture_owner(f, name).epoch;
}

static void move(const char *name, uint32_t times)
{
	static const char *const to[] = { "a", "c" };

	for (uint32_t i = 0; i < times; i++)
		json_decref(failover_owner(b, name, to[i % 2], true,
					   (char[256]){ 0 }));
}

static void the_latest_counts(void **state)
{
	static struct ownership o;

	(void)state;
	o = (struct ownership){ .reign = 1000 };
	assert_int_equal(ownership_first_epoch(&o, 1000), 1000);
	assert_int_equal(ownership_first_epoch(&o, 2000), 2000);
	/* the clock has gone back since the maps were made */
	assert_int_equal(ownership_first_epoch(&o, 10), 1000);
	ownership_gone(&o, 1500);
	assert_int_equal(ownership_first_epoch(&o, 2000), 2000);
	assert_int_equal(ownership_first_epoch(&o, 1100), 1501);
	ownership_gone(&o, 1200);
	assert_int_equal(ownership_first_epoch(&o, 1100), 1501);
}

static void it_is_the_time_of_day(void **state)
{
	uint32_t before = clock_of_day();

	(void)state;
	b->ownership.reign = b->dp.meta.reign = before;
	fixture_configure(f, ALL);
	assert_in_range(epoch("oa"), before, clock_of_day());
	assert_in_range(epoch("oc"), before, clock_of_day());
}

/* Hosts know it by its name, whatever id it has. */
static void an_owner_that_is_there_again(void **state)
{
	uint32_t last, id;

	(void)state;
	fixture_configure(f, ALL);
	move("ob", 3);
	last = epoch("ob");
	id = owner("ob");
	assert_int_equal(last, FIXTURE_EPOCH(4));
	fixture_configure(f, WITHOUT_OB);
	fixture_configure(f, ALL);
	assert_int_not_equal(owner("ob"), id);
	assert_true(epoch("ob") > last);
	/* the others go on as they were */
	assert_int_equal(epoch("oa"), FIXTURE_EPOCH(1));
}

static void after_a_restart(void **state)
{
	uint32_t last;

	(void)state;
	fixture_configure(f, ALL);
	move("ob", 3);
	last = epoch("ob");
	fixture_configure(f, WITHOUT_OB);
	restart();
	fixture_configure(f, WITHOUT_OB);
	restart();
	fixture_configure(f, ALL);
	assert_true(epoch("ob") > last);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(the_latest_counts),
		T(it_is_the_time_of_day),
		T(an_owner_that_is_there_again),
		T(after_a_restart),
#undef T
	};

	fixture_own_network();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
