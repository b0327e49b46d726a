// SPDX-License-Identifier: GPL-2.0-only
#include "lib/probe_key.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/key_file.h"

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

int probe_key_parse(struct probe_key *key, const char *text, size_t len)
{
	uint8_t byte[sizeof(*key)];
	size_t i;

	while (len && is_blank(*text))
		text++, len--;
	while (len && is_blank(text[len - 1]))
		len--;
	if (len != 2 * sizeof(byte))
		return -EINVAL;
	for (i = 0; i < sizeof(byte); i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		byte[i] = high << 4 | low;
	}
	memcpy(key, byte, sizeof(byte));
	explicit_bzero(byte, sizeof(byte));
	return 0;
}

int probe_key_read(struct probe_key *key, const char *path, char *why,
		   size_t size)
{
	char text[128];
	int n = key_file_read(path, "probe key", text, sizeof(text), why, size);
	int err = n < 0 ? n : probe_key_parse(key, text, n);

	if (err == -EINVAL)
		snprintf(why, size,
			 "%s: expected 32 hexadecimal digits, as "
			 "`openssl rand -hex 16` prints them",
			 path);
	explicit_bzero(text, sizeof(text));
	return err;
}
