// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whatever arrives: the parser stays in the packet, what it read can be written
 * and read again as the same, and a track that gets it keeps its bounds.
 *
 * Packets one after another, each after its length (two bytes, the higher one
 * first) and a byte: 1 the addresses' order, 2 its sequence number and 4 its
 * acknowledgement are what the track expects, plus what they were, modulo 256;
 * 8 bytes that were acknowledged go.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "baton-proxy/track.h"

#define LIMIT 8192

static void require(bool holds)
{
	if (!holds)
		abort();
}

static bool same(const struct segment *a, const struct segment *b)
{
	return !memcmp(&a->tuple, &b->tuple, sizeof(a->tuple)) &&
	       a->seq == b->seq && a->flags == b->flags &&
	       a->window == b->window && a->timestamps == b->timestamps &&
	       a->ts_value == b->ts_value && a->ts_echo == b->ts_echo &&
	       a->sack == b->sack && a->mss == b->mss && a->scale == b->scale &&
	       a->sack_block == b->sack_block &&
	       a->sack_start == b->sack_start && a->sack_end == b->sack_end &&
	       a->length == b->length &&
	       !memcmp(a->payload, b->payload, a->length);
}

static void write_again(const struct segment *s)
{
	static uint8_t packet[65600];
	int len = segment_build(s, packet, sizeof(packet));
	struct segment read;

	if (len == -EMSGSIZE)
		return; /* our headers may be longer */
	require(len > 0 && segment_is_sound(packet, len));
	require(!segment_parse(&read, packet, len, false));
	require(same(s, &read));
}

static void track(struct track *t, const struct segment *s)
{
	struct track before = *t;
	uint64_t sent = t->acked + 1000;
	const uint8_t *bytes;
	enum track_verdict v = track_in(t, s, sent, false);

	if (v == TRACK_NOTHING)
		require(!memcmp(&before, t, sizeof(before)));
	require(t->received >= before.received && t->acked >= before.acked);
	require(t->acked <= sent);
	require(t->kept <= LIMIT && track_memory(t) <= 4 * LIMIT + 8192);
	require(track_bytes(t, t->received - t->kept, &bytes) == t->kept);
	for (uint32_t i = 0; i < t->kept; i++)
		require(bytes[i] <= 255); /* for the sanitizer */
	for (int i = 0; i < t->nr_ranges; i++) {
		uint64_t from = i ? t->ranges[i - 1].end : t->received;

		require(t->ranges[i].start > from);
		require(t->ranges[i].end > t->ranges[i].start);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct track t;

	track_init(&t);
	t.limit = LIMIT;
	t.opened_out = true;
	while (size >= 3) {
		size_t len = data[0] << 8 | data[1];
		uint8_t how = data[2], *packet;
		struct segment s;

		data += 3;
		size -= 3;
		len = len < size ? len : size;
		packet = malloc(len ?: 1); /* of its very size */
		require(packet);
		memcpy(packet, data, len);
		segment_is_sound(packet, len);
		segment_parse_head(&s, packet, len, len + (how >> 4) * 256);
		if (!segment_parse(&s, packet, len, how & 1)) {
			write_again(&s);
			if (how & 2)
				s.seq = track_next_in(&t) + (s.seq & 255);
			if (how & 4)
				s.ack = track_next_out(&t) + (s.ack & 255);
			track(&t, &s);
		}
		if (how & 8)
			track_trim(&t, t.acked);
		free(packet);
		data += len;
		size -= len;
	}
	track_free(&t);
	return 0;
}
