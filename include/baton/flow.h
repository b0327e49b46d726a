/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the switch remembers of a connection (rows K1, K2): the layouts of the
 * `flows4` and `flows6` maps. How slots are found, claimed and freed is in
 * flowtable.h, which the XDP program and the controller both use.
 *
 * A connection is known by the client's address and port and by the service
 * that it goes to, which stands for VIP, protocol and the VIP's port. Services
 * of ESP and IKE, and fragments whose ports are unknown, use client port 0.
 */
#ifndef BATON_FLOW_H
#define BATON_FLOW_H

#include <linux/types.h>

/*
 * X(NAME, label, text): how far a connection has come, as far as the switch
 * sees it. With direct server return it sees the client's side only.
 */
#define BATON_FLOW_STATES(X)                                                   \
	X(OPENING, "opening", "the client has spoken")                         \
	X(ANSWERED, "answered", "the host has answered, the client not yet")   \
	X(ESTABLISHED, "established", "both have spoken, or as good as")       \
	X(CLOSING, "closing", "one end said FIN, or the client RST")           \
	X(CLOSED, "closed", "both ends said FIN, or the host RST")

enum baton_flow_state {
#define X(name, label, text) BATON_FLOW_##name,
	BATON_FLOW_STATES(X)
#undef X
		BATON_NR_FLOW_STATES,
};

enum baton_flow_flags {
	/*
	 * The client proved that it receives what is sent to its address, or
	 * the host announced the connection. A connection that is not
	 * confirmed never displaces one that is.
	 */
	BATON_FLOW_CONFIRMED = 1 << 0,
	BATON_FLOW_FIN_CLIENT = 1 << 1,
	BATON_FLOW_FIN_HOST = 1 << 2,
};

/*
 * Stamps. A packet that says nothing else new of an established connection
 * does not write that it was seen as long as `seen` is younger than this: with
 * millions of connections that write would cost nearly every packet a cache
 * line sent back to memory.
 */
#define BATON_FLOW_FRESH 4

/* One word, replaced by compare-and-swap only; all zero: nothing there yet. */
struct baton_flow {
	__u16 owner; /* owner id, never 0 in a slot that is in use */
	__u8 state; /* enum baton_flow_state */
	__u8 flags; /* enum baton_flow_flags */
	__u16 seen; /* stamp of the last packet, see baton_meta.stamp_shift;
		     * in state ESTABLISHED it may lag by BATON_FLOW_FRESH */
	__u16 check; /* TCP, ANSWERED: low half of the ACK that confirms */
} __attribute__((aligned(8)));

struct baton_flow4_key {
	__be32 client;
	__be16 port;
	__u16 service; /* service id, never 0 in a slot that is in use */
} __attribute__((aligned(8)));

struct baton_flow6_key {
	__u32 tag; /* baton_flow_tag(client): most mismatches end here */
	__be16 port;
	__u16 service;
	__be32 client[4];
} __attribute__((aligned(8)));

struct baton_flow4_slot {
	struct baton_flow4_key key;
	struct baton_flow flow;
};

struct baton_flow6_slot {
	struct baton_flow6_key key;
	struct baton_flow flow;
};

#define BATON_FLOW_SLOTS 4 /* per bucket, for both families */

/* One cache line for IPv4, a pair of adjacent ones for IPv6. */
struct baton_flow4_bucket {
	struct baton_flow4_slot slot[BATON_FLOW_SLOTS];
};

struct baton_flow6_bucket {
	struct baton_flow6_slot slot[BATON_FLOW_SLOTS];
};

#endif
