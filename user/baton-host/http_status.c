// SPDX-License-Identifier: GPL-2.0-only
#include "http_status.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* 1.0, so that nobody keeps the connection, or sends in chunks. */
int http_request(char *text, size_t size, const char *host, const char *path)
{
	int n = snprintf(text, size,
			 "GET %s HTTP/1.0\r\n"
			 "Host: %s\r\n"
			 "User-Agent: baton-host/" BATON_VERSION "\r\n"
			 "Connection: close\r\n\r\n",
			 path, host);

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : n;
}

static bool fits(char c, char pattern)
{
	switch (pattern) {
	case '0': /* any digit */
		return c >= '0' && c <= '9';
	case '1': /* the first of a status */
		return c >= '1' && c <= '5';
	case '$': /* the reason is optional, and often its blank as well */
		return c == ' ' || c == '\r' || c == '\n';
	default:
		return c == pattern;
	}
}

int http_status(const char *bytes, size_t len)
{
	static const char line[HTTP_STATUS_LINE + 1] = "HTTP/0.0 100$";
	size_t i;

	for (i = 0; i < len && i < HTTP_STATUS_LINE; i++)
		if (!fits(bytes[i], line[i]))
			return -EPROTO;
	if (len < HTTP_STATUS_LINE)
		return 0;
	return (bytes[9] - '0') * 100 + (bytes[10] - '0') * 10 + bytes[11] -
	       '0';
}
