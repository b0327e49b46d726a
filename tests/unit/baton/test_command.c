// SPDX-License-Identifier: GPL-2.0-only
/* Words of the command line to arguments. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "baton/command.h"

#define MAX_WORDS 24

/* Parse a line whose words are separated by single spaces; '' is empty. */
static int parse(const char *line, struct command *c, char *error)
{
	char *copy = strdup(line), *words[MAX_WORDS], *save = NULL, *word;
	int nr = 0, err;

	for (word = strtok_r(copy, " ", &save); word && nr < MAX_WORDS;
	     word = strtok_r(NULL, " ", &save)) {
		if (!strcmp(word, "''"))
			*word = '\0';
		words[nr++] = word;
	}
	error[0] = '\0';
	err = command_parse(command_objects, words, nr, c, error);
	free(copy);
	return err;
}

static const struct {
	const char *line, *request, *args;
} accepted[] = {
	{ "service show", "service.show", "{}" },
	{ "service", "service.show", "{}" },
	{ "serv sh web", "service.show", "{'name': 'web'}" },
	{ "ow sh", "owner.show", "{}" },
	{ "owner show show", "owner.show", "{'name': 'show'}" },
	{ "host show 7", "host.show", "{'name': '7'}" },
	{ "service add web vip 192.0.2.10 protocol tcp port 80 "
	  "owners web-a,web-b:2",
	  "service.add",
	  "{'object': {'name': 'web', 'vip': '192.0.2.10', 'protocol': 'tcp',"
	  " 'port': 80, 'owners': ['web-a', {'name': 'web-b', 'weight': "
	  "2}]}}" },
	{ "service add web port any", "service.add",
	  "{'object': {'name': 'web', 'port': 'any'}}" },
	{ "host add c address 10.0.3.2 forward ipip", "host.add",
	  "{'object': {'name': 'c', 'address': '10.0.3.2',"
	  " 'forward': 'ipip'}}" },
	{ "owner set web-a standbys b,c policy ordered", "owner.set",
	  "{'object': {'name': 'web-a', 'standbys': ['b', 'c'],"
	  " 'policy': 'ordered'}}" },
	{ "owner set web-a standbys ''", "owner.set",
	  "{'object': {'name': 'web-a', 'standbys': []}}" },
	{ "owner set web-a standbys b drain true", "owner.set",
	  "{'object': {'name': 'web-a', 'standbys': ['b'], 'drain': true}}" },
	{ "service set web owners a:heavy", "service.set",
	  "{'object': {'name': 'web',"
	  " 'owners': [{'name': 'a', 'weight': 'heavy'}]}}" },
	/* text that a number would not print as stays text */
	{ "host set c vlan 007 capacity 0 mac 02:00:00:00:00:01 priority -1",
	  "host.set",
	  "{'object': {'name': 'c', 'vlan': '007', 'capacity': 0,"
	  " 'mac': '02:00:00:00:00:01', 'priority': '-1'}}" },
	{ "host set c capacity 99999999999999999999", "host.set",
	  "{'object': {'name': 'c', 'capacity': '99999999999999999999'}}" },
	{ "host del c", "host.del", "{'name': 'c'}" },
	{ "owner failover web-a", "owner.failover", "{'name': 'web-a'}" },
	{ "owner failo web-a to b force", "owner.failover",
	  "{'name': 'web-a', 'to': 'b', 'force': true}" },
	{ "owner failback web-a f", "owner.failback",
	  "{'name': 'web-a', 'force': true}" },
	{ "owner replay web-a", "owner.replay", "{'name': 'web-a'}" },
	{ "owner drain web-a", "owner.drain", "{'name': 'web-a', 'on': true}" },
	{ "host drain a off", "host.drain", "{'name': 'a', 'on': false}" },
	{ "event show last 5 after 17", "event.show",
	  "{'last': 5, 'after': 17}" },
	{ "event watch last 0", "event.watch", "{'last': 0}" },
	{ "stats", "stats", "{}" },
	{ "stats watch 5", "stats", "{'seconds': 5}" },
	{ "status w", "status", "{}" },
	{ "config", "config.show", "{}" },
	{ "reload", "reload", "{}" },
	{ "flow show client 10.0.0.0/8 port 443 unconfirmed limit 3 count",
	  NULL,
	  "{'client': '10.0.0.0/8', 'port': 443, 'confirmed': false,"
	  " 'limit': 3, 'count': true}" },
};

