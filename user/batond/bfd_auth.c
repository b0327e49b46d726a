// SPDX-License-Identifier: GPL-2.0-only
#include "bfd_auth.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#define DIGEST_AT (BFD_MANDATORY + BFD_AUTH_DIGEST)

static EVP_MD *sha1;
static EVP_MD_CTX *context;

int bfd_auth_open(void)
{
	if (!sha1)
		sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
	if (!context)
		context = EVP_MD_CTX_new();
	return sha1 && context ? 0 : -ENOTSUP;
}

static bool digest(uint8_t out[BFD_DIGEST],
		   const uint8_t packet[BFD_PACKET_MAX],
		   const struct bfd_key *key)
{
	return sha1 && context && EVP_DigestInit_ex(context, sha1, NULL) &&
	       EVP_DigestUpdate(context, packet, DIGEST_AT) &&
	       EVP_DigestUpdate(context, key->secret, sizeof(key->secret)) &&
	       EVP_DigestFinal_ex(context, out, NULL);
}

bool bfd_auth_sign(uint8_t packet[BFD_PACKET_MAX], const struct bfd_key *key)
{
	return digest(packet + DIGEST_AT, packet, key);
}

bool bfd_auth_is_right(const uint8_t packet[BFD_PACKET_MAX],
		       const struct bfd_key *key)
{
	uint8_t right[BFD_DIGEST];

	return digest(right, packet, key) &&
	       !CRYPTO_memcmp(right, packet + DIGEST_AT, sizeof(right));
}
