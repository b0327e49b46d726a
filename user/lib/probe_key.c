// SPDX-License-Identifier: GPL-2.0-only
#include "lib/probe_key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat st;
	char text[128];
	ssize_t n = 0;
	int err = 0;

	if (fd < 0 || fstat(fd, &st) ||
	    (n = read(fd, text, sizeof(text))) < 0) {
		err = -errno;
		snprintf(why, size, "%s: cannot read the probe key: %s", path,
			 strerror(-err));
	} else if (st.st_mode & (S_IRWXG | S_IRWXO)) {
		err = -EACCES;
		snprintf(why, size,
			 "%s: the probe key is open to others than its owner: "
			 "chmod 600 %s",
			 path, path);
	} else if (probe_key_parse(key, text, n)) {
		err = -EINVAL;
		snprintf(why, size,
			 "%s: expected 32 hexadecimal digits, as "
			 "`openssl rand -hex 16` prints them",
			 path);
	}
	explicit_bzero(text, sizeof(text));
	if (fd >= 0)
		close(fd);
	return err;
}
