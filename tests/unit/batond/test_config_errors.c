// SPDX-License-Identifier: GPL-2.0-only
/* What is said about a wrong configuration, and about which line. */
#include "config_text.h"

#include <stdlib.h>

/* The line of the mark, 0 when it is not there. */
static int line_of(const char *text, const char *mark)
{
	const char *at = strstr(text, mark), *p;
	int line = 1;

	if (!at)
		return 0;
	for (p = text; p < at; p++)
		line += *p == '\n';
	return line;
}

/* *text is wrong once: on `line`, where the message holds `part`. */
static void check_wrong(const char *text, int line, const char *part)
{
	int earlier = line_of(text, "#1");
	struct config_errors e;
	struct config c;
	char want[64];

	if (parse_text(&c, text, &e) != -EINVAL || e.count != 1)
		fail_msg("%zu messages:\n%s\nabout:\n%s", e.count,
			 e.text ? e.text : "", text);
	snprintf(want, sizeof(want), FILE_NAME ":%d: ", line);
	if (strncmp(e.text, want, strlen(want)) || !strstr(e.text, part))
		fail_msg("expected %s... %s\nfound %s\nabout:\n%s", want, part,
			 e.text, text);
	snprintf(want, sizeof(want), "line %d", earlier);
	if (earlier && !strstr(e.text, want))
		fail_msg("expected %s in %s", want, e.text);
	config_errors_free(&e);
}

static const struct {
	const char *name, *text;
} bases[] = {
	{ "empty", "" },      { "key", KEY },		{ "hosts", HOSTS },
	{ "owners", OWNERS }, { "services", SERVICES },
};

static const char *base_text(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		if (!strcmp(bases[i].name, name))
			return bases[i].text;
	}
	fail_msg("no base \"%s\"", name);
	return NULL;
}

/* One case of the file, from behind its "=== " on; NUL at its end */
static void check_case(char *body)
{
	char *own = strchr(body, '\n'), *text = NULL, *mark, part[128];

	assert_non_null(own);
	*own++ = '\0';
	assert_true(asprintf(&text, "%s%s", base_text(body), own) > 0);
	mark = strstr(text, "#! ");
	assert_non_null(mark);
	snprintf(part, sizeof(part), "%.*s", (int)strcspn(mark + 3, "\n"),
		 mark + 3);
	check_wrong(text, line_of(text, "#! "), part);
	free(text);
}

/* Tests run at the top of the tree. */
#define CASES "tests/unit/batond/wrong.yaml"
#define CASE "\n=== "

static void test_cases(void **state)
{
	static char text[1 << 16];
	char *begin, *end;
	int cases = 0;
	size_t len;
	FILE *f;

	(void)state;
	f = fopen(CASES, "r");
	assert_non_null(f);
	len = fread(text, 1, sizeof(text) - 1, f);
	assert_true(len && len < sizeof(text) - 1);
	fclose(f);
	for (begin = strstr(text, CASE); begin; begin = end) {
		end = strstr(begin + 1, CASE);
		if (end)
			*end = '\0';
		check_case(begin + strlen(CASE));
		if (end)
			*end = '\n';
		cases++;
	}
	print_message("%d cases\n", cases);
	assert_true(cases);
}

/* Where a mark cannot stand */
static void test_syntax(void **state)
{
	(void)state;
	check_wrong("switch: [\n", 2, "not YAML");
	check_wrong("ports: []\nhosts: }\n", 2, "not YAML");
	check_wrong("ports: []\n---\nhosts: []\n", 2, "a second document");
	check_wrong("ports: []\n...\n]\n", 3, "not YAML");
	check_wrong("ports: \"\xff\"\n", 1, "not YAML");
	check_wrong("ports: []\nhosts: [] \x01\n", 2, "not YAML");
}

/* One reading finds them all; what they entail is not added. */
static void test_many(void **state)
{
	static const char text[] = KEY "ports:\n"
				       "- interface: ..\n"
				       "hosts:\n"
				       "- {name: a!, address: 10.0.0.1}\n"
				       "- {name: b, address: 10.0.0.999}\n"
				       "- {name: c, address: 10.0.0.3}\n"
				       "- {name: c, address: 10.0.0.4}\n"
				       "owners:\n"
				       "- {name: o, host: a, speed: 9}\n"
				       "services:\n"
				       "- {name: s, protocol: tcp}\n"
				       "guards:\n"
				       "  max-down: lots\n";
	static const int lines[] = { 3, 5, 6, 8, 10, 12, 12, 12, 14 };
	struct config_errors e;
	struct config c;
	char want[32];
	size_t i;

	(void)state;
	assert_int_equal(parse_text(&c, text, &e), -EINVAL);
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		snprintf(want, sizeof(want), FILE_NAME ":%d: ", lines[i]);
		if (!strstr(e.text, want))
			fail_msg("no message about line %d:\n%s", lines[i],
				 e.text);
	}
	if (e.count != sizeof(lines) / sizeof(lines[0]))
		fail_msg("%zu messages:\n%s", e.count, e.text);
	config_errors_free(&e);
}

/* Lists one longer than the maps behind them have room for */
static void check_limit(const char *list, const char *format, size_t most)
{
	struct config_errors e;
	struct config c;
	char *text = NULL;
	size_t len, i;
	char want[64];
	FILE *f;

	f = open_memstream(&text, &len);
	assert_non_null(f);
	fprintf(f, "%s:\n", list);
	for (i = 0; i <= most; i++)
		fprintf(f, format, i, i / 250, i % 250 + 1);
	fclose(f);
	assert_int_equal(parse_text(&c, text, &e), -EINVAL);
	snprintf(want, sizeof(want), FILE_NAME ":%zu: %s: expected at most %zu",
		 most + 2, list, most);
	if (strncmp(e.text, want, strlen(want)))
		fail_msg("expected %s, found %.200s", want, e.text);
	config_errors_free(&e);
	free(text);
}

static void test_limits(void **state)
{
	(void)state;
	check_limit("ports", "- {interface: e%1$zu}\n", BATON_MAX_PORTS);
	check_limit("hosts",
		    "- {name: h%zu, address: 10.0.%zu.%zu, probe: no}\n",
		    BATON_MAX_HOSTS - 1);
	check_limit("owners", "- {name: o%1$zu, host: h0}\n",
		    BATON_MAX_OWNERS - 1);
	check_limit("services",
		    "- {name: s%zu, vip: 10.0.%zu.%zu, protocol: ipsec, "
		    "owners: [o0]}\n",
		    BATON_MAX_SERVICES - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_syntax),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests_name("config_errors", tests, NULL, NULL);
}