static json_t *quoted(const char *text)
{
	char *copy = strdup(text), *p;
	json_t *json;

	for (p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	json = json_loads(copy, 0, NULL);
	free(copy);
	assert_non_null(json);
	return json;
}

static void test_accepted(void **state)
{
	char error[COMMAND_ERROR];
	struct command c;
	json_t *expected;

	(void)state;
	for (size_t i = 0; i < sizeof(accepted) / sizeof(*accepted); i++) {
		if (parse(accepted[i].line, &c, error))
			fail_msg("%s: %s", accepted[i].line, error);
		assert_non_null(c.args);
		if (accepted[i].request)
			assert_string_equal(c.verb->request,
					    accepted[i].request);
		else
			assert_null(c.verb->request);
		expected = quoted(accepted[i].args);
		if (!json_equal(c.args, expected))
			fail_msg("%s: not %s", accepted[i].line,
				 accepted[i].args);
		json_decref(expected);
		json_decref(c.args);
	}
}

static const struct {
	const char *line, *says;
} refused[] = {
	{ "s", "ambiguous: service, stats, status" },
	{ "wombat", "unknown object 'wombat', expected one of: service" },
	{ "owner fail x", "ambiguous: failover, failback" },
	{ "owner eat", "unknown verb 'eat'" },
	{ "owner del", "a name is expected" },
	{ "owner add", "a name is expected" },
	{ "owner add x host", "a value is expected after 'host'" },
	{ "owner add x host a host b", "'host' is given twice" },
	{ "owner add x name y", "'name' is given twice" },
	{ "owner failover x to", "a value is expected after 'to'" },
	{ "owner failover x to b to c", "'to' is given twice" },
	{ "owner drain x on off", "'on' is given twice" },
	{ "owner drain x o", "ambiguous: on, off" },
	{ "owner failover x y", "unknown keyword 'y', expected one of: to" },
	{ "owner show a b", "'b': nothing more is expected" },
	{ "reload now", "'now': nothing more is expected" },
	{ "event show last few", "last: 'few' is not a number" },
	{ "event show last -1", "last: '-1' is not a number" },
	{ "stats watch 0", "seconds are expected" },
	{ "stats watch often", "seconds are expected" },
	{ "flow show co", "ambiguous: confirmed, count" },
	{ "flow show cx", "unknown keyword" },
	{ "host add \xff", "not valid UTF-8" },
	{ "host add x y \xff", "not valid UTF-8" },
	{ "host add x standbys a,\xff", "not valid UTF-8" },
	{ "host add x owners a:\xff", "not valid UTF-8" },
};

static void test_refused(void **state)
{
	char error[COMMAND_ERROR];
	struct command c;

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		int err = parse(refused[i].line, &c, error);

		if (err != -EINVAL || !strstr(error, refused[i].says))
			fail_msg("%s: %d, '%s'", refused[i].line, err, error);
		assert_null(c.args);
	}
}

static void test_help(void **state)
{
	static const char *const lines[] = { "", "help", "owner help",
					     "owner add help", "reload help" };
	char error[COMMAND_ERROR], *text;
	struct command c;
	size_t size;
	FILE *f;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		assert_int_equal(parse(lines[i], &c, error), 0);
		assert_null(c.args);
		f = open_memstream(&text, &size);
		command_help(command_objects, &c, f);
		fclose(f);
		assert_non_null(strstr(text, "baton"));
		free(text);
	}
}

/* Each verb must be able to do something with the arguments it accepts. */
static void test_verbs_are_complete(void **state)
{
	(void)state;
	for (const struct object *o = command_objects; o->name; o++) {
		assert_true(o->nr_verbs > 0);
		for (size_t i = 0; i < o->nr_verbs; i++) {
			const struct verb *v = &o->verbs[i];

			assert_non_null(v->run);
			assert_non_null(v->help);
			assert_true(!v->request == !v->print);
			assert_false(v->fields && v->keywords);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_verbs_are_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
