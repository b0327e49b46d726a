// SPDX-License-Identifier: GPL-2.0-only
/* What strangers send: answers of servers, requests for pages, pidfiles. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "baton-host/heartbeats.h"
#include "baton-host/http_status.h"
#include "baton-host/watch.h"

static void statuses(void **state)
{
	static const struct {
		const char *bytes;
		int status;
	} cases[] = {
		{ "HTTP/1.1 200 OK\r\n", 200 },
		{ "HTTP/1.0 404 Not Found\r\n", 404 },
		{ "HTTP/1.1 503\r\n", 503 },
		{ "HTTP/1.1 599 \r\n", 599 },
		{ "HTTP/1.1 100\n", 100 },
		{ "HTTP/1.1 2000 \r\n", -EPROTO },
		{ "HTTP/1.1 099 \r\n", -EPROTO },
		{ "HTTP/1.1 600 \r\n", -EPROTO },
		{ "HTTP/1.1 2x0 \r\n", -EPROTO },
		{ "HTTP/1.1  200 \r\n", -EPROTO },
		{ "http/1.1 200 \r\n", -EPROTO },
		{ "HTTP/2 200 \r\n", -EPROTO },
		{ "SSH-2.0-", -EPROTO },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(http_status(cases[i].bytes,
					     strlen(cases[i].bytes)),
				 cases[i].status);
}

static void statuses_that_come_in_pieces(void **state)
{
	static const char whole[] = "HTTP/1.1 204 No Content\r\n";
	size_t len;

	(void)state;
	for (len = 0; len < sizeof(whole); len++)
		assert_int_equal(http_status(whole, len),
				 len < HTTP_STATUS_LINE ? 0 : 204);
	/* What is wrong is known as soon as it is there. */
	assert_int_equal(http_status("HTTX", 4), -EPROTO);
}

static void requests(void **state)
{
	char text[256], small[32];
	int n = http_request(text, sizeof(text), "[2001:db8::1]:8080", "/up?x");

	(void)state;
	assert_int_equal(n, strlen(text));
	assert_non_null(strstr(text, "GET /up?x HTTP/1.0\r\n"));
	assert_non_null(strstr(text, "\r\nHost: [2001:db8::1]:8080\r\n"));
	assert_string_equal(text + n - 4, "\r\n\r\n");
	assert_int_equal(http_request(small, sizeof(small), "h", "/"),
			 -ENAMETOOLONG);
}

static void names(void **state)
{
	static const char longest[] = "abcdefghijklmnopqrstuvwxyz01234";
	char name[BATON_APP_NAME_LEN];

	(void)state;
	assert_int_equal(sizeof(longest), BATON_APP_NAME_LEN);
	assert_int_equal(heartbeat_request("web", 3, name), 0);
	assert_string_equal(name, "web");
	assert_int_equal(heartbeat_request(longest, 31, name), 0);
	assert_string_equal(name, longest);
	assert_int_equal(heartbeat_request("A.b_c-9", 7, name), 0);

	assert_int_equal(heartbeat_request("", 0, name), -EINVAL);
	assert_int_equal(heartbeat_request(longest, 32, name), -EINVAL);
	assert_int_equal(heartbeat_request("we b", 4, name), -EINVAL);
	assert_int_equal(heartbeat_request("web", 4, name), -EINVAL);
	assert_int_equal(heartbeat_request("w\0b", 3, name), -EINVAL);
	assert_int_equal(heartbeat_request("w\xc3\xa4", 3, name), -EINVAL);
	assert_int_equal(heartbeat_request("../x", 4, name), -EINVAL);
}

static pid_t read_file(const char *text)
{
	char path[] = "/tmp/baton-pidfile-XXXXXX";
	int fd = mkstemp(path);
	pid_t pid;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	pid = watch_read_pidfile(path);
	unlink(path);
	return pid;
}

static void pidfiles(void **state)
{
	(void)state;
	assert_int_equal(read_file("1"), 1);
	assert_int_equal(read_file("4711\n"), 4711);
	assert_int_equal(read_file("4711\n/var/lib/postgresql\n"), 4711);
	assert_int_equal(read_file("2147483647\n"), 2147483647);

	assert_int_equal(read_file(""), -EINVAL);
	assert_int_equal(read_file("\n"), -EINVAL);
	assert_int_equal(read_file("0\n"), -EINVAL);
	assert_int_equal(read_file("-1\n"), -EINVAL);
	assert_int_equal(read_file("12x\n"), -EINVAL);
	assert_int_equal(read_file("12 13\n"), -EINVAL);
	assert_int_equal(read_file("2147483648\n"), -EINVAL);
	assert_int_equal(read_file("99999999999999999999999999999999\n"),
			 -EINVAL);
	assert_int_equal(watch_read_pidfile("/nonexistent/pid"), -ENOENT);
	assert_int_equal(watch_read_pidfile("/"), -EISDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(statuses),
		cmocka_unit_test(statuses_that_come_in_pieces),
		cmocka_unit_test(requests),
		cmocka_unit_test(names),
		cmocka_unit_test(pidfiles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
