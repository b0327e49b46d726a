// SPDX-License-Identifier: GPL-2.0-only
/* The parts of lib/yaml that batond's own tables do not reach. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "lib/suggest.h"
#include "lib/yaml.h"
#include "lib/yaml_object.h"
#include "lib/yaml_scalar.h"

static void test_durations(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
		const char *written;
	} good[] = {
		{ "0", 0, "0s" },
		{ "0s", 0, "0s" },
		{ "1ns", 1, "1ns" },
		{ "999ns", 999, "999ns" },
		{ "1us", 1000, "1us" },
		{ "3.3ms", 3300000, "3.3ms" },
		{ "3300us", 3300000, "3.3ms" },
		{ "0.5ms", 500000, "500us" },
		{ "0.000000001s", 1, "1ns" },
		{ "1.001us", 1001, "1.001us" },
		{ "10ms", 10000000, "10ms" },
		{ "1.5s", 1500000000, "1.5s" },
		{ "1500ms", 1500000000, "1.5s" },
		{ "1.0001s", 1000100000, "1000.1ms" },
		{ "60s", 60 * YAML_S, "1m" },
		{ "90s", 90 * YAML_S, "90s" },
		{ "1.5m", 90 * YAML_S, "90s" },
		{ "7200s", 7200 * YAML_S, "2h" },
		{ "1d", 86400 * YAML_S, "1d" },
		{ "18446744073709551615ns", UINT64_MAX,
		  "18446744073709551.615us" },
	};
	static const char *const bad[] = {
		"",
		"s",
		"5",
		"-1s",
		"1 s",
		"1S",
		"1.s",
		".5s",
		"1.5",
		"01s",
		"1e3s",
		"0.5ns",
		"1..s",
		"1.2.3s",
		"1.5hs",
		"0x1s",
		"213504d",
		"1sec",
		"18446744073709551616ns",
		"0.1234567890s",
	};
	char text[YAML_SCALAR_TEXT];
	uint64_t ns;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(yaml_duration_parse(good[i].text, &ns), 0);
		assert_int_equal(ns, good[i].ns);
		assert_string_equal(yaml_duration_format(ns, text),
				    good[i].written);
		assert_int_equal(yaml_duration_parse(text, &ns), 0);
		assert_int_equal(ns, good[i].ns);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (!yaml_duration_parse(bad[i], &ns))
			fail_msg("\"%s\" was accepted", bad[i]);
	}
}

static void test_suggest(void **state)
{
	struct suggest s = { .word = "adress" };

	(void)state;
	assert_int_equal(suggest_distance("", ""), 0);
	assert_int_equal(suggest_distance("", "abc"), 3);
	assert_int_equal(suggest_distance("port", "prot"), 1);
	assert_int_equal(suggest_distance("kitten", "sitting"), 3);
	assert_int_equal(suggest_distance("a234567890123456789012345678901234"
					  "567890123456789012345678901234",
					  "a"),
			 UINT_MAX);
	suggest_try(&s, "mac");
	assert_null(s.best);
	suggest_try(&s, "addresses");
	suggest_try(&s, "address");
	suggest_try(&s, "addresses");
	assert_string_equal(s.best, "address");
	/* of one letter, everything is near everything */
	s = (struct suggest){ .word = "a" };
	suggest_try(&s, "b");
	assert_null(s.best);
}

/* Strings within items within items: what is copied and freed in depth. */
struct leaf {
	char *text;
	uint8_t small;
};

struct branch {
	char name[8];
	struct leaf leaf, spare[2];
	struct leaf *leaves;
	size_t nr_leaves;
	uint64_t wide;
};

static const struct yaml_field leaf_fields[] = {
	YAML_FIELD(struct leaf, text, "text", STRING, .required = true),
	YAML_FIELD(struct leaf, small, "small", INT, .unset = "7", .max = 255),
	{ 0 },
};

static const struct yaml_schema leaf_schema = {
	.what = "leaf",
	.size = sizeof(struct leaf),
	.fields = leaf_fields,
	.scalar = true,
};

