/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A node that speaks (own_member.h): its datagrams come and go by a UDP socket, in
 * a program's loop.
 */
#ifndef LIB_OWN_SPEAKER_H
#define LIB_OWN_SPEAKER_H

#include <uv.h>

#include "lib/addr.h"
#include "lib/ownership/own_member.h"

/* Nothing in a slot: to be filled, and `present` set, or to be said as it is. */
#define OWN_RECORD(NAME, number)                                               \
	(struct own_record)                                                    \
	{                                                                      \
		.kind = BATON_OWNERSHIP_##NAME, .slot = (number)               \
	}

struct own_speaker {
	struct own_member member;
	uint8_t seed[OWN_KEY_LEN];
	bool begun; /* it has an id, and speaks */
	uv_udp_t socket;
	uv_timer_t timer;
	struct sockaddr_storage at[BATON_OWNERSHIP_NODES]; /* where peers are */
	uint8_t key[BATON_OWNERSHIP_NODES][OWN_KEY_LEN]; /* by which they are
							   * known */
	uint8_t input[BATON_OWNERSHIP_MAX + 1]; /* one more: it is too long */
	uint64_t unsent; /* messages that the system did not take */
	own_changed_fn *changed; /* of own_speaker_heed() */
	void *arg;
};

/*
 * Read the node's key, and listen on a UDP port of all addresses. Nothing is
 * said yet. 0, or a negative errno with `why` filled.
 */
int own_speaker_open(struct own_speaker *s, uv_loop_t *loop, uint16_t port,
		     const char *key_file, char *why, size_t size);
/* Its handles are closed as the loop goes on. */
void own_speaker_close(struct own_speaker *s);

/* `fn` is called at once for each record of a peer that is not what it was. It may
 * say something, but neither begin, nor add or drop peers. To be called before
 * it begins. */
void own_speaker_heed(struct own_speaker *s, own_changed_fn *fn, void *arg);

/* This is the node's id from now on. If it had another one, all that was said
 * and heard is forgotten, and so are the peers. */
void own_speaker_begin(struct own_speaker *s, uint16_t id);

/*
 * A peer with this id has this public key (RFC 8032), and is spoken to there;
 * one that is known already may have moved, or got another key, which makes it
 * another peer. 0, or a negative errno as of own_auth_keys(), own_member_add().
 */
int own_speaker_peer(struct own_speaker *s, uint16_t id, const struct addr *a,
		     uint16_t port, const uint8_t public[OWN_KEY_LEN]);
void own_speaker_drop(struct own_speaker *s, uint16_t id);

/* As own_member_say(); it is on its way at once. What cannot be told is logged. */
void own_speaker_say(struct own_speaker *s, const struct own_record *r);

/* What a node says in a slot; NULL: nothing, or nothing any more. */
const struct own_record *own_speaker_find(const struct own_speaker *s,
					  uint16_t node, uint8_t kind,
					  uint16_t slot);

/* ns since the peer was heard; UINT64_MAX: never */
uint64_t own_speaker_silence(const struct own_speaker *s, uint16_t id,
			     uint64_t now);

#endif
