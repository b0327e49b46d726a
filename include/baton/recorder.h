/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the switch keeps of the packets of recorded services (rows K2, K3): the
 * layouts of the `record_rings`, `records` and `record_frames` maps.
 *
 * Each CPU has a ring of baton_meta.record_slots slots, a power of two, and
 * writes to no other. The record with number n of a CPU, counted from 0, lies
 * in slot
 *
 *	cpu * record_slots + n % record_slots
 *
 * of `records` (what it is about) and of `record_frames` (the frame). The
 * oldest is written over first.
 *
 * A record is written without a lock, so whoever reads it, reads it like this:
 *
 *  1. baton_record.sequence must be n + 1: it is written last, so all of the
 *     record and its frame was there before;
 *  2. copy what is wanted;
 *  3. then baton_record_ring.next must be at most n + record_slots: it is
 *     advanced before anything is written, so nobody had begun to write over
 *     the slot, and the copy is whole.
 *
 * This relies on stores staying in order, as on x86.
 *
 * Only TCP is recorded, and no fragments.
 */
#ifndef BATON_RECORDER_H
#define BATON_RECORDER_H

#include <linux/types.h>

/* Bytes of a frame that are kept: all of what Ethernet carries, tags included.
 * Of larger ones (GRO, jumbo frames) the beginning is. */
#define BATON_RECORD_FRAME 1536

enum baton_record_direction {
	BATON_RECORD_TO_HOST, /* from the client, or the server at its back */
	BATON_RECORD_TO_CLIENT, /* from the host, past the fence; of the back of
				 * a service: to the server */
};

/* `records`: one cache line. Host byte order where not said otherwise. */
struct baton_record {
	__u64 sequence; /* 1 + its number on this CPU; 0: never written */
	__u64 time; /* ns, CLOCK_MONOTONIC_COARSE */
	__be32 client[4]; /* IPv4: the first word, the others zero; also of the
			   * back of a service: as whom the host speaks */
	__be16 port; /* the client's */
	__u16 service; /* service id: stands for VIP, protocol and port */
	__u16 owner;
	__u8 direction; /* enum baton_record_direction */
	__u8 tcp_flags; /* byte 13 of the TCP header */
	__u32 seq, ack; /* of the TCP header */
	__u32 ifindex; /* port that it came in by */
	__u16 length; /* of the frame without padding; 65535: or more */
	__be16 vip_port; /* what a service for any port leaves open; of the back
			  * of a service: the server's */
	__u16 payload; /* bytes of TCP payload, kept or not */
	__u16 l4; /* offset of the TCP header in the frame */
	__u8 l3; /* offset of the IP header in the frame */
	__u8 family; /* 4 or 6 */
	__u16 host; /* host id: where it went to or came from; 0: nobody
		     * played the owner, and it was dropped */
};

/* Bytes of its frame in `record_frames` */
static inline __u32 baton_record_kept(const struct baton_record *r)
{
	return r->length < BATON_RECORD_FRAME ? r->length : BATON_RECORD_FRAME;
}

/* `record_frames`: as it came in, link header and tags included. */
struct baton_record_frame {
	__u8 byte[BATON_RECORD_FRAME];
};

/* `record_rings`, by CPU; a cache line each. */
struct baton_record_ring {
	__u64 next; /* number of the next record: so many there were */
	__u64 too_large; /* of them, records whose frame is not kept whole */
	__u64 pad[6];
};

#endif
