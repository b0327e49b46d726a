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
		const struct probe_ask *ask)
{
	*probe = (struct baton_probe){
		.magic = htobe32(BATON_PROBE_MAGIC),
		.type = BATON_PROBE_ASK,
		.host = htobe16(ask->host),
		.session = htobe64(secret->session),
		.sequence = htobe64(ask->sequence),
		.sent = htobe64(ask->now),
		.stamp = htobe64(ask->stamp),
		.lease = htobe32(ask->lease),
		.owner = htobe32(ask->owner),
		.epoch = htobe32(ask->epoch),
		.plays = ask->plays,
	};
	probe->mac = authenticator(secret, probe);
}

/* Is every field within what this version knows? */
static bool is_sound(const struct baton_probe *a)
{
	if (a->word >= BATON_NR_HOST_WORDS)
		return false;
	for (int i = 0; i < BATON_PROBE_APPS; i++)
		if (a->app[i].state >= BATON_NR_APP_STATES)
			return false;
	return true;
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
	    (a.type != BATON_PROBE_ANSWER && a.type != BATON_PROBE_WORD))
		return PROBE_ALIEN;
	*answer = (struct probe_answer){
		.type = a.type,
		.host = be16toh(a.host),
		.sequence = be64toh(a.sequence),
		.word = a.word,
		.clock = be64toh(a.type == BATON_PROBE_WORD ? a.sent : a.stamp),
		.owner = be32toh(a.owner),
		.epoch = be32toh(a.epoch),
		.plays = a.plays,
	};
	for (int i = 0; i < BATON_PROBE_APPS; i++)
		answer->app[i] = (struct probe_app){
			.tag = be32toh(a.app[i].tag),
			.age = be16toh(a.app[i].age),
			.state = a.app[i].state,
		};
	mac = authenticator(secret, &a);
	if (sodium_memcmp(&mac, &a.mac, sizeof(mac)) || !is_sound(&a))
		return PROBE_FORGED;
	return be64toh(a.session) == secret->session ? PROBE_GOOD : PROBE_STALE;
}
