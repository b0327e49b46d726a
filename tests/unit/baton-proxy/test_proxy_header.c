// SPDX-License-Identifier: GPL-2.0-only
/* PROXY protocol headers, as HAProxy's specification has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>

#include "baton-proxy/proxy_header.h"

static struct tuple tuple(int family, const char *remote, const char *local)
{
	struct tuple t = { .family = family,
			   .remote_port = 56324,
			   .local_port = 443 };
	int af = family == 4 ? AF_INET : AF_INET6;

	assert_int_equal(inet_pton(af, remote, t.remote), 1);
	assert_int_equal(inet_pton(af, local, t.local), 1);
	return t;
}

static void test_v1(void **state)
{
	static const char four[] = "PROXY TCP4 192.168.0.1 192.168.0.11 56324 "
				   "443\r\n";
	static const char six[] = "PROXY TCP6 2001:db8::1 ::1 56324 443\r\n";
	struct tuple t = tuple(4, "192.168.0.1", "192.168.0.11");
	uint8_t header[PROXY_HEADER_MAX];

	(void)state;
	assert_int_equal(proxy_header_make(PROXY_HEADER_V1, &t, header),
			 strlen(four));
	assert_memory_equal(header, four, strlen(four));
	t = tuple(6, "2001:db8::1", "::1");
	assert_int_equal(proxy_header_make(PROXY_HEADER_V1, &t, header),
			 strlen(six));
	assert_memory_equal(header, six, strlen(six));
}

static void test_v1_longest(void **state)
{
	const char *address = "fff1:fff2:fff3:fff4:fff5:fff6:fff7:fff8";
	struct tuple t = tuple(6, address, address);
	uint8_t header[PROXY_HEADER_MAX];

	(void)state;
	t.local_port = t.remote_port = 65535;
	assert_int_equal(proxy_header_make(PROXY_HEADER_V1, &t, header),
			 strlen("PROXY TCP6  65535 65535\r\n") + 1 +
				 2 * strlen(address));
}

static void test_v2(void **state)
{
	static const uint8_t four[] = { 13,   10, 13,  10,  0,	13,   10,
					0x51, 85, 73,  84,  10, 0x21, 0x11,
					0,    12, 192, 168, 0,	1,    192,
					168,  0,  11,  220, 4,	1,    187 };
	struct tuple t = tuple(4, "192.168.0.1", "192.168.0.11");
	uint8_t header[PROXY_HEADER_MAX];

	(void)state;
	assert_int_equal(proxy_header_make(PROXY_HEADER_V2, &t, header),
			 sizeof(four));
	assert_memory_equal(header, four, sizeof(four));
	t = tuple(6, "2001:db8::1", "::1");
	assert_int_equal(proxy_header_make(PROXY_HEADER_V2, &t, header), 52);
	assert_memory_equal(header, four, 13);
	assert_int_equal(header[13], 0x21);
	assert_int_equal(header[15], 36);
	assert_memory_equal(header + 16, t.remote, 16);
	assert_memory_equal(header + 32, t.local, 16);
	assert_memory_equal(header + 48, four + 24, 4);
}

static void test_off(void **state)
{
	struct tuple t = tuple(4, "192.168.0.1", "192.168.0.11");
	uint8_t header[PROXY_HEADER_MAX];

	(void)state;
	assert_int_equal(proxy_header_make(PROXY_HEADER_OFF, &t, header), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v1),
		cmocka_unit_test(test_v1_longest),
		cmocka_unit_test(test_v2),
		cmocka_unit_test(test_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
