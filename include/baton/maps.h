/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Keys and values of the pinned maps, but for the flow table's (flow.h) and
 * the `meta` and `settings` records (abi.h). Identifiers are in host byte
 * order; addresses, ports and SPIs are as on the wire.
 */
#ifndef BATON_MAPS_H
#define BATON_MAPS_H

#include "abi.h"
#include <linux/types.h>

/* X(NAME, label): what an owner does with connections */
#define BATON_OWNER_STATES(X)                                                  \
	X(NONE, "none") /* no such owner */                                    \
	X(ACTIVE, "active")                                                    \
	X(DRAINING, "draining") /* keeps its connections, gets no new ones */  \
	X(ORPHAN, "orphan") /* no host is left to play it */

enum baton_owner_state {
#define X(name, label) BATON_OWNER_##name,
	BATON_OWNER_STATES(X)
#undef X
		BATON_NR_OWNER_STATES,
};

/*
 * `owners`: the word whose store is a failover (row X2). It is read once per
 * packet and written whole, so a packet sees the old or the new owner, never
 * a mixture. The epoch begins with the time at which the owner was made, in
 * seconds since 1970, and grows with every change of the host; when the owner is
 * no more, the last one stays, with state NONE.
 */
union baton_owner {
	struct {
		__u16 host; /* host id, 0: no host plays this owner */
		__u8 state; /* enum baton_owner_state */
		__u8 pad;
		__u32 epoch;
	};
	__u64 word;
};

/* `owner_info`: for people and for a controller that starts again. */
struct baton_owner_info {
	char name[BATON_NAME_LEN];
	__u16 home; /* host id that failback returns to */
	__u16 next; /* host id that takes over when the present host fails */
	__u16 standbys[BATON_MAX_STANDBYS]; /* host ids in order, 0 ends */
	__u32 pad;
};

/*
 * `grants`: what hosts are told of an owner and its state (ownership.h), for a
 * controller that starts again. It counts only while its epoch is that of the
 * owner's word, which is stored after it.
 */
struct baton_grant {
	__u64 epoch; /* in the upper half the reign; 0: there is none */
	__u64 incarnation; /* of the memory that plays it; 0: none is meant */
	__u64 member[1 + BATON_MAX_STANDBYS]; /* incarnations, by place */
	__u16 complete; /* places of `member` that hold everything */
	__u16 pad[3];
};

/* X(NAME, label): how a packet is carried to a host (row X4) */
#define BATON_FORWARDS(X)                                                      \
	X(L2, "l2") /* link addresses rewritten, packet unchanged */           \
	X(IPIP, "ipip") /* IP in IP: RFC 2003, RFC 4213, RFC 2473 */           \
	X(GUE, "gue") /* IP in UDP: draft-ietf-intarea-gue, variant 0 */

enum baton_forward {
#define X(name, label) BATON_FORWARD_##name,
	BATON_FORWARDS(X)
#undef X
		BATON_NR_FORWARDS,
};

/*
 * The part of a host's record that may change while packets flow: where its
 * frames go. It is written as one word.
 */
union baton_hop {
	struct {
		__u8 mac[6]; /* all zero: not known yet */
		__u16 vlan; /* VLAN id to send with, 0: untagged */
	};
	__u64 word;
};

/*
 * `hosts`: everything else is written before an owner's word names the
 * record, and not changed while one does.
 */
struct baton_host {
	union baton_hop hop;
	__u8 src_mac[6]; /* link address of the switch's port */
	__u16 mtu; /* of the path to the host, in bytes of IP */
	__u32 ifindex; /* switch port */
	__u8 forward; /* enum baton_forward */
	__u8 outer_family; /* 4 or 6; 0 without encapsulation */
	__be16 gue_port;
	__be32 outer_src[4]; /* IPv4: the first word */
	__be32 outer_dst[4];
	__u32 outer_sum; /* ones' complement sum of the constant part of the
			  * outer IPv4 header, in 16-bit words as on the wire */
	__u32 pad;
};

/* `host_info`: for people. */
struct baton_host_info {
	char name[BATON_NAME_LEN];
	__be32 address[4]; /* IPv4: the first word, the others zero */
	__u8 family; /* 4 or 6 */
	__u8 pad[7];
};

struct baton_service4_key {
	__be32 vip;
	__be16 port; /* 0: every port that no other service has */
	__u8 protocol; /* 0 (with port 0): marks the address as a VIP */
	__u8 pad;
};

struct baton_service6_key {
	__be32 vip[4];
	__be16 port;
	__u8 protocol;
	__u8 pad;
};

enum baton_service_flags {
	BATON_SERVICE_MARKER = 1 << 0, /* only says "this is a VIP" */
	BATON_SERVICE_CLIENT_HASH = 1 << 1, /* spread by address, not port */
	BATON_SERVICE_IPSEC = 1 << 2, /* ESP, IKE and IKE over 4500 */
	BATON_SERVICE_RECORDED = 1 << 3, /* its packets are kept: recorder.h */
	/*
	 * The back of another service: no VIP, but a server that hosts connect
	 * to as if they were their clients. A packet from it goes to a host if
	 * its destination is the client of a connection of the other service,
	 * one to it comes from a host if its source is. It makes and changes no
	 * connection; a packet of no connection is none of the service's.
	 */
	BATON_SERVICE_BACK = 1 << 4,
};

/* `services4`, `services6` */
struct baton_service {
	__u16 id;
	__u16 flags;
	__u16 flows; /* service id in the keys of its connections: its own, or
		      * that of the service that it is the back of */
	__u16 pad;
	__u32 ring; /* first row of its ring */
};

/* `service_info` */
struct baton_service_info {
	char name[BATON_NAME_LEN];
	__be32 vip[4]; /* IPv4: the first word, the others zero */
	__u8 family; /* 4 or 6, 0: no such service */
	__u8 protocol;
	__be16 port;
	__u16 flags;
	__u16 pad;
};

/* `rings`: a ring is ring_size owner ids, 32 to a row; 0: no owner. */
#define BATON_RING_ROW 32
struct baton_ring_row {
	__u16 owner[BATON_RING_ROW];
};

/* `fragments`: RFC 791 section 3.2, RFC 8200 section 4.5 */
struct baton_fragment_key {
	__be32 src[4]; /* IPv4: the first word, the others zero */
	__be32 dst[4];
	__be32 id; /* IPv4: in the first two bytes */
	__u16 protocol;
	__u16 pad;
};

struct baton_fragment {
	__u16 owner;
	__u16 seen; /* stamp of the fragment that was seen first */
};

/* `spis`, `spis_learned` */
struct baton_spi_key {
	__be32 vip[4];
	__be32 spi[2]; /* IKE: the initiator's SPI; ESP: {SPI, 0} */
};

struct baton_spi {
	__u16 owner;
	__u16 pad;
};

/* `counters` */
struct baton_counter {
	__u64 packets;
	__u64 bytes;
};

/* `service_stats`, `host_stats` */
struct baton_traffic {
	struct baton_counter in; /* from clients */
	struct baton_counter out; /* to clients; none with direct return */
};

#endif
