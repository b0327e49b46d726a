// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whatever arrives at the port of the ownership protocol: what is not by the
 * peer, for this node, and new, changes nothing; what is taken has one encoding.
 *
 * The first byte says how much of the rest is repaired before, as no fuzzer
 * guesses authenticators: 1 magic, length and nodes, 2 what makes it fresh, 4
 * the authenticator; 8: it is the switch's.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/ownership/own_member.h"

#define NOW 1000000000000ULL
#define ME 2

static struct own_keys keys;
static struct own_member m;

static void require(bool holds)
{
	if (!holds)
		abort();
}

static uint64_t any_number(void *arg)
{
	static uint64_t n;

	(void)arg;
	return ++n;
}

static void no_send(void *arg, uint16_t to, const uint8_t *bytes, size_t size)
{
	(void)arg;
	(void)to;
	(void)bytes;
	require(size <= BATON_OWNERSHIP_MAX);
}

static void put(uint8_t *at, uint64_t v, int size)
{
	while (size--) {
		at[size] = v;
		v >>= 8;
	}
}

static void repair(uint8_t *bytes, size_t size, uint8_t what)
{
	uint16_t from = what & 8 ? BATON_OWNERSHIP_SWITCH : 1;
	struct own_peer *p = own_member_peer(&m, from);

	if (size < OWN_HEADER_SIZE + BATON_OWNERSHIP_MAC)
		return;
	if (what & 1) {
		put(bytes, BATON_OWNERSHIP_MAGIC, 4);
		put(bytes + 4, size, 2);
		put(bytes + 8, from, 2);
		put(bytes + 10, ME, 2);
	}
	if (what & 2)
		put(bytes + 36, p->fresh.challenge[0], 8); /* echo */
	if (what & 4)
		own_auth_seal(keys.receive, bytes, size);
}

static void begin(void)
{
	const struct own_callbacks cb = { .send = no_send,
					  .random = any_number };
	const uint8_t seed[OWN_KEY_LEN] = { 1 }, other[OWN_KEY_LEN] = { 2 };
	uint8_t public[OWN_KEY_LEN];
	static bool made;

	if (!made) {
		own_auth_public(public, other);
		require(!own_auth_keys(&keys, seed, public));
		made = true;
	}
	own_member_init(&m, ME, &cb);
	require(!own_member_add(&m, BATON_OWNERSHIP_SWITCH, &keys, NOW));
	require(!own_member_add(&m, 1, &keys, NOW));
}

/* What was taken encodes to what came. */
static void check_encoding(const uint8_t *bytes, size_t size)
{
	static struct own_message in;
	uint8_t again[BATON_OWNERSHIP_MAX];

	require(!own_wire_header(&in.header, bytes, size));
	require(!own_wire_records(&in, bytes));
	require(own_wire_put(&in, again) == size);
	require(!memcmp(again, bytes, size - BATON_OWNERSHIP_MAC));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct own_peer before[2];
	enum own_verdict verdict;
	uint8_t *exact;

	if (!size--)
		return 0;
	/* of its very size, so that reading beyond it is noticed */
	exact = malloc(size ?: 1);
	require(exact);
	memcpy(exact, data + 1, size);
	begin();
	repair(exact, size, data[0]);
	for (int i = 0; i < 2; i++) {
		memcpy(before, m.peers, sizeof(before));
		verdict = own_member_receive(&m, exact, size, NOW);
		if (verdict == OWN_ACCEPTED_) {
			require(!i && data[0] & 4);
			check_encoding(exact, size);
		} else {
			for (int k = 0; k < 2; k++) { /* but for answers */
				before[k].answered = m.peers[k].answered;
				before[k].fresh.sent = m.peers[k].fresh.sent;
			}
			require(!memcmp(before, m.peers, sizeof(before)));
		}
		own_member_tick(&m, NOW);
	}
	own_member_free(&m);
	free(exact);
	return 0;
}
