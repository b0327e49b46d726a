// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whatever arrives at the probe socket, only what was made with the key and
 * for this session is believed.
 *
 * The first byte says how much of the rest is repaired before it is judged, as
 * no fuzzer guesses authenticators: 1 the magic and the type, 2 the session,
 * 4 the authenticator.
 */
#include <endian.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "batond/probe_wire.h"

static const struct probe_secret secret = { .key = "sixteen bytes..",
					    .session = 0x1122334455667788 };

static void require(bool holds)
{
	if (!holds)
		abort();
}

static uint64_t authenticator(const struct baton_probe *p)
{
	uint64_t mac;

	crypto_shorthash((unsigned char *)&mac, (const unsigned char *)p,
			 BATON_PROBE_COVERED, secret.key);
	return htobe64(le64toh(mac));
}

static void repair(struct baton_probe *p, uint8_t what)
{
	if (what & 1) {
		p->magic = htobe32(BATON_PROBE_MAGIC);
		p->type = BATON_PROBE_ANSWER;
	}
	if (what & 2)
		p->session = htobe64(secret.session);
	if (what & 4)
		p->mac = authenticator(p);
}

static enum probe_verdict expected(const struct baton_probe *p, size_t size)
{
	if (size != sizeof(*p) || be32toh(p->magic) != BATON_PROBE_MAGIC ||
	    (p->type != BATON_PROBE_ANSWER && p->type != BATON_PROBE_WORD))
		return PROBE_ALIEN;
	if (p->mac != authenticator(p) || p->word >= BATON_NR_HOST_WORDS)
		return PROBE_FORGED;
	for (int i = 0; i < BATON_PROBE_APPS; i++)
		if (p->app[i].state >= BATON_NR_APP_STATES)
			return PROBE_FORGED;
	return be64toh(p->session) == secret.session ? PROBE_GOOD : PROBE_STALE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct baton_probe p = { 0 };
	struct probe_answer answer = { 0 };
	enum probe_verdict verdict;
	uint8_t *exact;

	if (!size)
		return 0;
	/* Of its very size, so that reading beyond it is noticed. */
	exact = malloc(size - 1 ?: 1);
	require(exact);
	memcpy(exact, data + 1, size - 1);
	if (size - 1 == sizeof(p)) {
		memcpy(&p, exact, sizeof(p));
		repair(&p, data[0]);
		memcpy(exact, &p, sizeof(p));
	}
	verdict = probe_judge(&answer, &secret, exact, size - 1);
	require(verdict == expected(&p, size - 1));
	if (verdict != PROBE_ALIEN) {
		require(answer.host == be16toh(p.host));
		require(answer.sequence == be64toh(p.sequence));
	}
	if (verdict == PROBE_GOOD)
		require(answer.word < BATON_NR_HOST_WORDS);
	free(exact);
	return 0;
}
