// SPDX-License-Identifier: GPL-2.0-only
/* Every request of docs/control.md, as it is answered and as it is refused. */
#include "asking.h"

#include <math.h>

/* --- nothing is there --------------------------------------------------------- */

static void test_all_on_an_empty_switch(void **state)
{
	(void)state;
	fixture_configure(f, "switch: {}\n");
	assert_size(SHOW("service"), 0);
	assert_size(SHOW("host"), 0);
	assert_size(SHOW("owner"), 0);
	assert_size(SHOW("event"), 0);
	assert_size("{\"do\": \"event.watch\", \"last\": 3}", 0);
	assert_json(STATUS, "hosts", "{\"up\":0,\"down\":0,\"unknown\":0}");
	assert_json(STATUS, "owners",
		    "{\"active\":0,\"draining\":0,\"orphan\":0}");
	assert_json(STATUS, "ports", "[]");
	assert_json(STATUS, "services", "0");
	assert_json(STATUS, "fence", "true");
	assert_json(STATS, "hosts", "[]");
	assert_json(STATS, "table.swept_ms", "null");
	json_decref(ask("{\"do\": \"config.show\"}"));
	assert_json("{\"do\": \"reload\"}", "changes", "0");
	refuse("{\"do\": \"host.show\", \"name\": \"a\"}", "no host a");
	refuse("{\"do\": \"owner.show\", \"name\": \"\"}", "no owner ");
	refuse("{\"do\": \"service.show\", \"name\": \"x\"}", "no service x");
	refuse("{\"do\": \"owner.failover\", \"name\": \"x\"}", "no owner x");
}

/* --- shown -------------------------------------------------------------------- */

static void test_services(void **state)
{
	json_t *all = ask(SHOW("service"));
	double a = json_real_value(get(all, 0, "owners.0.share"));
	double o = json_real_value(get(all, 0, "owners.1.share"));

	(void)state;
	assert_true(fabs(a + o - 1) < 1e-9 && fabs(a - o) < 0.05);
	json_decref(all);
	assert_json(SHOW("service"), "name", "\"web\"");
	assert_json(SHOW("service"), "vip", "\"192.0.2.1\"");
	assert_json(SHOW("service"), "protocol", "\"tcp\"");
	assert_json(SHOW("service"), "port", "80");
	assert_json(SHOW("service"), "affinity", "\"connection\"");
	assert_json(SHOW("service"), "owners.0.weight", "1");
	assert_json("{\"do\": \"service.show\", \"name\": \"web\"}", "id", "1");
}

static void test_hosts(void **state)
{
	(void)state;
	assert_size(SHOW("host"), 2);
	assert_size("{\"do\": \"host.show\", \"name\": \"b\"}", 1);
	assert_json(SHOW("host"), "name", "\"a\"");
	assert_json(SHOW("host"), "state", "\"up\"");
	assert_json(SHOW("host"), "address", "\"10.0.0.1\"");
	assert_json(SHOW("host"), "forward", "\"l2\"");
	assert_json(SHOW("host"), "owners", "[\"oa\"]");
	assert_json(SHOW("host"), "mac", "null");
	assert_json(SHOW("host"), "rtt_us", "null");
	assert_json(SHOW("host"), "last_answer_ms", "null");
	assert_json(SHOW("host"), "detect_ms", "30.0");
	assert_json("{\"do\": \"host.show\", \"name\": \"b\"}", "detect_ms",
		    "null");
}

static void test_what_probes_measured(void **state)
{
	struct detect *d = &b->prober.target[ids_find(&b->hosts, "a")].detect;

	(void)state;
	detect_sent(d, 1, 1000000);
	detect_answer(d, 1, 1250000);
	assert_json(SHOW("host"), "rtt_us",
		    "{\"last\":250.0,\"min\":250.0,\"max\":250.0,"
		    "\"smooth\":250.0}");
	assert_json(SHOW("host"), "word", "\"up\"");
	assert_json(SHOW("host"), "probes", "1");
	assert_json(SHOW("host"), "answers", "1");
}

static void test_owners(void **state)
{
	(void)state;
	assert_size(SHOW("owner"), 2);
	assert_json(SHOW("owner"), "name", "\"oa\"");
	assert_json(SHOW("owner"), "host", "\"a\"");
	assert_json(SHOW("owner"), "home", "\"a\"");
	assert_json(SHOW("owner"), "next", "\"b\"");
	assert_json(SHOW("owner"), "state", "\"active\"");
	assert_epoch(SHOW("owner"), 1);
	assert_json(SHOW("owner"), "policy", "\"ordered\"");
	assert_json(SHOW("owner"), "standbys", "[\"b\"]");
	assert_json(SHOW("owner"), "drain", "false");
	assert_json(SHOW("owner"), "moved_ms", "null");
}

