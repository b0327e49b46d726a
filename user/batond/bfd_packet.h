/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * BFD control packets as bytes (RFC 5880 section 4), and the reasons for which
 * one is not taken (section 6.8.6, RFC 5881 section 5).
 */
#ifndef BATOND_BFD_PACKET_H
#define BATOND_BFD_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BFD_PORT 3784 /* UDP, single hop (RFC 5881 section 4) */
#define BFD_TTL 255 /* of all packets; no router has passed them on */

/* X(NAME, label), numbered as in section 4.1 */
#define BFD_STATES(X)                                                          \
	X(ADMIN_DOWN, "admin-down")                                            \
	X(DOWN, "down")                                                        \
	X(INIT, "init")                                                        \
	X(UP, "up")

enum bfd_state {
#define X(name, label) BFD_##name,
	BFD_STATES(X)
#undef X
		BFD_NR_STATES,
};

/* X(NAME, label): why a session changed its state; section 4.1 */
#define BFD_DIAGS(X)                                                           \
	X(NONE, "none")                                                        \
	X(EXPIRED, "detection time expired")                                   \
	X(ECHO_FAILED, "echo failed")                                          \
	X(SIGNALED_DOWN, "neighbor signaled down")                             \
	X(RESET, "forwarding plane reset")                                     \
	X(PATH_DOWN, "path down")                                              \
	X(CONCATENATED_DOWN, "concatenated path down")                         \
	X(ADMIN_DOWN, "administratively down")                                 \
	X(REVERSE_DOWN, "reverse concatenated path down")

enum bfd_diag {
#define X(name, label) BFD_DIAG_##name,
	BFD_DIAGS(X)
#undef X
		BFD_NR_DIAGS, /* up to 31: reserved */
};

/* X(NAME, label, number): sections 4.1, 4.4; others are never right */
#define BFD_AUTHS(X)                                                           \
	X(NONE, "none", 0)                                                     \
	X(SHA1, "sha1", 4)                                                     \
	X(METICULOUS_SHA1, "meticulous-sha1", 5)

enum bfd_auth_type {
#define X(name, label, number) BFD_AUTH_##name = number,
	BFD_AUTHS(X)
#undef X
};

/* X(NAME, label, what was wrong with the packet) */
#define BFD_DISCARDS(X)                                                        \
	X(TTL, "ttl", "TTL or hop limit is not 255")                           \
	X(VERSION, "version", "version is not 1")                              \
	X(LENGTH, "length", "shorter than it says, or than it must be")        \
	X(MULTIPLIER, "multiplier", "detection multiplier is 0")               \
	X(MULTIPOINT, "multipoint", "multipoint bit is set")                   \
	X(MY_DISCRIMINATOR, "my_discriminator", "its discriminator is 0")      \
	X(YOUR_DISCRIMINATOR, "your_discriminator",                            \
	  "names no session, although its state needs one")                    \
	X(NO_SESSION, "no_session", "there is no such session")                \
	X(SOURCE, "source", "not from the host that the session is with")      \
	X(AUTH_MISSING, "auth_missing", "not authenticated")                   \
	X(AUTH_UNEXPECTED, "auth_unexpected", "authenticated without need")    \
	X(AUTH_TYPE, "auth_type", "another type of authentication")            \
	X(AUTH_KEY, "auth_key", "another key identifier")                      \
	X(AUTH_SEQUENCE, "auth_sequence", "sequence number was used before")   \
	X(AUTH_DIGEST, "auth_digest", "digest is wrong")                       \
	X(ADMIN_DOWN, "admin_down", "the session is administratively down")

enum bfd_discard {
	BFD_TAKEN,
#define X(name, label, text) BFD_DISCARD_##name,
	BFD_DISCARDS(X)
#undef X
		BFD_NR_DISCARDS,
};

/* Lengths of the parts; MAX is the longest that is sent. */
enum {
	BFD_MANDATORY = 24,
	BFD_AUTH_SHA1_LEN = 28,
	BFD_AUTH_DIGEST = 8, /* its offset in the section */
	BFD_DIGEST = 20,
	BFD_PACKET_MAX = BFD_MANDATORY + BFD_AUTH_SHA1_LEN,
};

/* Numbers in host byte order, intervals in us. */
struct bfd_packet {
	uint8_t state; /* enum bfd_state */
	uint8_t diag;
	bool poll, final, demand, authenticated;
	uint8_t multiplier;
	uint32_t my_discriminator, your_discriminator;
	uint32_t min_tx; /* desired */
	uint32_t min_rx, min_echo_rx; /* required */
	/* if authenticated; key_id and sequence only of SHA1 */
	uint8_t auth_type, key_id;
	uint32_t sequence;
};

/* What can be told without knowing of sessions. *p is filled if TAKEN. */
enum bfd_discard bfd_packet_read(struct bfd_packet *p, const void *data,
				 size_t len);

/* The length, at most BFD_PACKET_MAX. The digest is left zero; bfd_auth.h. */
size_t bfd_packet_write(const struct bfd_packet *p,
			uint8_t data[BFD_PACKET_MAX]);

#endif
