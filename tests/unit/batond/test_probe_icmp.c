// SPDX-License-Identifier: GPL-2.0-only
/* ICMP errors: only those that quote a probe are hints, of any length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "batond/probe_icmp.h"

enum { PORT = 7790 };

/* 10.0.1.2 says that port 7790 of it is closed; as raw sockets see it */
static const uint8_t error4[] = {
	/* IPv4 with four bytes of options, ICMP type 3 code 3 */
	0x46, 0, 0, 0, 0, 0, 0, 0, 64, 1, 0, 0, 10, 0, 1, 2, 10, 0, 1, 1, 1, 1,
	1, 0, 3, 3, 0, 0, 0, 0, 0, 0,
	/* IPv4, UDP */
	0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 1, 1, 10, 0, 1, 2, 0x80,
	0, 0x1e, 0x6e, 0, 72, 0, 0
};

/* the same from 2001:db8::2: without the outer header */
static const uint8_t error6[] = { 1, 4, 0, 0, 0, 0, 0, 0,
				  /* IPv6, UDP */
				  0x60, 0, 0, 0, 0, 72, 17, 64, 0x20, 1, 0xd,
				  0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
				  0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0,
				  0, 0, 2, 0x80, 0, 0x1e, 0x6e, 0, 72, 0, 0 };

static void check_told(int family, const uint8_t *data, size_t len,
		       const char *expected)
{
	char text[ADDR_TEXT];
	struct addr to;

	assert_true(probe_icmp_quotes(family, data, len, PORT, &to));
	assert_string_equal(addr_format(&to, text), expected);
	assert_false(probe_icmp_quotes(family, data, len, PORT + 1, &to));
	/* nothing is read beyond the end: each length is a buffer of its own */
	for (size_t n = 0; n < len; n++) {
		uint8_t *cut = malloc(n ?: 1);

		memcpy(cut, data, n);
		assert_false(probe_icmp_quotes(family, cut, n, PORT, &to));
		free(cut);
	}
}

static void test_errors_about_probes(void **state)
{
	(void)state;
	check_told(4, error4, sizeof(error4), "10.0.1.2");
	check_told(6, error6, sizeof(error6), "2001:db8::2");
}

/* A byte that decides, and another value of it. */
static void check_other(int family, const uint8_t *data, size_t len, size_t at,
			uint8_t value)
{
	uint8_t other[64];
	struct addr to;

	memcpy(other, data, len);
	other[at] = value;
	assert_false(probe_icmp_quotes(family, other, len, PORT, &to));
}

static void test_others(void **state)
{
	(void)state;
	check_other(4, error4, sizeof(error4), 0, 0x66); /* version */
	check_other(4, error4, sizeof(error4), 0, 0x44); /* header length */
	check_other(4, error4, sizeof(error4), 0, 0x4f);
	check_other(4, error4, sizeof(error4), 9, 17); /* not ICMP */
	check_other(4, error4, sizeof(error4), 24, 11); /* time exceeded */
	check_other(4, error4, sizeof(error4), 32, 0x44);
	check_other(4, error4, sizeof(error4), 41, 6); /* about TCP */
	check_other(6, error6, sizeof(error6), 0, 3); /* time exceeded */
	check_other(6, error6, sizeof(error6), 14, 6); /* about TCP */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors_about_probes),
		cmocka_unit_test(test_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