static void test_an_orphan(void **state)
{
	(void)state;
	b->cluster.owner[ids_find(&b->owners, "oa")].host = 0;
	apply_owner_states(b);
	assert_json(SHOW("owner"), "host", "null");
	assert_json(SHOW("owner"), "state", "\"orphan\"");
	assert_json(STATUS, "owners",
		    "{\"active\":1,\"draining\":0,\"orphan\":1}");
}

/* The same number on each CPU: what is shown is the sum. */
static void count(int map, uint32_t key, size_t words)
{
	uint64_t each[b->dp.cpus][words];

	for (int i = 0; i < b->dp.cpus; i++)
		for (size_t j = 0; j < words; j++)
			each[i][j] = 10 + j;
	must(!bpf_map_update_elem(map, &key, each, BPF_ANY));
}

static void test_counters_are_sums(void **state)
{
	int n = b->dp.cpus;
	char traffic[128], packets[32];

	(void)state;
	count(b->dp.counters, 0, 2);
	count(b->dp.service_stats, ids_find(&b->services, "web"), 4);
	count(b->dp.host_stats, ids_find(&b->hosts, "a"), 4);
	snprintf(packets, sizeof(packets), "%d", 10 * n);
	snprintf(traffic, sizeof(traffic),
		 "{\"in\":{\"packets\":%d,\"bytes\":%d},"
		 "\"out\":{\"packets\":%d,\"bytes\":%d}}",
		 10 * n, 11 * n, 12 * n, 13 * n);
	assert_json(STATS, "reasons.0.packets", packets);
	assert_json(STATS, "reasons.0.verdict", "\"pass\"");
	assert_json(STATS, "reasons.1.packets", "0");
	assert_json(STATS, "services.0.traffic", traffic);
	assert_json(STATS, "hosts.0.traffic", traffic);
	assert_json(SHOW("service"), "traffic", traffic);
	assert_json(SHOW("host"), "traffic", traffic);
}

static void test_events(void **state)
{
	(void)state;
	assert_true(b->events.next > 2);
	assert_size("{\"do\": \"event.show\", \"last\": 1}", 1);
	assert_size("{\"do\": \"event.watch\", \"last\": 0}", 0);
	refuse("{\"do\": \"event.show\", \"last\": -1}", "expected numbers");
	refuse("{\"do\": \"event.show\", \"last\": \"all\"}", "expected "
							      "numbers");
	refuse("{\"do\": \"event.show\", \"after\": 1.5}", "expected numbers");
	assert_size("{\"do\": \"event.show\", "
		    "\"after\": 9223372036854775807}",
		    0);
}

/* What is shown can be read again, and is the same. */
static void test_config(void **state)
{
	json_t *data = ask("{\"do\": \"config.show\"}");
	const char *text = json_string_value(get(data, 0, "text"));
	struct config_errors errors = { 0 };
	struct config c;

	(void)state;
	assert_int_equal(config_parse(&c, "shown", text, strlen(text), &errors),
			 0);
	assert_int_equal(config_changes(&c, &b->config), 0);
	config_free(&c);
	json_decref(data);
}

/* --- refused ------------------------------------------------------------------ */

static void test_missing_fields(void **state)
{
	static const char *const named[] = { "service.del",   "host.del",
					     "owner.del",     "host.drain",
					     "owner.drain",   "owner.failover",
					     "owner.failback" };
	static const char *const objects[] = { "service.add", "host.add",
					       "owner.add",   "service.set",
					       "host.set",    "owner.set" };
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		snprintf(text, sizeof(text), "{\"do\": \"%s\"}", named[i]);
		refuse(text, "\"name\"");
		snprintf(text, sizeof(text), "{\"do\": \"%s\", \"name\": 7}",
			 named[i]);
		refuse(text, "\"name\"");
	}
	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
		snprintf(text, sizeof(text), "{\"do\": \"%s\"}", objects[i]);
		refuse(text, "\"object\"");
		snprintf(text, sizeof(text), "{\"do\": \"%s\", \"object\": []}",
			 objects[i]);
		refuse(text, "\"object\"");
		snprintf(text, sizeof(text), "{\"do\": \"%s\", \"object\": {}}",
			 objects[i]);
		refuse(text, "name");
	}
	refuse("{\"do\": \"owner.drain\", \"name\": \"oa\"}", "\"on\"");
	refuse("{\"do\": \"owner.drain\", \"name\": \"oa\", \"on\": 1}", "\"on"
									 "\"");
}

static void test_no_such_request(void **state)
{
	(void)state;
	refuse("{\"do\": \"\"}", "no such request");
	refuse("{\"do\": \"host\"}", "\"host\": no such request");
	refuse("{\"do\": \"service.drain\", \"name\": \"web\"}", "no such "
								 "request");
	refuse("{\"do\": \"status \"}", "no such request");
}

