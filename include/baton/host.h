/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The contract between the host's XDP program and its agent: the maps that are
 * pinned in the agent's bpffs directory.
 *
 * Nothing in them outlives its use, so an agent that finds another BATON_HOST_ABI
 * makes them anew, and the program that uses the old ones works on until it is
 * replaced.
 */
#ifndef BATON_HOST_H
#define BATON_HOST_H

#include <linux/types.h>

#define BATON_HOST_ABI 1

#define BATON_HOST_MAX_SWITCHES 256 /* addresses */
#define BATON_HOST_MAX_VIPS 4096
#define BATON_HOST_MAX_SESSIONS 1024

#define BATON_GUE_PORT 6080 /* draft-ietf-intarea-gue, section 8.1 */

/* X(name, what it maps from, what it maps to) */
#define BATON_HOST_MAPS(X)                                                     \
	X(settings, "0", "what the program does, changed while it runs")       \
	X(switches, "address", "1: probes and tunnels come from there")        \
	X(vips, "address", "flags: tunnelled packets to it are taken out")     \
	X(sessions, "prober's session", "highest sequence seen")               \
	X(counters, "reason", "packets and bytes")

enum {
	BATON_HOST_PROBES = 1 << 0, /* there is a key: answer probes */
	BATON_HOST_ARP_SET = 1 << 1, /* the agent changed ARP's sysctls */
};

/* Values of `vips` */
enum {
	BATON_HOST_VIP = 1 << 0,
	BATON_HOST_VIP_ADDED = 1 << 1, /* the agent put it on lo */
};

/*
 * The `settings` map's only record, written through its mapping. A probe that
 * meets a key half written is one that the prober sends again.
 */
struct baton_host_settings {
	__u32 abi;
	__u32 flags;
	__u64 key[2]; /* of probes, as siphash() takes it */
	__u32 word; /* enum baton_host_word: what answers say */
	__be16 probe_port;
	__be16 gue_port; /* 0: no GUE */

	/* for the agent: sysctls of conf/all as they were before it */
	__u8 arp_ignore_was;
	__u8 arp_announce_was;
	__u8 pad[6];
};

/* `switches`, `vips` */
struct baton_host_address {
	__be32 word[4]; /* IPv4: the first word, the others zero */
	__u32 family; /* 4 or 6 */
};

/*
 * `sessions`: apart for each host id, so that a probe meant for another host
 * and sent here does not make this host's own probes look old.
 */
struct baton_host_session {
	__be64 session;
	__u32 host;
	__u32 pad;
};

#endif
