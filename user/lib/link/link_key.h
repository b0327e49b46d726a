/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The key of a node: Ed25519 (RFC 8032), its private part in a file, PKCS #8 in
 * PEM (RFC 5958, RFC 8410), its public part a line of base64 that the
 * configurations of the other nodes hold.
 */
#ifndef LIB_LINK_KEY_H
#define LIB_LINK_KEY_H

#include <stddef.h>
#include <stdint.h>

#define LINK_PUBLIC_LEN 32
#define LINK_PUBLIC_TEXT 45 /* base64, with the final NUL */

struct link_public {
	uint8_t bytes[LINK_PUBLIC_LEN];
};

struct link_key; /* both parts; the private one is wiped when it is freed */

int link_key_make(struct link_key **key); /* 0, -ENOMEM or -EIO */
void link_key_free(struct link_key *key);
void link_key_public(const struct link_key *key, struct link_public *p);

/* The private part (RFC 8032, section 5.1.5), the caller's to wipe. */
void link_key_seed(const struct link_key *key, uint8_t seed[LINK_PUBLIC_LEN]);

/* The EVP_PKEY, which remains the key's. */
struct evp_pkey_st *link_key_pkey(const struct link_key *key);

/*
 * Write the key into a new file of mode 0600; an old one is never overwritten.
 * 0 or a negative errno, with `why` filled: "FILE: what is wrong, what to do".
 */
int link_key_write(const struct link_key *key, const char *path, char *why,
		   size_t size);

/* Read the file, which others than its owner must not be able to read. */
int link_key_read(struct link_key **key, const char *path, char *why,
		  size_t size);

void link_public_format(const struct link_public *p,
			char text[LINK_PUBLIC_TEXT]);
/* What is expected of such a text (a char *const *) in a configuration; NULL: it is
 * so. */
const char *link_public_check(const void *text);
/* 0, or -EINVAL if it is not the base64 of 32 bytes */
int link_public_parse(struct link_public *p, const char *text);

#endif
