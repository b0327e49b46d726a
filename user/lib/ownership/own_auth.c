// SPDX-License-Identifier: GPL-2.0-only
#include "own_auth.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "baton/ownership.h"

/* Keys of the same nodes for another purpose are others. */
#define CONTEXT "baton-ow"

_Static_assert(sizeof(CONTEXT) - 1 == crypto_kdf_CONTEXTBYTES, "context");
_Static_assert(OWN_KEY_LEN == crypto_kdf_KEYBYTES &&
		       OWN_KEY_LEN == crypto_kx_SESSIONKEYBYTES,
	       "key");

/* Of two nodes, the one with the smaller key counts as the client. */
static int exchange(struct own_keys *k, const uint8_t *public,
		    const uint8_t *secret, const uint8_t *peer)
{
	int order = memcmp(public, peer, crypto_kx_PUBLICKEYBYTES);

	if (!order)
		return -1;
	return order < 0 ? crypto_kx_client_session_keys(k->receive, k->send,
							 public, secret, peer)
			 : crypto_kx_server_session_keys(k->receive, k->send,
							 public, secret, peer);
}

int own_auth_keys(struct own_keys *k, const uint8_t seed[OWN_KEY_LEN],
		  const uint8_t peer[OWN_KEY_LEN])
{
	uint8_t ed_public[crypto_sign_PUBLICKEYBYTES];
	uint8_t ed_secret[crypto_sign_SECRETKEYBYTES];
	uint8_t public[crypto_kx_PUBLICKEYBYTES];
	uint8_t secret[crypto_kx_SECRETKEYBYTES];
	uint8_t theirs[crypto_kx_PUBLICKEYBYTES];
	struct own_keys raw;
	int err = 0;

	if (sodium_init() < 0)
		return -EIO;
	crypto_sign_seed_keypair(ed_public, ed_secret, seed);
	if (crypto_sign_ed25519_pk_to_curve25519(public, ed_public) ||
	    crypto_sign_ed25519_sk_to_curve25519(secret, ed_secret) ||
	    crypto_sign_ed25519_pk_to_curve25519(theirs, peer) ||
	    exchange(&raw, public, secret, theirs))
		err = -EKEYREJECTED;
	if (!err) {
		crypto_kdf_derive_from_key(k->send, OWN_KEY_LEN, 1, CONTEXT,
					   raw.send);
		crypto_kdf_derive_from_key(k->receive, OWN_KEY_LEN, 1, CONTEXT,
					   raw.receive);
	}
	sodium_memzero(ed_secret, sizeof(ed_secret));
	sodium_memzero(secret, sizeof(secret));
	sodium_memzero(&raw, sizeof(raw));
	return err;
}

void own_auth_public(uint8_t public[OWN_KEY_LEN],
		     const uint8_t seed[OWN_KEY_LEN])
{
	uint8_t secret[crypto_sign_SECRETKEYBYTES];

	crypto_sign_seed_keypair(public, secret, seed);
	sodium_memzero(secret, sizeof(secret));
}

static void authenticator(uint8_t mac[BATON_OWNERSHIP_MAC], const uint8_t *key,
			  const uint8_t *bytes, size_t size)
{
	crypto_generichash(mac, BATON_OWNERSHIP_MAC, bytes,
			   size - BATON_OWNERSHIP_MAC, key, OWN_KEY_LEN);
}

void own_auth_seal(const uint8_t key[OWN_KEY_LEN], uint8_t *bytes, size_t size)
{
	authenticator(bytes + size - BATON_OWNERSHIP_MAC, key, bytes, size);
}

bool own_auth_verify(const uint8_t key[OWN_KEY_LEN], const uint8_t *bytes,
		     size_t size)
{
	uint8_t mac[BATON_OWNERSHIP_MAC];

	authenticator(mac, key, bytes, size);
	return !sodium_memcmp(mac, bytes + size - BATON_OWNERSHIP_MAC,
			      sizeof(mac));
}
