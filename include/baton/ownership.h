/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How switch and hosts agree who owns what (rows K4, K8): datagrams of records,
 * each about its sender, and each authenticated for its one receiver.
 * docs/ownership.md tells the whole protocol; this is its format.
 *
 * A message is the header, `records` records, and an authenticator. Nothing is
 * aligned or padded; numbers are in network byte order. Fields are stated once,
 * as X(KIND, name):
 *
 *   U8 U16 U32 U64   numbers
 *   NAME             BATON_NAME_LEN bytes, padded with NULs, one at least
 *   MAC              6 bytes
 *   IP               16 bytes, of which IPv4 uses the first four, the rest 0
 *   KEY              32 bytes, public, Ed25519 (RFC 8032)
 *   HOSTS            BATON_MAX_STANDBYS times U16, 0 ends
 */
#ifndef BATON_OWNERSHIP_H
#define BATON_OWNERSHIP_H

#include <baton/abi.h>
#include <baton/probe.h>

#define BATON_OWNERSHIP_PORT 7793
#define BATON_OWNERSHIP_MAGIC 0x626f3031 /* "bo01" */

/* Of a whole message: it fits a packet of 1280 bytes (RFC 8200, section 5),
 * behind the headers of IPv6 and UDP. */
#define BATON_OWNERSHIP_MAX 1232
#define BATON_OWNERSHIP_MAC 16 /* keyed BLAKE2b (RFC 7693) of all before it */

/* A node is a host, by the id that the switch numbers it by, or the switch. */
#define BATON_OWNERSHIP_SWITCH 0
#define BATON_OWNERSHIP_NODES 256

#define BATON_OWNERSHIP_TYPES(X)                                               \
	X(ANNOUNCE, 1, "announce") /* what is new, perhaps nothing */          \
	X(SOLICIT, 2, "solicit") /* the same, and asks for an answer at once */

enum baton_ownership_type {
#define X(name, number, label) BATON_OWNERSHIP_##name = number,
	BATON_OWNERSHIP_TYPES(X)
#undef X
};

/*
 * boot, sequence: of the sender; the boot is random and never 0, the sequence
 *   grows with each message to this receiver in this boot, from 1.
 * nonce: the sender's challenge to the receiver, never 0, another one after
 *   each second. echo: the receiver's newest challenge, 0 if none is known.
 * of_boot, have: all that the receiver's records of that boot were at version
 *   `have` is known to the sender.
 * since, until: the records are all of the sender's that have changed after
 *   its version `since`, up to `until`. latest: the version that they are at.
 */
#define BATON_OWNERSHIP_HEADER(X)                                              \
	X(U32, magic)                                                          \
	X(U16, length) /* of the whole message */                              \
	X(U8, type)                                                            \
	X(U8, records)                                                         \
	X(U16, from)                                                           \
	X(U16, to)                                                             \
	X(U64, boot)                                                           \
	X(U64, sequence)                                                       \
	X(U64, nonce)                                                          \
	X(U64, echo)                                                           \
	X(U64, of_boot)                                                        \
	X(U64, have)                                                           \
	X(U64, since)                                                          \
	X(U64, until)                                                          \
	X(U64, latest)

/* In front of each record. */
#define BATON_OWNERSHIP_RECORD(X)                                              \
	X(U8, kind)                                                            \
	X(U8, present) /* 0: there is none in the slot any more, no body */    \
	X(U16, slot)                                                           \
	X(U64, version) /* of its last change */

/*
 * X(NAME, number, label, slots, author): what records there are; of each, how
 * many a node may have, and whether a HOST, the SWITCH, or ANY node has them.
 */
#define BATON_OWNERSHIP_KINDS(X)                                               \
	X(NODE, 1, "node", 1, ANY)                                             \
	X(ADDRESS, 2, "address", 4, ANY)                                       \
	X(APP, 3, "application", BATON_PROBE_APPS, HOST)                       \
	X(HOLDING, 4, "holding", 1024, HOST)                                   \
	X(OWNER, 5, "owner", BATON_MAX_OWNERS, SWITCH)                         \
	X(MEMBER, 6, "member", BATON_OWNERSHIP_NODES, SWITCH)

enum baton_ownership_kind {
#define X(name, number, label, slots, author) BATON_OWNERSHIP_##name = number,
	BATON_OWNERSHIP_KINDS(X)
#undef X
};

#define BATON_OWNERSHIP_NODE_FIELDS(X)                                         \
	X(NAME, name)                                                          \
	X(U8, word) /* enum baton_host_word */                                 \
	X(U32, priority)                                                       \
	X(U32, capacity)

/* The slot orders them. */
#define BATON_OWNERSHIP_ADDRESS_FIELDS(X)                                      \
	X(U8, family) /* 4 or 6 */                                             \
	X(IP, address)                                                         \
	X(MAC, mac) /* all 0: not known */

