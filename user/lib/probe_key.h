/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The secret that switch and hosts share for probes: 16 bytes, in a file of 32
 * hexadecimal digits (`openssl rand -hex 16`).
 */
#ifndef LIB_PROBE_KEY_H
#define LIB_PROBE_KEY_H

#include <stddef.h>
#include <stdint.h>

/* As siphash() takes it: the bytes as they lie in memory. */
struct probe_key {
	uint64_t word[2];
};

/* 0 or -EINVAL; blanks and newlines around the digits do not matter. */
int probe_key_parse(struct probe_key *key, const char *text, size_t len);

/*
 * Read the file, which others than its owner must not be able to read. 0 or a
 * negative errno, with `why` filled: "FILE: what is wrong, what to do".
 */
int probe_key_read(struct probe_key *key, const char *path, char *why,
		   size_t size);

#endif
