// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whatever leaves: the clamp stays in the packet, changes nothing of it but what
 * it acknowledges, and lets nobody be told more than the limit.
 *
 * Packets one after another, each after its length (two bytes, the higher one
 * first) and a byte: how far the limit is ahead of what it acknowledges, as a
 * signed number; and one more: 1 the client repeats itself from there, 2 an ACK
 * may be due, 4 windows are not scaled.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "baton-proxy/clamp.h"

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void leave(struct clamp *c, const struct clamp_limit *limit,
		  uint8_t *packet, size_t len, const struct segment *s)
{
	bool acknowledges = s->flags & SEGMENT_ACK &&
			    !(s->flags & (SEGMENT_SYN | SEGMENT_RST));
	struct segment left;
	enum clamp_verdict v = clamp_out(c, limit, s, packet, len);

	require(!segment_parse(&left, packet, len, false));
	require(left.length == s->length && left.payload == s->payload &&
		left.seq == s->seq && left.flags == s->flags &&
		left.timestamps == s->timestamps);
	if (v == CLAMP_CHANGED)
		require(segment_is_sound(packet, len) && !left.sack_block);
	if (v != CLAMP_DROP && acknowledges)
		require(!seq_before(limit->ack, left.ack));
}

static void due(struct clamp *c, const struct clamp_limit *limit)
{
	uint8_t packet[SEGMENT_HEADERS_REST];
	size_t len = clamp_due(c, limit, packet);
	struct segment s;

	if (!len)
		return;
	require(!segment_parse(&s, packet, len, false));
	require(segment_is_sound(packet, len));
	require(!s.length && !(s.flags & ~(SEGMENT_ACK | SEGMENT_ECE)));
	require(!seq_before(limit->ack, s.ack));
	leave(c, limit, packet, len, &s);
	require(!clamp_due(c, limit, packet));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct clamp c = { 0 };

	while (size >= 4) {
		size_t len = data[0] << 8 | data[1];
		int8_t ahead = data[2];
		uint8_t how = data[3], *packet;
		struct segment s;

		data += 4;
		size -= 4;
		len = len < size ? len : size;
		packet = malloc(len ?: 1); /* of its very size */
		require(packet);
		memcpy(packet, data, len);
		if (!segment_parse(&s, packet, len, false)) {
			struct clamp_limit limit = {
				.ack = s.ack + ahead,
				.una = s.seq + (how >> 3),
				.scale = how & 4 ? SEGMENT_NO_SCALE : how >> 4,
			};

			if (how & 1)
				clamp_repeated(&c, &s);
			leave(&c, &limit, packet, len, &s);
			limit.ack += how;
			if (how & 2)
				due(&c, &limit);
		}
		free(packet);
		data += len;
		size -= len;
	}
	return 0;
}
