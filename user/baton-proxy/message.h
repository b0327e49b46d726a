/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What proxies tell each other on the link (docs/wire.md, channel "proxy"): the
 * payload of a DATA frame is one message, a kind, a service, and a body. Pure.
 *
 * All numbers are in network byte order.
 */
#ifndef BATON_PROXY_MESSAGE_H
#define BATON_PROXY_MESSAGE_H

#include <sys/types.h>

#include "replica.h"

#define MESSAGE_CHANNEL 1

/* X(NAME, label) */
#define MESSAGE_KINDS(X)                                                       \
	X(IN, "in") /* a packet that arrived, from its IP header on */         \
	X(OUT, "out") /* a packet with SYN or RST that leaves */               \
	X(PAIR, "pair") /* two tuples: the client's, the server's */           \
	X(GONE, "gone") /* the client's tuple: forget it */                    \
	X(CONN, "conn") /* of a snapshot: a connection, or the end of one */   \
	X(CONN_PART, "conn_part") /* what comes before that end */             \
	X(RECOVER, "recover") /* an owner that began anew asks its standby */  \
	X(RECOVERED, "recovered") /* that was all, by CONN and CONN_PART */    \
	X(LACKS, "lacks") /* the client's tuple: the standby has no room */    \
	X(PROVE, "prove") /* the owner asks about a connection: audit.h */     \
	X(PROOF, "proof") /* the standby's answer */                           \
	X(COMMITTED, "committed") /* a cut, and output; or the end of one */   \
	X(COMMITTED_PART, "committed_part") /* what comes before that end */

enum message_kind {
#define X(name, label) MESSAGE_##name,
	MESSAGE_KINDS(X)
#undef X
		NR_MESSAGES,
};

/* In front of each message */
struct message_head {
	uint8_t kind;
	uint8_t begins; /* of what may come in parts: the first one */
	uint8_t zero[2];
	__be32 service; /* baton_tag() of its name */
};

/* The bytes of a CONN message: head, state, kept bytes and pieces of both
 * sides. Malloced; its length, or -ENOMEM. */
ssize_t message_put_conn(const struct conn *c, uint8_t **bytes);

/* Make the connection, in the place of an old one of the same client, touched
 * at `now`. The connection; or NULL with errno EBADMSG: it cannot be right, nothing has
 * changed; or ENOMEM, ENOBUFS, EEXIST, as of message_take(). */
struct conn *message_take_conn(struct replica *r, uint16_t service,
			       const uint8_t *bytes, size_t len, uint64_t now);

/* The bytes of a COMMITTED message; `bytes`, malloced, are the output from where
 * the connection's ends to the cut. Its length, or -ENOMEM. */
ssize_t message_put_commit(const struct conn *c, const struct cut *cut,
			   const uint8_t *output, uint8_t **bytes);

/* Carry it out at a standby: as message_take(), of the tuple that it begins
 * with. */
int message_take_commit(struct replica *r, uint16_t service,
			const uint8_t *bytes, size_t len, uint32_t room);

#define MESSAGE_TUPLES_MAX 96

/* The body of a PAIR, of a GONE or a LACKS; its length. */
size_t message_put_pair(const struct conn *c, uint8_t body[MESSAGE_TUPLES_MAX]);
size_t message_put_client(const struct tuple *client,
			  uint8_t body[MESSAGE_TUPLES_MAX]);

/* The client's tuple, with which the bodies of PAIR, GONE, LACKS and CONN begin.
 * 0 or -EBADMSG. */
int message_client(const uint8_t *body, size_t len, struct tuple *client);

/*
 * Carry out any other message at a standby. 0; -EBADMSG or -EALREADY: it cannot
 * be right, nothing has changed; -ENOBUFS (no room), -EEXIST (a tuple is another
 * connection's): the connection of *client is not kept any more, as what is kept
 * would have a hole.
 */
int message_take(struct replica *r, uint16_t service, uint8_t kind,
		 const uint8_t *body, size_t len, uint64_t now,
		 struct tuple *client);

#endif
