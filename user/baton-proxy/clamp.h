/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Acknowledgements that are withheld on their way out (row P2): the kernel has
 * received more than the client may be told yet, so what leaves says less, until
 * the limit has moved. The client keeps its copy of the rest (row P3).
 *
 * What a smaller acknowledgement needs besides:
 *
 *  - the window grows by as much, so that its right edge stays where the kernel
 *    has put it;
 *  - no SACK: it would tell what is withheld, and look like a loss;
 *  - a packet that tells nothing any more is dropped, as three of them would look
 *    like a loss as well; but not one that tells of much more window, which a
 *    client may need before the limit can move at all;
 *  - an ACK of our own when the limit moves: the kernel has none to send;
 *  - an answer for a client whose patience is at its end. Its timeout (RFC 6298)
 *    bounds the silence: when it repeats its first byte that is not acknowledged,
 *    it is told that there is no window. To it that is a receiver that does not
 *    read: it sends one segment for each timeout, ever more slowly, and does not
 *    count that as a failure (RFC 9293, section 3.8.6.1), until the next ACK that
 *    brings progress.
 *
 * Pure: no clock, no socket. Numbers in host byte order.
 */
#ifndef BATON_PROXY_CLAMP_H
#define BATON_PROXY_CLAMP_H

#include "segment.h"

/* What is known of one connection's packets to its client. All zero: nothing
 * has left yet. */
struct clamp {
	bool begun; /* `seq`, `ack` and `edge` hold */
	bool spoken; /* `told` and `told_edge` hold */
	bool asked; /* the client repeats itself, and is to have an answer */
	bool waiting; /* it has been told that there is no window */
	uint32_t seq; /* sequence number behind all that has left */
	uint32_t ack; /* the kernel's newest acknowledgement */
	uint32_t edge; /* where the window ends that the kernel offers */
	uint32_t told; /* the newest acknowledgement that has left */
	uint32_t told_edge;
	uint32_t emitted; /* the newest of our own; if `has_emitted` */
	bool has_emitted;
	/* the kernel's newest packet without its payload: segment_strip() */
	uint8_t header[SEGMENT_HEADERS_REST];
	uint8_t header_len;
	bool header_newest; /* it is the one that acknowledged `ack` */
};

/* How a connection is at this moment. */
struct clamp_limit {
	uint32_t ack; /* nothing behind it may be acknowledged */
	uint32_t una; /* what of ours the client has not acknowledged */
	uint8_t scale; /* of our window; SEGMENT_NO_SCALE: none */
};

enum clamp_verdict {
	CLAMP_PASS, /* it may leave as it is */
	CLAMP_CHANGED, /* it may leave as it is now: it was written to */
	CLAMP_DROP, /* it would say nothing */
};

/*
 * A packet that is about to leave, and *s, what segment_parse() says of it. It
 * may be written to. A SYN or a RST passes: neither acknowledges data.
 */
enum clamp_verdict clamp_out(struct clamp *c, const struct clamp_limit *limit,
			     const struct segment *s, uint8_t *packet,
			     size_t len);

/* The client has sent a segment again that had arrived as a whole. */
void clamp_repeated(struct clamp *c, const struct segment *s);

/*
 * The limit may have moved: the ACK that is due now, written to `packet`. Its
 * length; 0: none is. It leaves as all others do, through clamp_out().
 */
size_t clamp_due(struct clamp *c, const struct clamp_limit *limit,
		 uint8_t packet[SEGMENT_HEADERS_REST]);

/*
 * The other way round, a packet that has arrived: after a takeover the other end
 * may have what the owner before has sent ahead of a gap; once that is filled it
 * acknowledges more than this host's kernel has sent, which would not listen
 * (RFC 9293, section 3.10.7.4), and be at its wits' end. It is told what it can
 * understand, `sent` (its next sequence number), and sends the rest again. The
 * packet, of which *s tells, may be written to. True: it was.
 */
bool clamp_in(uint32_t sent, uint8_t scale, const struct segment *s,
	      uint8_t *packet, size_t len);

#endif
