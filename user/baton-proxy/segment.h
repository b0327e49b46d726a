/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * TCP segments as packets, from the IP header on: as NFQUEUE delivers them and
 * raw sockets take them (RFC 791, RFC 8200, RFC 9293). What the kernel has
 * joined (GRO) or not cut yet (GSO) is one long segment here, with the options
 * and flags that the kernel gave to the whole.
 *
 * Numbers are in host byte order, addresses in network byte order. Pure.
 */
#ifndef BATON_PROXY_SEGMENT_H
#define BATON_PROXY_SEGMENT_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Our end of a connection and the other one. There is no padding, so two of
 * them can be compared, and hashed, as bytes. */
struct tuple {
	__be32 local[4], remote[4]; /* IPv4: first word, the others are zero */
	uint16_t local_port, remote_port;
	uint8_t family; /* 4 or 6 */
	uint8_t zero[3];
};

enum {
	SEGMENT_FIN = 1 << 0,
	SEGMENT_SYN = 1 << 1,
	SEGMENT_RST = 1 << 2,
	SEGMENT_PSH = 1 << 3,
	SEGMENT_ACK = 1 << 4,
	SEGMENT_URG = 1 << 5,
	SEGMENT_ECE = 1 << 6,
	SEGMENT_CWR = 1 << 7,
};

#define SEGMENT_NO_SCALE 0xff
#define SEGMENT_SCALE_MAX 14 /* RFC 7323, section 2.3 */

struct segment {
	struct tuple tuple;
	uint32_t seq, ack;
	uint16_t window; /* as in the header: not scaled */
	uint8_t flags;

	/* options */
	bool timestamps;
	bool sack; /* permitted (only a SYN says so) */
	bool sack_block; /* there is a SACK option; [start, end) its first */
	uint8_t scale; /* SEGMENT_NO_SCALE: none */
	uint16_t mss; /* 0: none */
	uint32_t ts_value, ts_echo;
	uint32_t sack_start, sack_end;

	const uint8_t *payload; /* may be NULL if there is none */
	uint32_t length; /* of the payload */
};

/*
 * Read a packet that came in (`inbound`: its destination is the local end) or
 * goes out. 0; or -EBADMSG: it is no whole TCP segment, or a fragment, and *s
 * means nothing. The payload is not copied, it lies in the packet. Checksums
 * are not looked at.
 */
int segment_parse(struct segment *s, const void *packet, size_t len,
		  bool inbound);

/* The same of a packet of `whole` bytes that goes out, of which only the first
 * `len` are there. The payload is NULL. */
int segment_parse_head(struct segment *s, const void *packet, size_t len,
		       size_t whole);

/*
 * Is the TCP checksum of such a packet right? To be asked before a segment is
 * believed, unless the kernel says that it has verified it or has yet to fill
 * it in: NFQUEUE's hooks come before TCP looks.
 */
bool segment_is_sound(const void *packet, size_t len);

#define SEGMENT_HEADERS_MAX 100 /* IPv6, TCP with all options */

/*
 * Write a packet that goes out, with its checksums: MSS, scale and "SACK
 * permitted" only in a SYN, timestamps and SACK block wherever they are set.
 * Its length; or -EMSGSIZE: it does not fit, or no IP packet could be so long.
 */
int segment_build(const struct segment *s, void *packet, size_t size);

/*
 * The acknowledgement in such a packet, and the window as in the header, become
 * these; all of its checksum is made anew. What would tell more than that, its
 * SACK option, is blotted out unless `sack`. It must be one that segment_parse()
 * takes.
 */
void segment_set_ack(void *packet, size_t len, uint32_t ack, uint16_t window,
		     bool sack);

#define SEGMENT_HEADERS_REST 140 /* both with options or extensions */

/*
 * What is left of an outgoing packet when it only acknowledges: its headers,
 * with all options, and the sequence number that follows it. Checksums are not
 * set: segment_set_ack() does that. The length; -EMSGSIZE: it does not fit.
 */
int segment_strip(void *to, size_t size, const void *packet, size_t len);

/* a is before b on the circle of sequence numbers (RFC 9293, section 3.4). */
static inline bool seq_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

#endif
