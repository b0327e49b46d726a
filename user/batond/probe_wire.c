// SPDX-License-Identifier: GPL-2.0-only
#include "probe_wire.h"

#include <endian.h>
#include <sodium.h>
#include <string.h>

static uint64_t authenticator(const struct probe_secret *secret,
			      const struct baton_probe *probe)
{
	unsigned char hash[crypto_shorthash_BYTES]; /* little-endian */
	uint64_t mac;

	_Static_assert(sizeof(hash) == sizeof(mac), "SipHash-2-4 is 64 bits");
	crypto_shorthash(hash, (const unsigned char *)probe,
			 BATON_PROBE_COVERED, secret->key);
	memcpy(&mac, hash, sizeof(mac));
	return htobe64(le64toh(mac));
}

void probe_make(struct baton_probe *probe, const struct probe_secret *secret,
		uint16_t host, uint64_t sequence, uint64_t now)
{
	*probe = (struct baton_probe){
		.magic = htobe32(BATON_PROBE_MAGIC),
		.type = BATON_PROBE_ASK,
		.host = htobe16(host),
		.session = htobe64(secret->session),
		.sequence = htobe64(sequence),
		.sent = htobe64(now),
	};
	probe->mac = authenticator(secret, probe);
}

enum probe_verdict probe_judge(struct probe_answer *answer,
			       const struct probe_secret *secret,
			       const void *data, size_t len)
{
	struct baton_probe a;
	uint64_t mac;

	if (len != sizeof(a))
		return PROBE_ALIEN;
	memcpy(&a, data, sizeof(a));
	if (be32toh(a.magic) != BATON_PROBE_MAGIC ||
	    a.type != BATON_PROBE_ANSWER)
		return PROBE_ALIEN;
	answer->host = be16toh(a.host);
	answer->sequence = be64toh(a.sequence);
	answer->word = a.word;
	mac = authenticator(secret, &a);
	if (sodium_memcmp(&mac, &a.mac, sizeof(mac)) ||
	    a.word >= BATON_NR_HOST_WORDS)
		return PROBE_FORGED;
	return be64toh(a.session) == secret->session ? PROBE_GOOD : PROBE_STALE;
}
