/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The frames that the bench sends, as the generator writes them and the sink
 * checks them: Ethernet, IP without options, TCP, and this payload. A flow is
 * a number; it becomes the low half of the client's address and its port, so
 * that one addition each keeps both checksums right.
 */
#ifndef BENCH_FRAME_H
#define BENCH_FRAME_H

#include <linux/types.h>

#define FRAME_PORT 20000 /* client port of the first 65536 flows */
#define FRAME_ETH 14
#define FRAME_TCP 20
#define FRAME_WORDS 15 /* room for the headers after Ethernet's */
#define FRAME_MAX 1514 /* room for any frame */

#define FRAME_IP(family) ((family) == 4 ? 20 : 40)
#define FRAME_HEADERS(family) (FRAME_ETH + FRAME_IP(family) + FRAME_TCP)
#define FRAME_SIZE(family)                                                     \
	(FRAME_HEADERS(family) + (int)sizeof(struct frame_payload))

/* In the sender's byte order, which is the reader's. */
struct frame_payload {
	__u64 sequence; /* from 1, without a gap */
	__u64 flow;
	__u64 check; /* of the two above, see frame_check() */
};

static inline __attribute__((always_inline)) __u64 frame_check(__u64 sequence,
							       __u64 flow)
{
	return (sequence ^ flow << 40) * 0x9e3779b97f4a7c15ULL;
}

/* What the generator is told when it is loaded. */
struct generator_config {
	__u32 flows; /* flow numbers are below this */
	__u8 sequential; /* one flow after the other, else at random */
	__u8 stamp; /* write the payload */
	__u8 wait; /* while WINDOW frames are under way */
	__u8 family; /* 4 or 6 */
	__u16 eth[FRAME_ETH / 2];
	__u16 size; /* of a frame, FRAME_SIZE() at least */
	__u32 words[FRAME_WORDS]; /* IP and TCP headers of flow 0, but without
				   * its port and checksums */
	__u32 ip_sum; /* ones' complement sum of the IPv4 header in `words` */
	__u32 tcp_sum; /* and of the TCP header with its pseudo header */
};

/* What a sink is told when it is loaded. */
struct sink_config {
	__u32 sink; /* which record is its own */
	__u32 check; /* look at what arrives, else only count */
};

/* Of a generator, on one CPU. */
struct generator_state {
	__u64 random;
	__u64 sequence; /* of the last frame */
};

/* What one sink saw; reset by user space between measurements. */
struct sink_record {
	__u64 packets;
	__u64 first; /* sequence number of the first packet, 0: none came */
	__u64 last;
	__u64 torn; /* a checksum or the payload was wrong */
	__u64 gaps; /* sequence numbers that did not come, in between */
	__u64 disorder; /* came after a higher number */
};

#define SINKS 2 /* entries of the map `sinks` */
#define WINDOW 128 /* frames under way: less than a veth ring's 256 */

#endif
