// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whatever arrives at a BFD session, and whenever: it stays one of those that
 * RFC 5880 knows, what is discarded changes nothing, and with a key only what
 * was made with it is taken.
 *
 * The first byte: 1 the session has a key. Then, again and again: how much
 * time passes (a byte, in ms), what of the packet is repaired (a byte: 1
 * version, length and discriminator, 2 the digest), how long it is (a byte),
 * and the packet.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "batond/bfd.h"

#define MS 1000000ULL

static const struct bfd_settings plain = { 10000, 10000, 3, { 0 } };
static const struct bfd_key key = { BFD_AUTH_METICULOUS_SHA1, 7, "a secret" };

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void repair(uint8_t *data, size_t len, uint8_t what)
{
	if (what & 1 && len >= BFD_MANDATORY) {
		data[0] = 1 << 5 | (data[0] & 0x1f);
		data[3] = len;
		memcpy(data + 8, "baton", 4);
	}
	if (what & 2 && len == BFD_PACKET_MAX) {
		data[1] |= 4;
		data[24] = key.type;
		data[25] = BFD_AUTH_SHA1_LEN;
		data[26] = key.id;
		require(bfd_auth_sign(data, &key));
	}
}

static void receive(struct bfd *b, uint8_t *data, size_t len, uint64_t now)
{
	struct bfd before = *b;
	enum bfd_discard why;
	enum bfd_change change;
	struct bfd_packet p;

	if (bfd_packet_read(&p, data, len))
		return;
	why = bfd_receive(b, &p, data, now, &change);
	if (why) {
		before.discarded[why]++;
		require(!memcmp(&before, b, sizeof(before)));
	} else if (b->settings.key.type) {
		require(p.authenticated && bfd_auth_is_right(data, &key));
	}
	require(change != BFD_WENT_UP || b->state == BFD_UP);
}

static void go_on(struct bfd *b, uint64_t now)
{
	uint8_t data[BFD_PACKET_MAX];
	struct bfd_packet p, read;

	bfd_check(b, now);
	require(b->state < BFD_NR_STATES);
	require(b->state != BFD_UP || b->verdict == BFD_ALIVE);
	require(b->silence < bfd_detect_time(b) || b->state != BFD_UP);
	while (bfd_transmit(b, now, now, &p)) {
		size_t len = bfd_packet_write(&p, data);

		require(!(p.poll && p.final));
		require(p.state == BFD_UP || p.min_tx >= 1000000);
		if (p.your_discriminator || p.state == BFD_DOWN)
			require(!bfd_packet_read(&read, data, len));
		bfd_sent(b, now);
		require(b->next_tx > now);
	}
	require(bfd_deadline(b) > now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bfd_settings settings = plain;
	uint64_t now = 1000 * MS;
	uint32_t discriminator;
	struct bfd b;

	require(!bfd_auth_open());
	if (!size)
		return 0;
	if (*data & 1)
		settings.key = key;
	data++, size--;
	bfd_init(&b, &settings, 0x6261746f, 1, now, 0); /* as repaired */
	discriminator = b.discriminator;
	while (size >= 3) {
		size_t len = data[2] < size - 3 ? data[2] : size - 3;
		uint8_t *packet = malloc(len ?: 1); /* of its very size */

		require(packet);
		memcpy(packet, data + 3, len);
		repair(packet, len, data[1]);
		go_on(&b, now);
		now += data[0] * MS;
		receive(&b, packet, len, now);
		go_on(&b, now);
		require(b.discriminator == discriminator);
		free(packet);
		data += 3 + len;
		size -= 3 + len;
	}
	return 0;
}
