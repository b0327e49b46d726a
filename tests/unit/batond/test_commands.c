// SPDX-License-Identifier: GPL-2.0-only
/* Every request of docs/control.md, as it is answered and as it is refused;
 * and what was changed by hand, over a restart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "batond/commands.h"
#include "batond/running.h"
#include "fixture.h"

#define HOSTS                                                                  \
	"hosts:\n"                                                             \
	"- {name: a, address: 10.0.0.1}\n"                                     \
	"- {name: b, address: 10.0.0.2, probe: no}\n"
#define OWNERS                                                                 \
	"owners:\n"                                                            \
	"- {name: oa, host: a, standbys: [b]}\n"                               \
	"- {name: ob, host: b}\n"
#define SERVICES                                                               \
	"services:\n"                                                          \
	"- {name: web, vip: 192.0.2.1, protocol: tcp, port: 80, "              \
	"owners: [oa, ob]}\n"
#define PARTS HOSTS OWNERS SERVICES
#define CONFIG "switch: {probe-key: /k}\n" PARTS

static struct fixture *f;
static struct batond *b;
static char file[64]; /* the configuration file */

static void write_config(const char *text)
{
	FILE *out = fopen(file, "w");

	must(out &&
	     fprintf(out, "switch: {probe-key: /k, state: %s}\n%s", f->dir,
		     text) > 0 &&
	     !fclose(out));
}

static int setup_empty(void **state)
{
	(void)state;
	f = fixture_new();
	b = &f->b;
	snprintf(file, sizeof(file), "%s/baton.yaml", f->dir);
	b->path = file;
	write_config("");
	return 0;
}

static int setup(void **state)
{
	setup_empty(state);
	write_config(PARTS);
	fixture_configure(f, CONFIG);
	fixture_host(f, "a", PROBER_UP, events_now());
	fixture_tell(f);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_free(f);
	return 0;
}

/* --- asking ----------------------------------------------------------------- */

static json_t *run(const char *text, char why[COMMAND_WHY])
{
	json_t *request = json_loads(text, 0, NULL), *data;

	if (!request)
		fail_msg("no JSON: %s", text);
	why[0] = '\0';
	data = command_run(b, json_string_value(json_object_get(request, "do")),
			   request, why);
	json_decref(request);
	return data;
}

/* The answer, a new reference. */
static json_t *ask(const char *text)
{
	char why[COMMAND_WHY];
	json_t *data = run(text, why);

	if (!data)
		fail_msg("%s: %s", text, why);
	return data;
}

static void obey(const char *text)
{
	json_t *data = ask(text);

	assert_true(json_is_null(data));
	json_decref(data);
}

static void refuse(const char *text, const char *says)
{
	char why[COMMAND_WHY];
	json_t *data = run(text, why);

	if (data || !strstr(why, says))
		fail_msg("%s: says \"%s\", not \"%s\"", text, why, says);
}

/* "hosts.up" of the answer; index: its element, if it is an array. */
static json_t *get(json_t *data, size_t index, const char *path)
{
	char part[64];

	if (json_is_array(data))
		data = json_array_get(data, index);
	while (*path) {
		size_t n = strcspn(path, ".");

		snprintf(part, sizeof(part), "%.*s", (int)n, path);
		data = json_is_array(data) ? json_array_get(data, atoi(part))
					   : json_object_get(data, part);
		path += n + (path[n] == '.');
	}
	assert_non_null(data);
	return data;
}

static void assert_json(const char *request, const char *path,
			const char *wanted)
{
	json_t *data = ask(request), *one = get(data, 0, path);
	char *is = json_dumps(one, JSON_ENCODE_ANY | JSON_COMPACT);

	assert_string_equal(is, wanted);
	free(is);
	json_decref(data);
}

static void assert_size(const char *request, size_t n)
{
	json_t *data = ask(request);

	assert_true(json_is_array(data));
	assert_int_equal(json_array_size(data), n);
	json_decref(data);
}

#define SHOW(what) "{\"do\": \"" what ".show\"}"
#define STATUS "{\"do\": \"status\"}"
#define STATS "{\"do\": \"stats\"}"

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
	assert_json(SHOW("owner"), "epoch", "1");
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
	assert_json(SHOW("owner"), "epoch", "2");
	refuse("{\"do\": \"owner.failover\", \"name\": \"oa\", \"to\": "
	       "\"b\"}",
	       "plays it already");
	fixture_host(f, "a", PROBER_DOWN, events_now());
	refuse("{\"do\": \"owner.failback\", \"name\": \"oa\"}", "a is not up");
	assert_json("{\"do\": \"owner.failback\", \"name\": \"oa\", "
		    "\"force\": true}",
		    "epoch", "3");
	assert_json(SHOW("owner"), "host", "\"a\"");
}

