/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Keys of two nodes for each other, and the authenticator that proves who sent
 * a message, and to whom. From the Ed25519 keys that the link proves nodes by
 * (RFC 8032), taken to X25519 (RFC 7748, section 4.1), follow two keys that only
 * the two can know, one for each direction: what was sent to somebody else, or
 * the other way, does not verify. Pure.
 */
#ifndef LIB_OWN_AUTH_H
#define LIB_OWN_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OWN_KEY_LEN 32

struct own_keys {
	uint8_t send[OWN_KEY_LEN]; /* of what this node sends to the other */
	uint8_t receive[OWN_KEY_LEN];
};

/*
 * seed: the private part of this node's key (RFC 8032, section 5.1.5), which is
 * the caller's to wipe; peer: the other's public key. 0, -EIO (sodium does not
 * work) or -EKEYREJECTED (not the public key of anybody else).
 */
int own_auth_keys(struct own_keys *k, const uint8_t seed[OWN_KEY_LEN],
		  const uint8_t peer[OWN_KEY_LEN]);

/* The public key that belongs to a seed. */
void own_auth_public(uint8_t public[OWN_KEY_LEN],
		     const uint8_t seed[OWN_KEY_LEN]);

/* Write the authenticator of a message, its last BATON_OWNERSHIP_MAC bytes. */
void own_auth_seal(const uint8_t key[OWN_KEY_LEN], uint8_t *bytes, size_t size);

/* Was it made with the key? In a time that does not tell where it differs. */
bool own_auth_verify(const uint8_t key[OWN_KEY_LEN], const uint8_t *bytes,
		     size_t size);

#endif