static const struct yaml_field branch_fields[] = {
	YAML_FIELD(struct branch, name, "name", NAME, .unset = "oak"),
	YAML_FIELD(struct branch, leaf, "leaf", SECTION, .items = &leaf_schema),
	YAML_FIELD(struct branch, spare, "spare", ARRAY, .items = &leaf_schema),
	YAML_LIST(struct branch, leaves, nr_leaves, "leaves", &leaf_schema),
	YAML_FIELD(struct branch, wide, "wide", INT, .max = UINT64_MAX),
	{ 0 },
};

static const struct yaml_schema branch_schema = {
	.size = sizeof(struct branch),
	.fields = branch_fields,
};

static int read_branch(struct branch *b, const char *text, bool merge,
		       struct config_errors *e)
{
	struct yaml_source source = { .text = text,
				      .len = strlen(text),
				      .merge = merge };

	return yaml_read(&branch_schema, b, &source, e);
}

static void test_depth(void **state)
{
	struct branch a = { 0 }, b;
	struct config_errors e = { 0 };

	(void)state;
	assert_int_equal(read_branch(&a,
				     "leaf: {text: x}\n"
				     "spare: [y, {text: z, small: 1}]\n"
				     "leaves: [p, q]\n"
				     "wide: 18446744073709551615\n",
				     false, &e),
			 0);
	assert_string_equal(a.name, "oak");
	assert_string_equal(a.leaf.text, "x");
	assert_int_equal(a.leaf.small, 7);
	assert_string_equal(a.spare[1].text, "z");
	assert_string_equal(a.leaves[1].text, "q");
	assert_true(a.wide == UINT64_MAX);

	assert_int_equal(yaml_copy(&branch_schema, &b, &a), 0);
	assert_true(yaml_equal(&branch_schema, &a, &b));
	assert_ptr_not_equal(a.leaf.text, b.leaf.text);
	assert_ptr_not_equal(a.spare[1].text, b.spare[1].text);
	assert_ptr_not_equal(a.leaves[1].text, b.leaves[1].text);

	/* in a section, what is not given stays; in a list, nothing does */
	assert_int_equal(read_branch(&b,
				     "leaf: {small: 9}\nspare: [w]\n"
				     "leaves: ~\n",
				     true, &e),
			 0);
	assert_string_equal(b.leaf.text, "x");
	assert_int_equal(b.leaf.small, 9);
	assert_string_equal(b.spare[0].text, "w");
	assert_null(b.spare[1].text);
	assert_int_equal(b.nr_leaves, 0);
	assert_null(e.text);
	yaml_clear(&branch_schema, &a);
	yaml_clear(&branch_schema, &b);
}

/* Messages go to terminals and into JSON: no byte of the text may escape. */
static void test_messages(void **state)
{
	struct config_errors e = { 0 };
	struct branch b = { 0 };
	const char *p;

	(void)state;
	assert_int_equal(read_branch(&b,
				     "\"\\e[2J\\u2028\": 1\n"
				     "wide: \"\xc3\xa4 and much more text than "
				     "anybody would like to read again\"\n",
				     false, &e),
			 -EINVAL);
	assert_int_equal(e.count, 2);
	for (p = e.text; *p; p++)
		assert_true(*p == '\n' || (*p >= ' ' && *p < 0x7f));
	assert_non_null(strstr(e.text, "...\""));
	config_errors_free(&e);
	yaml_clear(&branch_schema, &b);
}

/* Nesting that no table follows costs no stack. */
static void test_nesting(void **state)
{
	struct config_errors e = { 0 };
	struct branch b = { 0 };
	char text[6000];

	(void)state;
	memset(text, '[', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(read_branch(&b, text, false, &e), -EINVAL);
	assert_int_equal(e.count, 1);
	config_errors_free(&e);
	yaml_clear(&branch_schema, &b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_suggest),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_nesting),
	};

	return cmocka_run_group_tests_name("yaml", tests, NULL, NULL);
}