/* --- the file, and what was changed by hand ----------------------------------- */

/* What the next batond would run. */
static void restart(bool adopted, struct config *c)
{
	struct config_errors errors = { 0 };

	config_free(&b->config);
	memset(&b->config, 0, sizeof(b->config));
	must(!config_read(c, file, &errors));
	assert_int_equal(running_read(b, c, adopted), 0);
}

static bool has_host(const struct config *c, const char *name)
{
	return config_host(c, name) != NULL;
}

#define ADD_C                                                                  \
	"{\"do\": \"host.add\", \"object\": {\"name\": \"c\", "                \
	"\"address\": \"10.0.0.3\"}}"

static void test_changes_survive_a_restart(void **state)
{
	struct config c;

	(void)state;
	assert_json("{\"do\": \"reload\"}", "changes", "0");
	obey(ADD_C);
	restart(true, &c);
	assert_true(has_host(&c, "c"));
	config_free(&c);
	/* and another */
	restart(true, &c);
	assert_true(has_host(&c, "c"));
	config_free(&c);
	/* not that of the machine: then nothing is adopted */
	restart(false, &c);
	assert_false(has_host(&c, "c"));
	config_free(&c);
	restart(true, &c);
	assert_false(has_host(&c, "c"));
	config_free(&c);
}

static void test_changes_end_with_the_file(void **state)
{
	struct config c;

	(void)state;
	json_decref(ask("{\"do\": \"reload\"}"));
	obey(ADD_C);
	write_config(PARTS "# touched\n");
	restart(true, &c);
	assert_false(has_host(&c, "c"));
	config_free(&c);
}

static void test_changes_end_with_a_reload(void **state)
{
	struct config c;

	(void)state;
	json_decref(ask("{\"do\": \"reload\"}"));
	obey(ADD_C);
	assert_size(SHOW("host"), 3);
	assert_json("{\"do\": \"reload\"}", "changes", "1");
	assert_size(SHOW("host"), 2);
	restart(true, &c);
	assert_false(has_host(&c, "c"));
	config_free(&c);
}

static void test_a_file_that_is_wrong(void **state)
{
	(void)state;
	write_config("wombats: []\n");
	refuse("{\"do\": \"reload\"}", "wombats");
	assert_size(SHOW("host"), 2);
	unlink(file);
	refuse("{\"do\": \"reload\"}", file);
	assert_size(SHOW("host"), 2);
}

/* Whatever stands in running.yaml, the file alone is always good enough. */
static void test_a_spoiled_running_file(void **state)
{
	struct config c;
	char path[80], first[256];
	FILE *out;

	(void)state;
	snprintf(path, sizeof(path), "%s/running.yaml", f->dir);
	json_decref(ask("{\"do\": \"reload\"}"));
	obey(ADD_C);
	out = fopen(path, "r+");
	must(out && fgets(first, sizeof(first), out));
	fseek(out, 0, SEEK_CUR);
	fputs("}}}\n", out);
	must(!fclose(out));
	restart(true, &c);
	assert_false(has_host(&c, "c"));
	assert_true(has_host(&c, "a"));
	config_free(&c);
	must(!truncate(path, 0));
	restart(true, &c);
	assert_true(has_host(&c, "a"));
	config_free(&c);
}

/* Where nothing can be written the change is made, and people are warned. */
static void test_an_unwritable_directory(void **state)
{
	(void)state;
	free(b->config.state);
	b->config.state = strdup("/proc/nowhere");
	obey(ADD_C);
	assert_size(SHOW("host"), 3);
	assert_size("{\"do\": \"event.show\"}", b->events.next - 1);
	assert_json("{\"do\": \"event.show\", \"last\": 2}", "kind",
		    "\"not_saved\"");
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
		TEST(test_changes_survive_a_restart),
		TEST(test_changes_end_with_the_file),
		TEST(test_changes_end_with_a_reload),
		TEST(test_a_file_that_is_wrong),
		TEST(test_a_spoiled_running_file),
		TEST(test_an_unwritable_directory),
	};
#undef TEST

	fixture_own_network();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
