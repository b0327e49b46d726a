/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The contract between the programs in the kernel and the programs that
 * manage them: limits, names of pinned maps, and the record that says which
 * version of the contract a set of pinned maps follows.
 *
 * Anything that changes the layout or the meaning of a pinned map raises
 * BATON_ABI. A controller that finds another number in the `meta` map touches
 * nothing and says how to go on.
 */
#ifndef BATON_ABI_H
#define BATON_ABI_H

#include <linux/types.h>

#define BATON_MAGIC 0x6261746f /* "bato" */
#define BATON_ABI 4

#define BATON_NAME_LEN 32 /* names in records, terminating NUL included */

/* Identifiers start at 1; 0 means "none" wherever an identifier stands. */
#define BATON_MAX_OWNERS 4096
#define BATON_MAX_HOSTS 4096
#define BATON_MAX_SERVICES 1024
#define BATON_MAX_STANDBYS 8
#define BATON_MAX_PORTS 64

/*
 * Every map that is pinned, by the name that it has in the bpffs directory.
 * X(name, what it maps from, what it maps to)
 */
#define BATON_MAPS(X)                                                          \
	X(meta, "0", "version and geometry of this set of maps")               \
	X(settings, "0", "what may change while the programs run")             \
	X(programs, "stage", "program that every port jumps to")               \
	X(ports, "interface index", "interface to transmit on")                \
	X(services4, "IPv4 VIP, protocol, port", "service")                    \
	X(services6, "IPv6 VIP, protocol, port", "service")                    \
	X(service_info, "service id", "name and address, for people")          \
	X(rings, "row of a Maglev ring", "32 owner ids")                       \
	X(flows4, "bucket", "4 IPv4 connections and their owners")             \
	X(flows6, "bucket", "4 IPv6 connections and their owners")             \
	X(owners, "owner id", "host, state and epoch, in one 8-byte word")     \
	X(owner_info, "owner id", "name, home and standbys, for people")       \
	X(grants, "owner id", "whose memory plays it, who holds everything")   \
	X(hosts, "host id", "how packets reach the host")                      \
	X(host_info, "host id", "name and address, for people")                \
	X(fragments, "datagram", "owner that its first fragment went to")      \
	X(spis, "VIP and SPI", "owner, as announced")                          \
	X(spis_learned, "VIP and SPI", "owner, as first seen")                 \
	X(counters, "reason", "packets and bytes")                             \
	X(service_stats, "service id", "packets and bytes each way")           \
	X(host_stats, "host id", "packets and bytes each way")                 \
	X(record_rings, "CPU", "how much it has recorded")                     \
	X(records, "slot", "what a recorded packet was")                       \
	X(record_frames, "slot", "the recorded packet itself")

/* The `meta` map's only record; written once, when the maps are made. */
struct baton_meta {
	__u32 magic;
	__u32 abi;
	__u32 flow4_buckets;
	__u32 flow6_buckets;
	__u64 seed[4]; /* of the hash, see hash.h; random per set of maps */
	__u32 ring_size; /* entries of each Maglev ring, a prime */
	__u32 stamp_shift; /* a stamp is jiffies >> stamp_shift, about 1 s */
	__u32 hz; /* jiffies per second of the kernel */
	__u32 record_slots; /* of each CPU, a power of two; see recorder.h */
	__u32 reign; /* seconds since 1970 when the maps were made: the upper
		      * half of epochs that outlive them (ownership.h) */
	__u32 pad;
};

enum {
	BATON_SETTING_FENCE = 1 << 0, /* row X5; off only to show why */
	BATON_SETTING_WILDCARD4 = 1 << 1, /* some IPv4 service has port 0 */
	BATON_SETTING_WILDCARD6 = 1 << 2,
	BATON_SETTING_BACK = 1 << 3, /* some service is the back of another */
};

/* The `settings` map's only record. Addresses in network byte order. */
struct baton_settings {
	__u32 flags;
	__be32 address4; /* source of ICMP errors; 0: the address of the VIP */
	__be32 address6[4];
	__u32 icmp_per_second; /* ICMP errors sent per CPU, 0: none */
	__u32 generation; /* of the services: another one after each change */
};

/*
 * Slots of the `programs` map. What is attached to a port is only a jump to
 * slot 0, so an upgrade is one write for all ports and touches no attachment.
 */
enum baton_stage {
	BATON_STAGE_SHORT, /* packets of known connections, in few steps */
	BATON_STAGE_WHOLE, /* every packet; the short way jumps here */
	BATON_STAGES,
};

#endif
