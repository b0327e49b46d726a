// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whatever a proven peer sends, however it is cut: only what is next, of a known
 * owner, and not of an epoch that is over is taken.
 *
 * The first byte: this node's role; the second: how the bytes are cut. Then
 * frames; a magic of zero stands for header fields that are repaired (magic,
 * version, sequence), so that what lies behind these checks is reached, too.
 */
#include <endian.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/link/link_session.h"

#define MS 1000000ULL
#define HEADER sizeof(struct baton_link_header)
#define OWNER 7
#define EPOCH 5

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void sent(void *arg, const struct link_frame *f)
{
	(void)arg;
	require(link_length_fits(f->type, f->length));
}

/* The input with its headers repaired. */
static void repair(uint8_t *bytes, size_t size)
{
	struct baton_link_header h;
	uint64_t sequence = 0;
	size_t at;

	for (at = 0; size - at >= HEADER;) {
		memcpy(&h, bytes + at, HEADER);
		if (!h.magic) {
			h.magic = htobe16(BATON_LINK_MAGIC);
			h.version = BATON_LINK_VERSION;
			if (link_type_is_data(h.type))
				h.sequence = htobe64(sequence + 1);
			memcpy(bytes + at, &h, HEADER);
		}
		if (link_type_is_data(h.type))
			sequence++;
		if (be32toh(h.length) > size - at - HEADER)
			break;
		at += HEADER + be32toh(h.length);
	}
}

static void take(struct link_session *s, const struct link_frame *f)
{
	const struct link_session before = *s;
	const struct link_owner *e = link_owners_find(s->owners, OWNER);
	uint32_t epoch = e->epoch;
	uint8_t role = e->role;
	struct link_event event = link_session_receive(s, f, 2000 * MS);

	require(s->state < LINK_NR_STATES);
	require(s->acked <= s->sent && s->acked >= before.acked);
	require(s->ours.nr <= LINK_SNAPSHOTS && s->theirs.nr <= LINK_SNAPSHOTS);
	require(e->epoch >= epoch);
	require(event.kind != LINK_BROKEN ||
		(s->received == before.received && s->acked == before.acked));
	if (event.kind != LINK_FRAME)
		return;
	require(before.state == LINK_STATE_UP);
	require(f->sequence == before.received + 1);
	if (!f->owner)
		return;
	require(f->owner == OWNER && f->epoch >= epoch);
	if (f->role == BATON_LINK_ROLE_OWNER)
		require(f->epoch > epoch || role != BATON_LINK_ROLE_OWNER);
	else
		require(f->epoch == epoch && role == BATON_LINK_ROLE_OWNER);
}

static void session_init(struct link_session *s, struct link_owners *owners,
			 uint8_t role)
{
	struct link_frame f = { .type = BATON_LINK_STREAM };

	link_owners_set(owners, OWNER, role % BATON_LINK_NR_ROLES, EPOCH);
	*s = (struct link_session){
		.times = { 250 * MS, 2000 * MS, 5000 * MS, 1000 * MS },
		.owners = owners,
		.send = sent,
	};
	link_session_start(s, "me", "peer", 1000 * MS);
	/* there is something that can be acknowledged or refused */
	s->state = LINK_STATE_UP;
	require(link_session_number(s, &f, 1000 * MS) == 1);
	require(link_session_number(s, &f, 1000 * MS) == 2);
	link_session_tick(s, 1300 * MS);
	s->state = LINK_STATE_HELLO;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct link_owners owners = { 0 };
	struct link_session s;
	struct link_decoder d;
	struct link_frame f;
	size_t at = 0, room;
	uint8_t *bytes, *to;
	int n = 0;

	if (size < 2)
		return 0;
	size -= 2;
	bytes = malloc(size ? size : 1);
	require(bytes);
	memcpy(bytes, data + 2, size);
	repair(bytes, size);
	session_init(&s, &owners, data[0]);
	link_decoder_init(&d);
	while (at < size && n >= 0) {
		size_t cut = 1 + data[1] * (at % 7 + 1);

		to = link_decoder_room(&d, &room);
		require(to && room);
		cut = cut < room ? cut : room;
		cut = cut < size - at ? cut : size - at;
		memcpy(to, bytes + at, cut);
		link_decoder_filled(&d, cut);
		at += cut;
		while ((n = link_decoder_next(&d, &f)) > 0)
			take(&s, &f);
		link_session_flush(&s);
	}
	link_decoder_free(&d);
	link_owners_free(&owners);
	free(bytes);
	return 0;
}
