/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Keyed SHA1 over a BFD control packet (RFC 5880 section 6.7.4): the key takes
 * the place of the digest while the whole packet is hashed.
 */
#ifndef BATOND_BFD_AUTH_H
#define BATOND_BFD_AUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "bfd_packet.h"

struct bfd_key {
	uint8_t type; /* enum bfd_auth_type */
	uint8_t id;
	uint8_t secret[BFD_DIGEST]; /* zeros after its end */
};

/* Have what hashing needs, so that none of it allocates later. 0, or -ENOTSUP
 * if libcrypto has no SHA1: then nothing is signed, and nothing believed. */
int bfd_auth_open(void);

/* *packet is BFD_PACKET_MAX bytes, as bfd_packet_write() made or
 * bfd_packet_read() took it. */
bool bfd_auth_sign(uint8_t packet[BFD_PACKET_MAX], const struct bfd_key *key);
bool bfd_auth_is_right(const uint8_t packet[BFD_PACKET_MAX],
		       const struct bfd_key *key);

#endif
