/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bytes from the client's socket to the server's and back (row P1): as fast as
 * the slower of both takes them, each direction ended by itself.
 *
 * The engine knows nothing of protection; what happens is told by callbacks.
 */
#ifndef BATON_PROXY_RELAY_H
#define BATON_PROXY_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "replica.h"

/* A socket, and what still has to be written to it. */
struct end {
	int fd;
	uint8_t which; /* CLIENT or SERVER */
	bool connecting;
	bool ended; /* the other end of it will send no more */
	bool shut; /* we have sent all */
	bool silent; /* and it has arrived, which the socket does not know */
	/* What is read from it goes to on_held() and no further, and its death
	 * ends nothing before it has `ended`: others decide. It may have no
	 * socket at times. */
	bool held;
	uint64_t read; /* position in its stream of what is read next */
	/* Position in ours behind what it was given. If that, with what is
	 * pending, is ahead of what was read from the other end, it has the
	 * bytes between from somebody else. */
	uint64_t written;
	uint8_t *pending;
	size_t start, nr;
};

struct relay {
	struct end end[NR_SIDES];
	void *arg; /* the owner's */
	uint16_t service;
	struct relay *next_dead; /* freed when no event can be of it any more */
	struct relay *next_woken;
	bool dead, woken, broken;
};

struct relays {
	int epoll;
	uv_poll_t poll;
	uv_prepare_t prepare;
	struct relay *dead, *woken;
	uint8_t *buffer;
	uint32_t nr, nr_of[REPLICA_SERVICES];
	/*
	 * Both directions have ended, or (`failed`) a socket has failed: the
	 * relay is about to go, with its sockets: a failed one resets them.
	 */
	void (*on_end)(struct relay *r, bool failed);
	/* Bytes of an end that is held, none of them at its end: 0, or a
	 * negative errno: the relay fails. */
	int (*on_held)(struct relay *r, const uint8_t *bytes, size_t nr);
};

int relays_open(struct relays *e, uv_loop_t *loop); /* 0 or negative errno */

/* What there is to relay now, before the rest of the loop has its turn. */
void relays_poll(struct relays *e);

/* A relay without sockets; NULL: no memory. */
struct relay *relay_new(struct relays *e, uint16_t service, void *arg);

/* Give it a socket, which becomes its own. 0 or a negative errno. */
int relay_set(struct relays *e, struct relay *r, int which, int fd,
	      bool connecting);

/* Bytes that go to a socket before all that is read from the other, behind those
 * that do already. 0 or -ENOMEM. */
int relay_pend(struct relay *r, int which, const uint8_t *bytes, size_t nr);

/* Close an end that is held, without a word; it may get another socket. */
void relay_detach(struct relay *r, int which);

/* Position in our stream behind what an end's kernel has sent, where our FIN
 * counts as a byte. */
uint64_t relay_sent(const struct relay *r, int which);

/* Begin, or go on after what was done to it by hand. */
void relay_run(struct relays *e, struct relay *r);

/* The same, but not before what is being done now is done. */
void relay_wake(struct relays *e, struct relay *r);

/* In the same way, end it as if a socket had failed. */
void relay_break(struct relays *e, struct relay *r);

/* End it: close its sockets; `reset`: so that their other ends learn that it
 * was no good end. on_end is not called. */
void relay_end(struct relays *e, struct relay *r, bool reset);

/* End it in silence: somebody else plays its part now. */
void relay_abandon(struct relays *e, struct relay *r);

#endif
