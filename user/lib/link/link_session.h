/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rules of one connection of a link: what may be said when, sequences,
 * acknowledgements, keepalive. No sockets and no clock: frames and the time
 * (clock_ns()) are arguments, what is to be sent goes to a function.
 */
#ifndef LIB_LINK_SESSION_H
#define LIB_LINK_SESSION_H

#include "lib/link/link_frame.h"
#include "lib/link/link_owners.h"

#define LINK_SNAPSHOTS 16 /* that may be open at once, per direction */

/* The states, and which frames may come in each. */
#define LINK_STATES(X)                                                         \
	X(HELLO, "hello") /* HELLO, CLOSE */                                   \
	X(UP, "up") /* all but HELLO */                                        \
	X(CLOSED, "closed") /* none */

enum link_state {
#define X(name, label) LINK_STATE_##name,
	LINK_STATES(X)
#undef X
		LINK_NR_STATES,
};

/* What a frame, or the time, has come to. */
enum link_event_kind {
	LINK_NOTHING,
	LINK_UP,
	LINK_FRAME, /* DATA, accepted: for the component */
	LINK_REFUSED, /* DATA, refused for `reason`, which the peer was told */
	LINK_ACKED, /* s->acked has grown */
	LINK_TOLD, /* the peer refused DATA, for `reason` */
	LINK_ACK_LATE,
	LINK_CLOSED, /* the peer said CLOSE, for `reason` */
	LINK_BROKEN, /* the connection must end, for `reason` */
};

struct link_event {
	enum link_event_kind kind;
	enum baton_link_reason reason;
	bool deposed; /* by this frame; see link_owners.h */
};

struct link_times {
	uint64_t ping, silent, hello, ack_late; /* ns; see link_config */
};

/* Snapshots of one direction that have begun and not ended. */
struct link_snapshots {
	struct {
		uint32_t owner, epoch;
		uint16_t channel;
	} open[LINK_SNAPSHOTS];
	unsigned int nr;
};

struct link_session {
	enum link_state state;
	struct link_times times;
	struct link_owners *owners;
	char peer[BATON_LINK_NAME_LEN]; /* padded with NULs */

	/* Takes a frame, whose role, sequence and length are filled. */
	void (*send)(void *arg, const struct link_frame *f);
	void *arg;

	uint64_t sent, acked; /* sequences of DATA, by this node */
	uint64_t received, stored; /* by the peer */
	struct link_snapshots ours, theirs;
	bool ack_due, pong_due;

	uint64_t ticked, began, heard;
	uint64_t waits; /* since when nothing of what waits is acknowledged */
	uint64_t ping, ping_at; /* number of this node's newest; 0: answered */
	uint64_t their_ping;
	uint64_t round_trip; /* ns; 0: not known */
};

/* Begin a connection with the node that has proven to be `peer`. */
void link_session_start(struct link_session *s, const char *node,
			const char *peer, uint64_t now);

struct link_event link_session_receive(struct link_session *s,
				       const struct link_frame *f,
				       uint64_t now);

/* Call it several times in each s->times.ping. */
struct link_event link_session_tick(struct link_session *s, uint64_t now);

/*
 * Number a DATA frame of this node and fill its role: the caller sends it. Its
 * sequence, or an error as of link_send() in link.h.
 */
int64_t link_session_number(struct link_session *s, struct link_frame *f,
			    uint64_t now);

/* All up to `sequence` is stored: 0, -ENOTCONN or -EINVAL. */
int link_session_store(struct link_session *s, uint64_t sequence);

/* Send what has become due: one ACK, one PONG. */
void link_session_flush(struct link_session *s);

/* Say CLOSE. Nothing is accepted afterwards. */
void link_session_close(struct link_session *s, enum baton_link_reason reason);

#endif
