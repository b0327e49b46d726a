/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The link: how machines keep each other's state (row P4). A TCP connection,
 * TLS 1.3 in it (RFC 8446), and in that a sequence of frames, each a header
 * and `length` bytes of payload. docs/wire.md tells the whole protocol; this
 * is its format. All fields are in network byte order.
 */
#ifndef BATON_LINK_H
#define BATON_LINK_H

#include <linux/types.h>

#define BATON_LINK_PORT 7792
#define BATON_LINK_MAGIC 0x626c /* "bl" */
#define BATON_LINK_VERSION 2

#define BATON_LINK_NAME_LEN 64 /* of a node, with the final NUL */
#define BATON_LINK_DATA_MAX (256u << 10) /* payload of one frame */

/*
 * X(NAME, number, label, min, max, class): what a frame says, the limits of its
 * payload in bytes, and its class:
 *   CONTROL  about the connection: owner, epoch, role and channel are 0
 *   DATA     the component's: `sequence` is that of the DATA frame before it in
 *            the same direction + 1, the first is 1
 */
#define BATON_LINK_TYPES(X)                                                    \
	X(HELLO, 1, "hello", 72, 72, CONTROL) /* the first, both ways */       \
	X(SNAPSHOT_BEGIN, 2, "snapshot_begin", 0, BATON_LINK_DATA_MAX, DATA)   \
	X(SNAPSHOT, 3, "snapshot", 0, BATON_LINK_DATA_MAX, DATA)               \
	X(SNAPSHOT_END, 4, "snapshot_end", 0, BATON_LINK_DATA_MAX, DATA)       \
	X(STREAM, 5, "stream", 0, BATON_LINK_DATA_MAX, DATA)                   \
	X(ACK, 6, "ack", 0, 0, CONTROL) /* stored up to `sequence` */          \
	X(REFUSED, 7, "refused", 4, 4, CONTROL) /* DATA of `sequence` */       \
	X(PING, 8, "ping", 0, 0, CONTROL) /* asks for a PONG */                \
	X(PONG, 9, "pong", 0, 0, CONTROL) /* `sequence` of the PING */         \
	X(CLOSE, 10, "close", 4, 4, CONTROL) /* the last */

enum baton_link_type {
#define X(name, number, label, min, max, class) BATON_LINK_##name = number,
	BATON_LINK_TYPES(X)
#undef X
		BATON_LINK_TYPE_END,
};

/* What the sender of a DATA frame is to the owner that the frame is about. */
#define BATON_LINK_ROLES(X)                                                    \
	X(NONE, "none") /* the frame is about no owner */                      \
	X(OWNER, "owner") /* plays it, in the frame's epoch */                 \
	X(STANDBY, "standby") /* keeps its state */

enum baton_link_role {
#define X(name, label) BATON_LINK_ROLE_##name,
	BATON_LINK_ROLES(X)
#undef X
		BATON_LINK_NR_ROLES,
};

/*
 * Why a frame was not accepted, or a connection ended. The numbers are sent.
 * X(NAME, effect, label, text)
 *   effect: REFUSE  the frame is discarded, its sender is told by REFUSED, and
 *                   the connection goes on
 *           CLOSE   the connection ends; CLOSE tells the other end, if it can
 */
#define BATON_LINK_REASONS(X)                                                  \
	X(SHUTDOWN, CLOSE, "shutdown", "it was closed in good order")          \
	X(MAGIC, CLOSE, "magic", "what came is no frame")                      \
	X(VERSION, CLOSE, "version", "the ends speak different versions")      \
	X(TYPE, CLOSE, "type", "frame of a type that does not exist")          \
	X(LENGTH, CLOSE, "length", "payload longer or shorter than allowed")   \
	X(FIELDS, CLOSE, "fields", "header fields that must be zero are not")  \
	X(STATE, CLOSE, "state", "frame that has no place now")                \
	X(NAME, CLOSE, "name", "HELLO of another node than the certificate's") \
	X(SEQUENCE, CLOSE, "sequence", "frame lost, repeated or out of order") \
	X(ROLE, CLOSE, "role", "frame that its sender's role may not send")    \
	X(ACKED, CLOSE, "acked", "what was acknowledged was never sent")       \
	X(SNAPSHOT, REFUSE, "snapshot",                                        \
	  "of a snapshot that has not begun, or too many have")                \
	X(OWNER, REFUSE, "owner", "about an owner that is unknown here")       \
	X(EPOCH_OLD, REFUSE, "epoch_old", "of an epoch that is over")          \
	X(EPOCH_AHEAD, REFUSE, "epoch_ahead",                                  \
	  "for the owner in an epoch that has not begun here")                 \
	X(CONFLICT, REFUSE, "conflict",                                        \
	  "an epoch with two owners, or none, if this were accepted")          \
	X(HANDSHAKE, CLOSE, "handshake",                                       \
	  "TLS could not be set up: unknown key, or not the link's protocol")  \
	X(TLS, CLOSE, "tls", "a TLS record was forged, cut or damaged")        \
	X(SLOW, CLOSE, "slow", "no HELLO in time")                             \
	X(SILENT, CLOSE, "silent", "nothing was heard in time")                \
	X(UNREAD, CLOSE, "unread", "the other end does not read")              \
	X(REPLACED, CLOSE, "replaced", "the node has connected anew")          \
	X(CROWD, CLOSE, "crowd", "too many connections that are not yet up")   \
	X(GONE, CLOSE, "gone", "the other end is gone without a CLOSE")        \
	X(SYSTEM, CLOSE, "system", "the system's error")

enum baton_link_reason {
#define X(name, effect, label, text) BATON_LINK_BAD_##name,
	BATON_LINK_REASONS(X)
#undef X
		BATON_LINK_NR_REASONS,
};

struct baton_link_header {
	__be16 magic;
	__u8 version;
	__u8 type; /* enum baton_link_type */
	__u8 flags; /* 0 in this version */
	__u8 role; /* enum baton_link_role */
	__be16 channel; /* DATA: which component it is for */
	__be32 owner; /* baton_tag() of its name; 0: about no owner */
	__be32 epoch; /* of the owner; 0 when about none */
	__be32 length; /* of the payload, in bytes */
	__be32 zero;
	__be64 sequence;
};

/* Payload of HELLO. A bit of `features` that is not known means nothing. */
struct baton_link_hello {
	char node[BATON_LINK_NAME_LEN]; /* padded with NULs; also the CN */
	__be32 features; /* 0 in this version */
	__be32 zero;
};

/* Payload of REFUSED and CLOSE: __be32, enum baton_link_reason. */

#endif
