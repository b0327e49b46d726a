// SPDX-License-Identifier: GPL-2.0-only
/* Quantities as text, and tables. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "baton/table.h"
#include "baton/units.h"

typedef const char *unit(char text[UNIT_TEXT], double n);

static const struct {
	unit *unit;
	double n;
	const char *text;
} cases[] = {
	{ unit_count, 0, "0" },
	{ unit_count, 7, "7" },
	{ unit_count, 999, "999" },
	{ unit_count, 1000, "1k" },
	{ unit_count, 1234, "1.23k" },
	{ unit_count, 9996, "10k" },
	{ unit_count, 12345678, "12.3M" },
	{ unit_count, 999400, "999k" },
	{ unit_count, 999600, "1M" },
	{ unit_count, 0.5, "0.5" },
	{ unit_count, -3, "0" },
	{ unit_count, NAN, "0" },
	{ unit_count, INFINITY, "1000000P" },
	{ unit_bytes, 1460, "1.46 kB" },
	{ unit_bytes, 100, "100 B" },
	{ unit_bits, 9.8e9, "9.8 Gbit" },
	{ unit_ns, 0, "0 ns" },
	{ unit_ns, 340, "340 ns" },
	{ unit_ns, 4.2e6, "4.2 ms" },
	{ unit_ns, 30e6, "30 ms" },
	{ unit_ns, 59e9, "59 s" },
	{ unit_ns, 60e9, "1m" },
	{ unit_ns, 59.96e9, "1m" },
	{ unit_ns, 200e9, "3m20s" },
	{ unit_ns, 7200e9, "2h" },
	{ unit_ns, 7205e9, "2h" },
	{ unit_ns, 90061e9, "1d1h" },
	{ unit_seconds, 0.9, "0s" },
	{ unit_seconds, 7.5, "7s" },
	{ unit_seconds, 200, "3m20s" },
	{ unit_seconds, 3605, "1h" },
	{ unit_ago, 0, "0s ago" },
	{ unit_ago, 999, "0s ago" },
	{ unit_ago, 1000, "1s ago" },
	{ unit_ago, 59999, "59s ago" },
	{ unit_ago, 185000, "3m ago" },
	{ unit_ago, 3 * 86400e3, "3d ago" },
};

static void test_units(void **state)
{
	char text[UNIT_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(cases[i].unit(text, cases[i].n),
				    cases[i].text);
}

static const struct column columns[] = { { "NAME", false },
					 { "N", true },
					 { "LAST", false } };

static void cells(struct table *t, const char *a, const char *b, const char *c)
{
	table_cell(t, COLOUR_NONE, a);
	table_cell(t, COLOUR_NONE, b);
	table_cell(t, COLOUR_BAD, c);
}

static void test_table_aligns(void **state)
{
	struct table t;
	char *text;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	(void)state;
	table_init(&t, columns, 3);
	cells(&t, "a", "1", "x");
	cells(&t, "long name", "100", "y");
	cells(&t, "\xc3\xa4", "20", "");
	table_flush(&t, f, false);
	cells(&t, "b", "1000", "z");
	table_flush(&t, f, false);
	table_free(&t);
	fclose(f);
	assert_string_equal(text, "NAME         N  LAST\n"
				  "a            1  x\n"
				  "long name  100  y\n"
				  "\xc3\xa4           20  \n"
				  "b          1000  z\n");
	free(text);
}

static void test_table_colours(void **state)
{
	struct table t;
	char *text;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	(void)state;
	table_init(&t, columns, 3);
	t.headed = true;
	cells(&t, "a", "1", "x");
	table_flush(&t, f, true);
	table_free(&t);
	fclose(f);
	assert_string_equal(text, "a     1  \033[31mx\033[0m\n");
	free(text);
}

/* Text of others must not command the terminal. */
static void test_controls_are_replaced(void **state)
{
	static const struct {
		const char *text, *line, *lines;
	} controls[] = {
		{ "\033[2Jx", "?[2Jx", "?[2Jx" },
		{ "a\nb\tc\r\177", "a?b?c??", "a\nb\tc??" },
		{ "\xc2\x9b"
		  "1m",
		  "?1m", "?1m" },
		{ "\xc3\xa4\xe2\x82\xac", "\xc3\xa4\xe2\x82\xac",
		  "\xc3\xa4\xe2\x82\xac" },
		{ "\xc2", "\xc2", "\xc2" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(controls) / sizeof(*controls); i++) {
		for (int lines = 0; lines < 2; lines++) {
			char *text;
			size_t size;
			FILE *f = open_memstream(&text, &size);

			text_print(f, controls[i].text, lines);
			fclose(f);
			assert_string_equal(text, lines ? controls[i].lines
							: controls[i].line);
			free(text);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_units),
		cmocka_unit_test(test_table_aligns),
		cmocka_unit_test(test_table_colours),
		cmocka_unit_test(test_controls_are_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
