// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commits as a peer may send them: the replica keeps its bounds, and each cut is
 * one that can follow the last.
 *
 * Messages one after another, each after its length (two bytes, the higher one
 * first) and a byte: 1 more input comes first; 2 it is about the connection that
 * is known; 4 its output begins where it must.
 */
#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "baton-proxy/message.h"

#define ROOM 4096
#define TUPLE 40 /* bytes, on the wire */

static const struct tuple tuple = { .local = { 1 },
				    .remote = { 2 },
				    .local_port = 80,
				    .remote_port = 5000,
				    .family = 4 };

static void require(bool holds)
{
	if (!holds)
		abort();
}

static struct conn *known(struct replica *r)
{
	struct side *side = replica_find(r, &tuple);
	struct track *t;
	struct conn *c;

	if (side)
		return side_conn(side);
	c = replica_add(r, 0, &tuple);
	require(c);
	t = &c->side[CLIENT].track;
	t->opened_in = t->opened_out = t->answered = true;
	return c;
}

static void more_input(struct conn *c)
{
	static const uint8_t bytes[64];
	struct side *side = &c->side[CLIENT];
	const struct segment s = {
		.seq = track_next_in(&side->track),
		/* the client has got all output */
		.ack = side->track.seq_out + 1 +
		       (uint32_t)c->side[SERVER].track.received,
		.flags = SEGMENT_ACK,
		.scale = SEGMENT_NO_SCALE,
		.payload = bytes,
		.length = sizeof(bytes),
	};

	replica_in(side, &s, ROOM);
}

static void take(struct replica *r, uint8_t *bytes, size_t len, uint8_t how)
{
	struct conn *c = known(r);
	struct cut before = replica_cut(c), after;
	uint8_t body[MESSAGE_TUPLES_MAX];

	if (how & 1)
		more_input(c);
	if (how & 2 && len >= TUPLE) {
		require(message_put_client(&tuple, body) == TUPLE);
		memcpy(bytes, body, TUPLE);
	}
	if (how & 4 && len >= TUPLE + 24) {
		uint64_t output = htobe64(before.output + len - TUPLE - 24);

		memcpy(bytes + TUPLE + 8, &output, sizeof(output));
		memset(bytes + TUPLE, 0, 7); /* of the input */
	}
	message_take_commit(r, 0, bytes, len, ROOM);
	if (!replica_find(r, &tuple))
		return;
	after = replica_cut(c);
	require(after.input >= before.input && after.output >= before.output);
	require(after.input <= c->side[CLIENT].track.received);
	require(!before.end || (after.end && after.output == before.output));
	require(c->released == after.input);
	require(replica_memory(c) <= 64 * ROOM);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct replica r;

	require(!replica_init(&r, 1));
	r.local[0] = true;
	while (size >= 3) {
		size_t len = data[0] << 8 | data[1];
		uint8_t how = data[2], *bytes;

		data += 3;
		size -= 3;
		len = len < size ? len : size;
		bytes = malloc(len ?: 1); /* of its very size */
		require(bytes);
		memcpy(bytes, data, len);
		take(&r, bytes, len, how);
		free(bytes);
		data += len;
		size -= len;
	}
	replica_free(&r);
	return 0;
}
