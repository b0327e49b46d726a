// SPDX-License-Identifier: GPL-2.0-only
/* Answers as tables, and rates between two of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "baton/show.h"
#include "baton/stats.h"

static const struct options plain;

/* Print a document; quotes are single ones in it. */
static char *shown(command_print *print, const char *quoted, const char *args,
		   const struct options *o)
{
	char *copy = strdup(quoted), *text;
	json_t *data, *a = json_loads(args, 0, NULL);
	size_t size;
	FILE *f;

	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	data = json_loads(copy, JSON_DECODE_ANY, NULL);
	assert_non_null(data);
	f = open_memstream(&text, &size);
	print(o, f, data, a);
	fclose(f);
	json_decref(data);
	json_decref(a);
	free(copy);
	return text;
}

static void check(command_print *print, const char *data, const char *args,
		  const char *expected)
{
	char *text = shown(print, data, args, &plain);

	assert_string_equal(text, expected);
	free(text);
}

#define OWNER                                                                  \
	"[{'name': 'web-a', 'id': 1, 'host': 'b', 'home': 'a',"                \
	" 'state': 'active', 'epoch': 2, 'policy': 'ordered',"                 \
	" 'standbys': ['b', 'c'], 'next': null, 'drain': false,"               \
	" 'flows': 12345678, 'moved_ms': 185000, 'complete': ['a']}]"

static void test_owners(void **state)
{
	(void)state;
	check(show_owners, OWNER, "{}",
	      "OWNER  STATE   HOST  NEXT  HOME  EPOCH  FLOWS   MOVED  POLICY"
	      "   STANDBYS  COMPLETE  HELD\n"
	      "web-a  active  b     -     a     2      12.3M  3m ago  ordered"
	      "  b,c       a         -\n");
	check(show_owners, OWNER, "{\"name\": \"web-a\"}",
	      "name      web-a\n"
	      "id        1\n"
	      "host      b\n"
	      "home      a\n"
	      "state     active\n"
	      "epoch     2\n"
	      "policy    ordered\n"
	      "standbys  b,c\n"
	      "next      -\n"
	      "drain     no\n"
	      "flows     12.3M\n"
	      "moved_ms  3m ago\n"
	      "complete  a\n");
}

static void test_shares(void **state)
{
	char *text = shown(show_services,
			   "[{'name': 'web', 'port': 'any', 'owners':"
			   " [{'name': 'web-a', 'weight': 1, 'share': 0.3333},"
			   "  {'name': 'web-b', 'weight': 2, 'share': 0.6667}],"
			   " 'traffic': {'in': {'packets': 1234}}}]",
			   "{}", &plain);

	(void)state;
	assert_non_null(strstr(text, "1.23k"));
	assert_non_null(strstr(text, "web-a 33%,web-b 67%"));
	free(text);
}

static void test_moves(void **state)
{
	(void)state;
	check(show_moves, "[]", "{}", "nothing moved\n");
	check(show_moves,
	      "[{'owner': 'web-a', 'from': 'a', 'to': null, 'epoch': 3,"
	      " 'cause': 'host down', 'flip_ns': 840}]",
	      "{}",
	      "OWNER  FROM  TO  EPOCH    FLIP  CAUSE\n"
	      "web-a  a     -   3      840 ns  host down\n");
}

static void test_events(void **state)
{
	(void)state;
	check(show_events,
	      "[{'seq': 1, 'time': 'T', 'severity': 'error',"
	      " 'text': 'host b is down\\u001b[0m'}, {'seq': 2}]",
	      "{}",
	      "T error   host b is down?[0m\n"
	      "- -       {\"seq\":2}\n");
}

#define COUNTERS(forward, drop)                                                \
	"{'reasons': ["                                                        \
	"{'reason': 'drop_fence', 'verdict': 'DROP', 'text': 'fenced',"        \
	" 'packets': " drop ", 'bytes': 100},"                                 \
	"{'reason': 'pass_not_ip', 'verdict': 'PASS', 'text': 'other',"        \
	" 'packets': 0, 'bytes': 0},"                                          \
	"{'reason': 'forward_new', 'verdict': 'FORWARD', 'text': 'new',"       \
	" 'packets': 5, 'bytes': 300},"                                        \
	"{'reason': 'forward_flow', 'verdict': 'FORWARD', 'text': 'known',"    \
	" 'packets': " forward ", 'bytes': 2000000}]}"

