/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a connection is, and what of it would be lost if its owner died now
 * (row P2). Pure.
 */
#ifndef BATON_PROXY_EXPOSURE_H
#define BATON_PROXY_EXPOSURE_H

#include "replica.h"

/* X(NAME, label) */
#define CONN_STATES(X)                                                         \
	X(OPENING, "opening") /* the client's handshake is not over */         \
	X(CONNECTING, "connecting") /* the server's is not */                  \
	X(OPEN, "open")                                                        \
	X(HALF_CLOSED, "half-closed") /* one end will send no more */          \
	X(CLOSING, "closing") /* neither will */                               \
	X(TAKING_OVER, "taking-over") /* its sockets are being made anew */

enum conn_state {
#define X(name, label) CONN_##name,
	CONN_STATES(X)
#undef X
		NR_CONN_STATES,
};

enum conn_state conn_state(const struct conn *c);
const char *conn_state_name(enum conn_state state);

/* How the owner's side of a service stands. */
struct protection {
	bool standby; /* there is one that stores */
	bool complete; /* it has had, and confirmed, a whole snapshot */
	bool withheld; /* nothing is acknowledged before it is stored */
	bool unreleased; /* there is none, and the switch does not know yet */
	uint64_t acked; /* sequence up to which it has confirmed */
};

/* X(NAME, text): why something would be lost; texts go on from "because " */
#define EXPOSURES(X)                                                           \
	X(NONE, "nothing is exposed")                                          \
	X(NO_STANDBY, "there is no standby")                                   \
	X(UNRELEASED, "its standby is lost, and the switch still counts on "   \
		      "that: it waits")                                        \
	X(SYNCING, "the standby does not have everything yet")                 \
	X(UNKNOWN, "the standby does not know it")                             \
	X(ON_THE_WAY, "it is acknowledged before the standby confirms it")

enum exposure {
#define X(name, text) EXPOSURE_##name,
	EXPOSURES(X)
#undef X
		NR_EXPOSURES,
};

const char *exposure_text(enum exposure e);

/* Why, and in *bytes how much, if it is not the whole connection (UINT64_MAX).
 * Bytes are counted of both directions, and are an upper bound. */
enum exposure conn_exposure(const struct conn *c, const struct protection *p,
			    uint64_t *bytes);

/* Bytes that have come from both ends. */
static inline uint64_t conn_received(const struct conn *c)
{
	return c->side[CLIENT].track.received + c->side[SERVER].track.received;
}

/* The standby is told of something, as message `sent`, and has confirmed `acked`;
 * `before`: conn_received() before it. */
static inline void conn_tell(struct conn *c, uint64_t sent, uint64_t acked,
			     uint64_t before)
{
	if (c->told <= acked)
		c->confirmed = before;
	c->told = sent;
}

/* Bytes that the standby has not confirmed, at most. */
uint64_t conn_behind(const struct conn *c, uint64_t acked);

#endif
