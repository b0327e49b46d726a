// SPDX-License-Identifier: GPL-2.0-only
#include "bfd_packet.h"

#include <endian.h>
#include <string.h>

#define VERSION 1

/* The second byte, beside the state */
enum {
	POLL = 0x20,
	FINAL = 0x10,
	AUTHENTICATED = 0x04,
	DEMAND = 0x02,
	MULTIPOINT = 0x01,
};

static uint32_t get32(const uint8_t *at)
{
	uint32_t n;

	memcpy(&n, at, sizeof(n));
	return be32toh(n);
}

static void put32(uint8_t *at, uint32_t n)
{
	n = htobe32(n);
	memcpy(at, &n, sizeof(n));
}

static bool is_sha1(uint8_t type)
{
	return type == BFD_AUTH_SHA1 || type == BFD_AUTH_METICULOUS_SHA1;
}

/* The section is as long as it says, and as its type must be (6.7.4). */
static enum bfd_discard read_auth(struct bfd_packet *p, const uint8_t *at,
				  size_t room)
{
	if (room < 2 || at[1] < 2 || at[1] > room)
		return BFD_DISCARD_LENGTH;
	p->auth_type = at[0];
	if (!is_sha1(p->auth_type))
		return BFD_TAKEN; /* some session may have a use for it */
	/* Nothing may follow it, for that would not be hashed. */
	if (at[1] != BFD_AUTH_SHA1_LEN || room != BFD_AUTH_SHA1_LEN)
		return BFD_DISCARD_LENGTH;
	p->key_id = at[2];
	p->sequence = get32(at + 4);
	return BFD_TAKEN;
}

/* In the order of section 6.8.6, which is what is told of a packet that has
 * several faults. */
enum bfd_discard bfd_packet_read(struct bfd_packet *p, const void *data,
				 size_t len)
{
	const uint8_t *at = data;
	size_t length;

	if (!len)
		return BFD_DISCARD_LENGTH;
	if (at[0] >> 5 != VERSION)
		return BFD_DISCARD_VERSION;
	if (len < BFD_MANDATORY)
		return BFD_DISCARD_LENGTH;
	length = at[3];
	if (length < BFD_MANDATORY || length > len)
		return BFD_DISCARD_LENGTH;
	if (!at[2])
		return BFD_DISCARD_MULTIPLIER;
	if (at[1] & MULTIPOINT)
		return BFD_DISCARD_MULTIPOINT;
	*p = (struct bfd_packet){
		.state = at[1] >> 6,
		.diag = at[0] & 0x1f,
		.poll = at[1] & POLL,
		.final = at[1] & FINAL,
		.demand = at[1] & DEMAND,
		.authenticated = at[1] & AUTHENTICATED,
		.multiplier = at[2],
		.my_discriminator = get32(at + 4),
		.your_discriminator = get32(at + 8),
		.min_tx = get32(at + 12),
		.min_rx = get32(at + 16),
		.min_echo_rx = get32(at + 20),
	};
	if (!p->my_discriminator)
		return BFD_DISCARD_MY_DISCRIMINATOR;
	if (!p->your_discriminator && p->state != BFD_DOWN &&
	    p->state != BFD_ADMIN_DOWN)
		return BFD_DISCARD_YOUR_DISCRIMINATOR;
	return p->authenticated ? read_auth(p, at + BFD_MANDATORY,
					    length - BFD_MANDATORY)
				: BFD_TAKEN;
}

size_t bfd_packet_write(const struct bfd_packet *p,
			uint8_t data[BFD_PACKET_MAX])
{
	size_t len = p->authenticated ? BFD_PACKET_MAX : BFD_MANDATORY;
	uint8_t *auth = data + BFD_MANDATORY;

	memset(data, 0, len);
	data[0] = VERSION << 5 | (p->diag & 0x1f);
	data[1] = p->state << 6 | (p->poll ? POLL : 0) |
		  (p->final ? FINAL : 0) | (p->demand ? DEMAND : 0) |
		  (p->authenticated ? AUTHENTICATED : 0);
	data[2] = p->multiplier;
	data[3] = len;
	put32(data + 4, p->my_discriminator);
	put32(data + 8, p->your_discriminator);
	put32(data + 12, p->min_tx);
	put32(data + 16, p->min_rx);
	put32(data + 20, p->min_echo_rx);
	if (p->authenticated) {
		auth[0] = p->auth_type;
		auth[1] = BFD_AUTH_SHA1_LEN;
		auth[2] = p->key_id;
		put32(auth + 4, p->sequence);
	}
	return len;
}