static void test_stats(void **state)
{
	static const struct options all = { .all = true };
	char *text;

	(void)state;
	check(show_stats, COUNTERS("20000", "2"), "{}",
	      "VERDICT  REASON        PACKETS  BYTES  MEANING\n"
	      "FORWARD  forward_flow      20k   2 MB  known\n"
	      "FORWARD  forward_new         5  300 B  new\n"
	      "DROP     drop_fence          2  100 B  fenced\n");
	text = shown(show_stats, COUNTERS("1", "2"), "{}", &all);
	assert_non_null(strstr(text, "pass_not_ip"));
	/* now the other reason of the verdict has more packets */
	assert_true(strstr(text, "forward_new") < strstr(text, "forward_flow"));
	free(text);
}

static json_t *counters(int forward, int drop)
{
	return json_pack("{s:[{s:s,s:s,s:i,s:i},{s:s,s:s,s:i,s:i}],"
			 "s:[{s:s,s:{s:{s:i,s:i}}}]}",
			 "reasons", "reason", "f", "verdict", "forward",
			 "packets", forward, "bytes", forward * 100, "reason",
			 "d", "verdict", "drop", "packets", drop, "bytes",
			 drop * 10, "hosts", "name", "a", "traffic", "in",
			 "packets", forward, "bytes", forward);
}

static void test_rates(void **state)
{
	json_t *before = counters(100, 50), *now = counters(300, 40);
	json_t *reasons = json_object_get(now, "reasons");
	json_t *sums;

	(void)state;
	stats_rates(now, NULL, 2);
	assert_null(json_object_get(json_array_get(reasons, 0), "packets_s"));
	stats_rates(now, before, 2);
	assert_true(show_number(json_array_get(reasons, 0), "packets_s") ==
		    100);
	assert_true(show_number(json_array_get(reasons, 0), "bits_s") == 80000);
	/* a counter that began again */
	assert_true(show_number(json_array_get(reasons, 1), "packets_s") == 0);
	assert_true(
		show_number(json_array_get(json_object_get(now, "hosts"), 0),
			    "traffic.in.packets_s") == 100);
	sums = stats_by_verdict(reasons);
	assert_int_equal(json_array_size(sums), 5);
	assert_string_equal(show_string(json_array_get(sums, 1), "verdict"),
			    "forward");
	assert_true(show_number(json_array_get(sums, 1), "packets") == 300);
	assert_true(show_number(json_array_get(sums, 1), "packets_s") == 100);
	json_decref(sums);
	json_decref(before);
	json_decref(now);
}

static void test_status(void **state)
{
	char *text = shown(show_status,
			   "{'version': '1', 'abi': 1, 'pid': 7, 'uptime_s': "
			   "200,"
			   " 'config': '/c', 'ports': [{'interface': 'eth0', "
			   "'index': 2,"
			   " 'mode': 'native', 'dispatcher': true, 'link': "
			   "'up',"
			   " 'notes': []}], 'hosts': {'up': 2, 'down': 0, "
			   "'unknown': 0},"
			   " 'owners': {'active': 4, 'draining': 0, 'orphan': "
			   "0},"
			   " 'services': 1, 'flows': {'flows4': 1000, "
			   "'flows6': 0},"
			   " 'fence': true, 'bpffs': '/b', 'adopted': false}",
			   "{}", &plain);

	(void)state;
	assert_string_equal(text, "batond    1, ABI 1, pid 7, up 3m20s\n"
				  "config    /c\n"
				  "bpffs     /b\n"
				  "fence     yes\n"
				  "hosts     2 up, 0 down, 0 unknown\n"
				  "owners    4 active, 0 draining, 0 orphan\n"
				  "services  1\n"
				  "flows     1k IPv4, 0 IPv6\n"
				  "\n"
				  "PORT  INDEX  LINK  XDP     DISPATCHER  "
				  "NOTES\n"
				  "eth0  2      up    native  yes         -\n");
	free(text);
}

/* A daemon of another release: nothing is where it is expected. */
static void test_strange_answers(void **state)
{
	static const char *const documents[] = {
		"null",
		"1",
		"'x'",
		"[]",
		"{}",
		"[1, null, 'x', [], {}]",
		"[{'name': {'a': [1]}, 'flows': 'many', 'standbys': 7,"
		" 'owners': {'x': {'y': {'z': {'q': {'r': 1}}}}},"
		" 'state': -1.5e300, 'host': true}]",
		"{'reasons': 1, 'services': [1], 'hosts': {}, 'table': []}",
		"{'table': {'flows4': {'by_state': {'a': 'b', 'c': 3}}}}",
	};
	static command_print *const prints[] = {
		show_services, show_hosts,  show_owners,
		show_moves,    show_events, show_text,
		show_stats,    show_status, show_reload,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(documents) / sizeof(*documents); i++)
		for (size_t k = 0; k < sizeof(prints) / sizeof(*prints); k++) {
			free(shown(prints[k], documents[i], "{}", &plain));
			free(shown(prints[k], documents[i], "{\"name\": \"x\"}",
				   &plain));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_owners),
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_moves),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_stats),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_strange_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