/* Nothing is changed, nor written, nor told. */
static void test_refused_edits_change_nothing(void **state)
{
	static const char *const wrong[][2] = {
		{ "{\"do\": \"host.del\", \"name\": \"a\"}", "oa" },
		{ "{\"do\": \"host.del\", \"name\": \"x\"}", "x" },
		{ "{\"do\": \"owner.del\", \"name\": \"ob\"}", "web" },
		{ "{\"do\": \"host.add\", \"object\": {\"name\": \"a\", "
		  "\"address\": \"10.0.0.9\"}}",
		  "a" },
		{ "{\"do\": \"host.add\", \"object\": {\"name\": \"c\", "
		  "\"address\": \"10.0.0.1\"}}",
		  "10.0.0.1" },
		{ "{\"do\": \"host.set\", \"object\": {\"name\": \"c\"}}",
		  "c" },
		{ "{\"do\": \"host.set\", \"object\": {\"name\": \"a\", "
		  "\"wombat\": 1}}",
		  "wombat" },
		{ "{\"do\": \"owner.add\", \"object\": {\"name\": \"oc\", "
		  "\"host\": \"x\"}}",
		  "x" },
		{ "{\"do\": \"owner.drain\", \"name\": \"x\", \"on\": true}",
		  "x" },
	};
	uint64_t seq = b->events.next;
	char path[80];

	(void)state;
	snprintf(path, sizeof(path), "%s/running.yaml", f->dir);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		refuse(wrong[i][0], wrong[i][1]);
		assert_int_equal(b->events.next, seq);
		assert_int_not_equal(access(path, F_OK), 0);
		assert_size(SHOW("host"), 2);
		assert_size(SHOW("owner"), 2);
	}
}

/* --- done --------------------------------------------------------------------- */

static void test_edits(void **state)
{
	(void)state;
	obey("{\"do\": \"host.add\", \"object\": {\"name\": \"c\", "
	     "\"address\": \"10.0.0.3\", \"forward\": \"gue\"}}");
	obey("{\"do\": \"owner.add\", \"object\": {\"name\": \"oc\", "
	     "\"host\": \"c\"}}");
	obey("{\"do\": \"service.set\", \"object\": {\"name\": \"web\", "
	     "\"owners\": [\"oa\", {\"name\": \"oc\", \"weight\": 3}]}}");
	assert_json(SHOW("service"), "owners.1.name", "\"oc\"");
	assert_json(SHOW("service"), "port", "80"); /* not mentioned, kept */
	obey("{\"do\": \"owner.del\", \"name\": \"ob\"}");
	assert_size(SHOW("owner"), 2);
	obey("{\"do\": \"service.del\", \"name\": \"web\"}");
	obey("{\"do\": \"owner.del\", \"name\": \"oc\"}");
	obey("{\"do\": \"host.del\", \"name\": \"c\"}");
	assert_size(SHOW("host"), 2);
	assert_size(SHOW("service"), 0);
}

static void test_drains(void **state)
{
	(void)state;
	obey("{\"do\": \"owner.drain\", \"name\": \"oa\", \"on\": true}");
	assert_json(SHOW("owner"), "state", "\"draining\"");
	assert_json(SHOW("owner"), "drain", "true");
	assert_json(SHOW("service"), "owners.0.share", "0.0");
	obey("{\"do\": \"owner.drain\", \"name\": \"oa\", \"on\": false}");
	assert_json(SHOW("owner"), "state", "\"active\"");
	obey("{\"do\": \"host.drain\", \"name\": \"a\", \"on\": true}");
	assert_json(SHOW("host"), "draining", "true");
	assert_json(SHOW("owner"), "state", "\"draining\"");
	assert_json(SHOW("owner"), "drain", "false");
	obey("{\"do\": \"host.drain\", \"name\": \"a\", \"on\": false}");
	assert_json(SHOW("owner"), "state", "\"active\"");
}

static void test_moves(void **state)
{
	(void)state;
	assert_json("{\"do\": \"owner.failover\", \"name\": \"oa\"}", "to",
		    "\"b\"");
	assert_json(SHOW("owner"), "host", "\"b\"");
	assert_epoch(SHOW("owner"), 2);
	refuse("{\"do\": \"owner.failover\", \"name\": \"oa\", \"to\": "
	       "\"b\"}",
	       "plays it already");
	fixture_host(f, "a", PROBER_DOWN, clock_ns());
	refuse("{\"do\": \"owner.failback\", \"name\": \"oa\"}", "a is not up");
	assert_epoch("{\"do\": \"owner.failback\", \"name\": \"oa\", "
		     "\"force\": true}",
		     3);
	assert_json(SHOW("owner"), "host", "\"a\"");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_on_an_empty_switch,
						setup_empty, teardown),
		TEST(test_services),
		TEST(test_hosts),
		TEST(test_what_probes_measured),
		TEST(test_owners),
		TEST(test_an_orphan),
		TEST(test_counters_are_sums),
		TEST(test_events),
		TEST(test_config),
		TEST(test_missing_fields),
		TEST(test_no_such_request),
		TEST(test_refused_edits_change_nothing),
		TEST(test_edits),
		TEST(test_drains),
		TEST(test_moves),
	};
#undef TEST

	fixture_own_network();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
