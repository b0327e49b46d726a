// SPDX-License-Identifier: GPL-2.0-only
/* Maintenance as the operator orders it: asked for, shown, kept, ended. */
#include "asking.h"

#include "batond/running.h"

#define ON "{\"do\": \"maintenance.on\"}"
#define OFF "{\"do\": \"maintenance.off\"}"
#define ON_A "{\"do\": \"maintenance.on\", \"name\": \"a\"}"
#define OFF_A "{\"do\": \"maintenance.off\", \"name\": \"a\"}"

/* Both hosts up; if a dies, b takes over. */
static int setup_two(void **state)
{
	setup(state);
	fixture_host(f, "b", PROBER_UP, clock_ns());
	fixture_tell(f);
	return 0;
}

static const json_t *last_event(void)
{
	fixture_tell(f);
	return b->events.ring[(b->events.next - 1) % EVENTS_KEPT];
}

static void assert_said(const char *kind, const char *text)
{
	const json_t *e = last_event();

	assert_string_equal(json_string_value(json_object_get(e, "kind")),
			    kind);
	assert_string_equal(json_string_value(json_object_get(e, "text")),
			    text);
}

static void test_of_everything(void **state)
{
	(void)state;
	assert_json(SHOW("maintenance"), "maintenance", "false");
	obey(ON);
	assert_json(SHOW("maintenance"), "maintenance", "true");
	assert_json(SHOW("maintenance"), "hosts", "[]");
	assert_json(STATUS, "maintenance", "true");
	fixture_host(f, "a", PROBER_DOWN, clock_ns());
	assert_string_equal(fixture_plays(f, "oa"), "a");
	assert_json(SHOW("owner"), "held_by",
		    "\"maintenance: nothing moves by itself\"");
	/* by hand it goes */
	json_decref(ask("{\"do\": \"owner.failover\", \"name\": \"oa\"}"));
	assert_string_equal(fixture_plays(f, "oa"), "b");
	obey(OFF);
	assert_json(SHOW("maintenance"), "maintenance", "false");
}

/* The ablation: without it, the owner moves. */
static void test_without(void **state)
{
	(void)state;
	obey(ON);
	obey(OFF);
	fixture_host(f, "a", PROBER_DOWN, clock_ns());
	assert_string_equal(fixture_plays(f, "oa"), "b");
	assert_json(SHOW("owner"), "held_by", "null");
}

static void test_when_it_ends_owners_move(void **state)
{
	(void)state;
	obey(ON);
	fixture_host(f, "a", PROBER_DOWN, clock_ns());
	obey(OFF);
	failover_tick(b, clock_ns());
	assert_string_equal(fixture_plays(f, "oa"), "b");
}

static void test_of_a_host(void **state)
{
	(void)state;
	obey(ON_A);
	assert_json(SHOW("maintenance"), "maintenance", "false");
	assert_json(SHOW("maintenance"), "hosts", "[\"a\"]");
	assert_json(SHOW("host"), "maintenance", "true");
	assert_json(SHOW("host"), "barred", "\"is in maintenance\"");
	fixture_host(f, "a", PROBER_DOWN, clock_ns());
	assert_string_equal(fixture_plays(f, "oa"), "a");
	obey(OFF_A);
	assert_json(SHOW("host"), "barred", "null");
	failover_tick(b, clock_ns());
	assert_string_equal(fixture_plays(f, "oa"), "b");
}

static void test_nothing_goes_to_it(void **state)
{
	(void)state;
	obey("{\"do\": \"maintenance.on\", \"name\": \"b\"}");
	fixture_host(f, "a", PROBER_DOWN, clock_ns());
	assert_string_equal(fixture_plays(f, "oa"), "a");
	assert_json(SHOW("owner"), "held_by", "\"no standby is up\"");
	obey("{\"do\": \"maintenance.off\", \"name\": \"b\"}");
	failover_tick(b, clock_ns());
	assert_string_equal(fixture_plays(f, "oa"), "b");
}

static void test_refused(void **state)
{
	(void)state;
	refuse("{\"do\": \"maintenance.on\", \"name\": \"x\"}", "no host x "
								"(see: baton "
								"host show)");
	refuse("{\"do\": \"maintenance.off\", \"name\": 7}", "\"name\"");
	refuse("{\"do\": \"maintenance\"}", "no such request");
	assert_json(SHOW("maintenance"), "hosts", "[]");
}

static void test_events(void **state)
{
	(void)state;
	obey(ON);
	/* the edit itself is told last */
	assert_said("config", "guards changed by hand: maintenance: yes");
	obey(ON_A);
	assert_said("config", "host changed by hand: a: maintenance: yes");
	json_decref(ask("{\"do\": \"event.show\", \"last\": 2}"));
	assert_json("{\"do\": \"event.show\", \"last\": 2}", "text",
		    "\"maintenance of host a: nothing moves from it or to it "
		    "by itself\"");
	assert_json("{\"do\": \"event.show\", \"last\": 2}", "host", "\"a\"");
}

/* A reload ends what was changed by hand, and says so. */
static void test_a_reload_ends_it(void **state)
{
	uint64_t seq;

	(void)state;
	obey(ON);
	seq = b->events.next;
	json_decref(ask("{\"do\": \"reload\"}"));
	assert_json(SHOW("maintenance"), "maintenance", "false");
	assert_string_equal(
		json_string_value(json_object_get(b->events.ring[seq], "text")),
		"maintenance of the switch has ended");
}

/* What the next batond, which takes the maps over, reads. */
static void test_it_survives_a_restart(void **state)
{
	struct config_errors errors = { 0 };
	struct config c;

	(void)state;
	json_decref(ask("{\"do\": \"reload\"}")); /* so that it has a digest */
	obey(ON);
	obey(ON_A);
	config_free(&b->config);
	memset(&b->config, 0, sizeof(b->config));
	must(!config_read(&c, file, &errors));
	assert_false(c.maintenance);
	assert_int_equal(running_read(b, &c, true), 0);
	assert_true(c.maintenance);
	assert_true(c.hosts[0].maintenance);
	assert_false(c.hosts[1].maintenance);
	config_free(&c);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_two, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_of_everything),
		TEST(test_without),
		TEST(test_when_it_ends_owners_move),
		TEST(test_of_a_host),
		TEST(test_nothing_goes_to_it),
		TEST(test_refused),
		TEST(test_events),
		TEST(test_a_reload_ends_it),
		TEST(test_it_survives_a_restart),
	};
#undef TEST

	fixture_own_network();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