#define BATON_OWNERSHIP_APP_FIELDS(X)                                          \
	X(NAME, name)                                                          \
	X(U8, protocol) /* IPPROTO_*, 0: any */                                \
	X(U16, port) /* 0: any */                                              \
	X(U8, state) /* enum baton_app_state, but NONE */

/*
 * A place is a host by what it is to an owner: 0 is the owner's home, N its
 * Nth standby. Sets of them are masks, bit N for place N.
 */
#define BATON_OWNERSHIP_PLACES (1 + BATON_MAX_STANDBYS)

/*
 * Epochs are ordered over the whole life of a cluster: in the upper half is the
 * reign, which grows when the switch's owner table is made anew, in the lower
 * half the epoch of the owner's word.
 *
 * incarnation: of the memory that holds an owner's state; random, another one
 *   after everything in it was lost. 0: the owner has no state.
 */
#define BATON_OWNERSHIP_HOLDING_FIELDS(X)                                      \
	X(U16, owner) /* id */                                                 \
	X(U8, role) /* enum baton_ownership_role */                            \
	X(U8, complete) /* STANDBY: the snapshot has ended, and lag is 0 */    \
	X(U64, epoch) /* that it plays the role in */                          \
	X(U64, incarnation)                                                    \
	X(U16, waits) /* OWNER: mask, without whom nothing is acknowledged */  \
	X(U32, claim) /* OWNER: counts the changes of `waits` in the epoch */  \
	X(U32, lag) /* STANDBY: of what has come, how much is not stored */

#define BATON_OWNERSHIP_ROLES(X)                                               \
	X(NONE, "none") /* has nothing of it */                                \
	X(OWNER, "owner") /* plays it */                                       \
	X(STANDBY, "standby") /* keeps its state */

enum baton_ownership_role {
#define X(name, label) BATON_OWNERSHIP_ROLE_##name,
	BATON_OWNERSHIP_ROLES(X)
#undef X
		BATON_OWNERSHIP_NR_ROLES,
};

/* The slot is the owner's id. */
#define BATON_OWNERSHIP_OWNER_FIELDS(X)                                        \
	X(NAME, name)                                                          \
	X(U8, state) /* enum baton_owner_state */                              \
	X(U16, host) /* plays it now; 0: none */                               \
	X(U64, epoch) /* since when */                                         \
	X(U64, incarnation) /* of that host's memory; only that plays it */    \
	X(U16, next) /* who would take over; 0: nobody */                      \
	X(U8, policy) /* enum baton_standby_policy */                          \
	X(U8, failback) /* enum baton_failback */                              \
	X(U32, delay) /* ms, of failback AFTER */                              \
	X(U16, home)                                                           \
	X(HOSTS, standbys)                                                     \
	X(U16, complete) /* mask, who holds all that was ever acknowledged */  \
	X(U32, claim) /* of `host`, that `complete` takes into account */

/* The slot is the host's id: who takes part, as the switch is configured. */
#define BATON_OWNERSHIP_MEMBER_FIELDS(X)                                       \
	X(NAME, name)                                                          \
	X(U8, state) /* enum host_state, as the switch sees it */              \
	X(U8, family) /* 4 or 6 */                                             \
	X(IP, address) /* where it is spoken to */                             \
	X(U16, port)                                                           \
	X(KEY, key)

/* Of hosts, as the switch sees them */
#define BATON_HOST_STATES(X)                                                   \
	X(ABSENT, "absent") /* no such host */                                 \
	X(UNKNOWN, "unknown") /* configured, nothing heard yet */              \
	X(UP, "up")                                                            \
	X(DOWN, "down")

enum host_state {
#define X(name, label) HOST_##name,
	BATON_HOST_STATES(X)
#undef X
		NR_HOST_STATES,
};

/* How an owner's standby is chosen (row K5) */
#define BATON_STANDBY_POLICIES(X)                                              \
	X(ORDERED, "ordered") /* first of `standbys` that is up */             \
	X(PRIORITY, "priority") /* highest host priority */                    \
	X(LEAST_LOADED, "least-loaded") /* fewest flows for its capacity */    \
	X(SPREAD, "spread") /* owners of one host to as many as possible */

enum baton_standby_policy {
#define X(name, label) BATON_STANDBY_##name,
	BATON_STANDBY_POLICIES(X)
#undef X
		BATON_NR_STANDBY_POLICIES,
};

/* When an owner returns to its home, once that is complete (row K8) */
#define BATON_FAILBACKS(X)                                                     \
	X(MANUAL, "manual") /* when an operator says so */                     \
	X(AUTO, "auto") /* at once */                                          \
	X(AFTER, "after") /* once it has been complete for a time */

enum baton_failback {
#define X(name, label) BATON_FAILBACK_##name,
	BATON_FAILBACKS(X)
#undef X
		BATON_NR_FAILBACKS,
};

#endif
