/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a packet makes of its connection's flow (rows K1, K2): pure functions
 * from a flow and a packet to the next flow. Finding and replacing the flow
 * is flowtable.h's concern; choosing an owner is the caller's.
 *
 * A flow is confirmed, which protects it from displacement, by evidence that
 * no sender with a forged source address can give:
 *
 *  TCP   The client acknowledges the host's SYN-ACK with the right number, of
 *        which the low half is compared; or the host sends something that it
 *        sends on complete connections only. A SYN-ACK or a RST of the host is
 *        no such thing, nor is a segment that starts where the data will: a
 *        host that got a second, strange SYN sends one as a challenge while
 *        the handshake is still open (RFC 9293, section 3.10.7.4).
 *  other The client speaks again after the host has answered. It takes two
 *        packets from the same source, so a flood of sources confirms nothing.
 *
 * How TCP ends: a FIN closes one direction, two close the connection. A RST
 * of the host closes it; the client's may be forged, so after it the flow is
 * CLOSING, and a segment of the host that is alive brings it back. A client's
 * RST does nothing to a handshake, whose flow expires sooner than a CLOSING
 * one anyway.
 *
 * Where only the client is heard (direct server return), or the switch came to
 * the connection late, an ACK of the client establishes it, unconfirmed.
 *
 * A packet that tells nothing new within the same stamp returns the flow that
 * was given, bit for bit, which then need not be stored.
 */
#ifndef FLOW_STATE_H
#define FLOW_STATE_H

#include "baton/flow.h"
#include <linux/types.h>

enum flow_dir { FLOW_FROM_CLIENT, FLOW_FROM_HOST };

/* IPPROTO_TCP, which the kernel and libc define in headers that clash */
enum { FLOW_PROTOCOL_TCP = 6 };

/* Byte 13 of the TCP header */
enum flow_tcp_flags {
	FLOW_TCP_FIN = 0x01,
	FLOW_TCP_SYN = 0x02,
	FLOW_TCP_RST = 0x04,
	FLOW_TCP_ACK = 0x10,
};

/* What of a packet matters. All but the protocol: of TCP only. */
struct flow_event {
	__u8 protocol; /* IPPROTO_TCP, or anything else */
	__u8 tcp_flags; /* enum flow_tcp_flags, other bits ignored */
	__u16 seq; /* low half of the number, in host byte order */
	__u16 ack;
};

/*
 * The flow that a client's first packet makes, whatever the packet: a single
 * one deserves no more than the short life of OPENING.
 */
static inline __attribute__((always_inline)) struct baton_flow
flow_first(__u16 owner, __u16 now)
{
	struct baton_flow f = { .owner = owner, .seen = now };

	return f;
}

/*
 * Does this packet of the client begin a new connection with the addresses
 * and ports of one that is over? Then the owner is to be chosen anew, and the
 * flow is flow_first().
 */
static inline __attribute__((always_inline)) int
flow_is_reopened(struct baton_flow f, const struct flow_event *ev)
{
	return f.state == BATON_FLOW_CLOSED &&
	       ev->protocol == FLOW_PROTOCOL_TCP &&
	       (ev->tcp_flags & (FLOW_TCP_SYN | FLOW_TCP_ACK | FLOW_TCP_RST)) ==
		       FLOW_TCP_SYN;
}

/* One direction said FIN. */
static inline __attribute__((always_inline)) struct baton_flow
flow_fin(struct baton_flow f, __u8 side)
{
	const __u8 both = BATON_FLOW_FIN_CLIENT | BATON_FLOW_FIN_HOST;

	if (f.state != BATON_FLOW_ESTABLISHED && f.state != BATON_FLOW_CLOSING)
		return f;
	f.flags |= side;
	f.state = (f.flags & both) == both ? BATON_FLOW_CLOSED
					   : BATON_FLOW_CLOSING;
	return f;
}

static inline __attribute__((always_inline)) struct baton_flow
flow_tcp_client(struct baton_flow f, const struct flow_event *ev)
{
	if (ev->tcp_flags & FLOW_TCP_RST) {
		if (f.state == BATON_FLOW_ESTABLISHED)
			f.state = BATON_FLOW_CLOSING;
		return f;
	}
	if ((ev->tcp_flags & (FLOW_TCP_SYN | FLOW_TCP_ACK)) != FLOW_TCP_ACK)
		return f;
	if (f.state == BATON_FLOW_ANSWERED) {
		if (ev->ack != f.check)
			return f;
		f.flags |= BATON_FLOW_CONFIRMED;
		f.state = BATON_FLOW_ESTABLISHED;
	} else if (f.state == BATON_FLOW_OPENING) {
		f.state = BATON_FLOW_ESTABLISHED;
	}
	if (ev->tcp_flags & FLOW_TCP_FIN)
		f = flow_fin(f, BATON_FLOW_FIN_CLIENT);
	return f;
}

/*
 * The host has accepted a connection. Unless this repeats what began the
 * present one, whatever was known of an earlier one is void.
 */
static inline __attribute__((always_inline)) struct baton_flow
flow_syn_ack(struct baton_flow f, __u16 seq)
{
	if (f.state == BATON_FLOW_ESTABLISHED && f.flags & BATON_FLOW_CONFIRMED)
		return f;
	f.state = BATON_FLOW_ANSWERED;
	f.flags = 0;
	f.check = seq + 1;
	return f;
}

static inline __attribute__((always_inline)) struct baton_flow
flow_tcp_host(struct baton_flow f, const struct flow_event *ev)
{
	if (ev->tcp_flags & FLOW_TCP_RST) {
		f.state = BATON_FLOW_CLOSED;
		return f;
	}
	if (ev->tcp_flags & FLOW_TCP_SYN)
		return ev->tcp_flags & FLOW_TCP_ACK ? flow_syn_ack(f, ev->seq)
						    : f;
	if (f.state == BATON_FLOW_ANSWERED && ev->seq == f.check)
		return f;
	/* What ended by RST goes on if the host says so; FINs are final. */
	if (f.state == BATON_FLOW_CLOSED && f.flags != BATON_FLOW_CONFIRMED)
		return f;
	if (!(f.flags & (BATON_FLOW_FIN_CLIENT | BATON_FLOW_FIN_HOST)))
		f.state = BATON_FLOW_ESTABLISHED;
	f.flags |= BATON_FLOW_CONFIRMED;
	if (ev->tcp_flags & FLOW_TCP_FIN)
		f = flow_fin(f, BATON_FLOW_FIN_HOST);
	return f;
}

static inline __attribute__((always_inline)) struct baton_flow
flow_datagram(struct baton_flow f, enum flow_dir dir)
{
	if (dir == FLOW_FROM_HOST) {
		if (f.state == BATON_FLOW_OPENING)
			f.state = BATON_FLOW_ANSWERED;
	} else if (f.state == BATON_FLOW_ANSWERED) {
		f.state = BATON_FLOW_ESTABLISHED;
		f.flags |= BATON_FLOW_CONFIRMED;
	}
	return f;
}

/*
 * The flow after this packet. Of a client's packets for which
 * flow_is_reopened() it is the old connection's.
 */
static inline __attribute__((always_inline)) struct baton_flow
flow_next(struct baton_flow f, enum flow_dir dir, const struct flow_event *ev,
	  __u16 now)
{
	f.seen = now;
	if (ev->protocol != FLOW_PROTOCOL_TCP)
		return flow_datagram(f, dir);
	if (dir == FLOW_FROM_HOST)
		return flow_tcp_host(f, ev);
	return flow_tcp_client(f, ev);
}

#endif
