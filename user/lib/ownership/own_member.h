/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A node among its peers: what it says of itself reaches each of them, and what
 * each says of itself is known here, whatever the network loses, repeats,
 * reorders or cuts off for a while. Hosts and the switch are alike in this. No
 * sockets and no clock: bytes and times (ns, of a clock that does not go back)
 * come in, bytes go out by a callback.
 */
#ifndef LIB_OWN_MEMBER_H
#define LIB_OWN_MEMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "own_auth.h"
#include "own_fresh.h"
#include "own_set.h"

/*
 * What becomes of a message. All but the first are dropped, and change nothing
 * here but the count.
 */
#define OWN_VERDICTS(X)                                                        \
	X(ACCEPTED, "accepted")                                                \
	X(CUT, "cut") /* shorter or longer than it says, or than allowed */    \
	X(ALIEN, "alien") /* not of this protocol */                           \
	X(ASTRAY, "astray") /* for another node */                             \
	X(STRANGER, "stranger") /* from no peer */                             \
	X(FORGED, "forged") /* not by the peer, for this node */               \
	X(MALFORMED, "malformed") /* the peer's, but not as it should be */    \
	X(USURPED, "usurped") /* a record that the peer may not have */        \
	X(STALE, "stale") /* repeats no challenge that is in force */          \
	X(REPLAYED, "replayed") /* not newer than the newest */

enum own_verdict {
#define X(name, label) OWN_##name##_,
	OWN_VERDICTS(X)
#undef X
		OWN_NR_VERDICTS,
};

extern const char *const own_verdict_labels[OWN_NR_VERDICTS];

/* Times between messages to a peer, ns. */
#define OWN_PERIOD 500000000ULL /* when there is nothing to say */
#define OWN_AGAIN 20000000ULL /* until it has what is new; doubled each time */
#define OWN_SILENT (4 * OWN_PERIOD) /* it counts as not there */
#define OWN_ANSWER 50000000ULL /* between answers to what proves nothing, */
#define OWN_ANSWERS 4 /* but for so many at once */
#define OWN_BURST 4 /* messages at once */

struct own_peer {
	uint16_t id;
	struct own_keys keys;
	struct own_fresh fresh;
	struct own_set set; /* what it says of itself */
	uint64_t acked; /* it has our records up to this version */
	uint64_t due; /* ns, of the next message */
	uint64_t again; /* ns, until what it does not confirm is repeated */
	uint64_t answered; /* ns, until when such answers are used up */
};

struct own_callbacks {
	void (*send)(void *arg, uint16_t to, const uint8_t *bytes, size_t size);
	own_random_fn *random; /* of a generator that nobody can predict */
	own_changed_fn *changed; /* what a peer says; NULL: look for oneself */
	void *arg;
};

struct own_member {
	uint16_t id;
	uint64_t boot; /* random, never 0 */
	struct own_set set; /* what this node says of itself */
	struct own_peer *peers; /* the member's */
	uint16_t nr;
	struct own_callbacks cb;
	uint64_t verdicts[OWN_NR_VERDICTS];
	uint64_t gaps; /* accepted, but records before its own are missing */
};

void own_member_init(struct own_member *m, uint16_t id,
		     const struct own_callbacks *cb);
void own_member_free(struct own_member *m);

/* 0, -EEXIST, -EINVAL (oneself, or no node id) or -ENOMEM. */
int own_member_add(struct own_member *m, uint16_t id,
		   const struct own_keys *keys, uint64_t now);
void own_member_remove(struct own_member *m, uint16_t id);
struct own_peer *own_member_peer(const struct own_member *m, uint16_t id);

/* This is a record of this node from now on; its version is filled in. 1 if it
 * is new, and will be sent with the next tick, else as own_set_change(). */
int own_member_say(struct own_member *m, const struct own_record *r);

/* What a node says of itself, also this one; NULL: nothing. */
const struct own_record *own_member_find(const struct own_member *m,
					 uint16_t node, uint8_t kind,
					 uint16_t slot);

/* These bytes arrived. */
enum own_verdict own_member_receive(struct own_member *m, const uint8_t *bytes,
				    size_t size, uint64_t now);

/* Send what is due; when the next will be. Call after what has arrived, and
 * after own_member_say(). */
uint64_t own_member_tick(struct own_member *m, uint64_t now);

/* Has the peer been heard lately? */
bool own_peer_is_there(const struct own_peer *p, uint64_t now);

/* A message that has been judged to be fresh; own_member_receive() without its
 * judgement, which shows what that is for. */
void own_member_take(struct own_member *m, struct own_peer *p,
		     const struct own_message *in, uint64_t now);

#endif
