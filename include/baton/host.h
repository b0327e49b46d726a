/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The contract between the host's XDP and TC programs and its agent: the maps
 * that are pinned in the agent's bpffs directory.
 *
 * Nothing in them outlives its use, so an agent that finds another BATON_HOST_ABI
 * makes them anew, and the program that uses the old ones works on until it is
 * replaced.
 */
#ifndef BATON_HOST_H
#define BATON_HOST_H

#include <linux/types.h>

#include "baton/probe.h"

#define BATON_HOST_ABI 5

#define BATON_HOST_MAX_SWITCHES 256 /* addresses */
#define BATON_HOST_MAX_VIPS 4096
#define BATON_HOST_MAX_SERVERS 1024
#define BATON_HOST_MAX_SESSIONS 1024
#define BATON_HOST_MAX_OWNERS 4096
#define BATON_HOST_EVENTS_SIZE 65536 /* bytes of the ring buffer */

#define BATON_GUE_PORT 6080 /* draft-ietf-intarea-gue, section 8.1 */

/* X(name, what it maps from, what it maps to) */
#define BATON_HOST_MAPS(X)                                                     \
	X(settings, "0", "what the program does, changed while it runs")       \
	X(switches, "address", "1: probes and tunnels come from there")        \
	X(vips, "address", "flags: tunnelled packets to it are taken out")     \
	X(servers, "address", "1: tunnelled packets from it are taken out")    \
	X(sessions, "prober's session",                                        \
	  "highest sequence seen, and from where")                             \
	X(applications, "0 to 7", "what is watched, and how it is")            \
	X(heartbeats, "0 to 7", "the page that the application writes")        \
	X(lease, "0", "until when the host may speak for its VIPs")            \
	X(ownership, "owner's tag", "whether this host plays it")              \
	X(ownership_events, "", "changes of ownership")                        \
	X(counters, "reason", "packets and bytes")

enum {
	BATON_HOST_PROBES = 1 << 0, /* there is a key: answer probes */
	BATON_HOST_ARP_SET = 1 << 1, /* the agent changed ARP's sysctls */
	BATON_HOST_APP_VIPS = 1 << 2, /* some application has a VIP */
	BATON_HOST_LEASE = 1 << 3, /* obey the lease */
	BATON_HOST_LEFT = 1 << 4, /* the agent said leaving as it ended */
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
	__u8 word_was; /* before BATON_HOST_LEFT */
	__u8 pad[5];
};

/* `switches`, `vips`, `servers` */
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

/* Its value: the newest probe of the session, and who sent it to which address
 * of this host; words go back the same way. */
struct baton_host_asker {
	__u64 sequence; /* host byte order */
	__u64 heard; /* CLOCK_BOOTTIME, ns */
	struct baton_host_address from, to;
	__be16 port;
	__u8 pad[6];
};

/* Flags of an application */
enum {
	BATON_HOST_APP_HEARTBEAT = 1 << 0, /* its page counts, not `alive` */
	BATON_HOST_APP_DOWN = 1 << 1, /* it is known to have failed */
};

/*
 * `applications`, mapped: one that is watched. Who fills a record writes `tag`
 * last.
 *
 * While it has failed, what comes from its `vip`, `protocol` and `port` is
 * dropped on its way out: the kernel says RST in place of a process that has
 * died, and one that was only slow may wake up when its standby already speaks.
 * What a kernel sends while a process dies, a FIN for each connection, comes
 * before anybody can know. 0 stands for any protocol, any port, and for no VIP:
 * nothing is dropped.
 */
struct baton_host_app {
	__u32 tag; /* baton_tag() of its name, 0: no such application */
	__u32 flags;
	__u64 limit; /* ns without a sign of life that it may take */
	__u64 alive; /* CLOCK_BOOTTIME, ns: when its checks last said so */
	char name[BATON_APP_NAME_LEN];
	struct baton_host_address vip;
	__be16 port;
	__u8 protocol; /* IPPROTO_... */
	__u8 pad;
};

/* A page in `heartbeats`, an array of one record that is the application's to
 * map and to write. */
struct baton_heartbeat_page {
	__u64 beat; /* CLOCK_BOOTTIME, ns; 0: has not begun yet */
	__u32 state; /* enum baton_app_state: PARTIAL, ALONE, else UP */
	__u32 pad; /* 0 */
};

/*
 * `lease`, mapped. As soon as it has lapsed, packets from VIPs are dropped on
 * their way out. It is renewed by probes that carry one.
 */
struct baton_host_lease {
	__u64 until; /* CLOCK_BOOTTIME, ns; 0: none is in force */
	__u64 renewed; /* when it last was */
};

/* `ownership`: what a switch last said of an owner. */
struct baton_host_ownership {
	__u32 epoch;
	__u32 plays; /* 1: this host does */
	__u64 heard; /* CLOCK_BOOTTIME, ns */
	__be64 session; /* of the prober that said it */
};

/* A record in `ownership_events`: one that has changed. There is one reader. */
struct baton_ownership_event {
	__u32 tag;
	__u32 epoch;
	__u32 plays;
	__u32 pad;
	__u64 heard; /* CLOCK_BOOTTIME, ns */
};

#endif
