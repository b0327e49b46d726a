/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The connections of this proxy, and those of another one for which it is the
 * standby: a table of pairs, each with a side toward the client and one toward
 * the server. What changes it are segments and a few words of the proxy, at
 * the owner as they happen, at the standby as the link brings them. Pure.
 */
#ifndef BATON_PROXY_REPLICA_H
#define BATON_PROXY_REPLICA_H

#include "clamp.h"
#include "track.h"

enum { CLIENT, SERVER, NR_SIDES };

struct conn;

struct side {
	struct track track;
	struct tuple tuple;
	struct side *chain; /* in the table */
	uint8_t which; /* CLIENT or SERVER */
	bool known; /* the tuple is set, and it is in the table */
	uint64_t told; /* `acked`, as the standby last heard of it */
	/* The owner's; both change when something is told of, or leaves: */
	uint64_t news; /* sequence of the newest message to the standby about
			* what has come from its end */
	uint32_t sure; /* sequence numbers from `seq_in` on that its end may be
			* told have arrived, as the standby has them */
};

struct conn {
	struct side side[NR_SIDES];
	struct conn *next, **prev; /* of its service, newest first */
	uint16_t service;
	/*
	 * The server is an application of this machine (baton/protect.h): no
	 * packets come from it, it has no tuple. Its track is what it commits:
	 * `acked` is the input that is done, [.., received) the output.
	 */
	bool local;
	bool taken_over;
	bool played; /* here, in an epoch that is over, and since then no other
		      * host has told what it has of it */
	uint64_t released; /* local: input that is done, and the standby knows */
	bool synced; /* the standby knows it */
	bool stale; /* at a standby: of before the snapshot that is coming */
	uint64_t told; /* sequence of the newest message to the standby */
	uint64_t confirmed; /* bytes of both sides that had been confirmed when
			     * the oldest message that is not was sent */
	/* ns, when something last arrived; if later, when a snapshot brought it,
	 * or the role of its owner was lost */
	uint64_t touched;
	void *relay; /* the proxy's own, while it has sockets */
	void *output; /* local, with a relay: what is not committed yet */
	void *takeover; /* while its sockets are being made anew */
	struct clamp *clamp; /* what leaves to the client; NULL: nothing yet, or
			      * its policy does not withhold there */
};

static inline struct conn *side_conn(struct side *s)
{
	return (struct conn *)(s - s->which);
}

static inline struct side *side_other(struct side *s)
{
	return &side_conn(s)->side[!s->which];
}

#define REPLICA_SERVICES 64
#define REPLICA_GREETING_MAX 128

/* Bytes that an owner keeps for one side; a segment for which there is no more
 * room is to be dropped, and its sender will repeat it. A standby learns a
 * little later what is needed no more, and must never have less room. */
#define REPLICA_ROOM (16u << 20)
#define REPLICA_ROOM_STANDBY (20u << 20)

struct replica {
	struct side **buckets;
	uint32_t mask;
	uint64_t seed;
	struct conn *conns[REPLICA_SERVICES];
	uint32_t nr[REPLICA_SERVICES];
	uint32_t max[REPLICA_SERVICES]; /* connections */
	struct track_pool pool; /* of all that is kept */
	/* What the server is told before the client's first byte: the length.
	 * NULL: nothing. */
	size_t (*greeting)(const struct replica *r, uint16_t service,
			   const struct tuple *client,
			   uint8_t bytes[REPLICA_GREETING_MAX]);
	bool local[REPLICA_SERVICES]; /* its server is an application */
	/* A connection is about to be forgotten. */
	void (*on_gone)(struct replica *r, struct conn *c);
	/* Can a side of the service's connections have this tuple? NULL: any */
	bool (*fits)(const struct replica *r, uint16_t service, int which,
		     const struct tuple *t);
};

int replica_init(struct replica *r, uint64_t seed); /* 0 or -ENOMEM */
void replica_free(struct replica *r);

struct side *replica_find(const struct replica *r, const struct tuple *t);

/* A connection that is in no table yet; NULL: no memory. */
struct conn *conn_new(struct replica *r, uint16_t service);
void conn_free(struct conn *c);

/* Put it there, with the tuples that its sides have (of the server's, the
 * family is 0 if there is none). 0; -EEXIST: a tuple is another's; -EBADMSG: or
 * cannot be one; -ENOBUFS: there are `max`. */
int replica_enter(struct replica *r, struct conn *c);

/* Is it a state that segments can have led to? */
bool conn_is_sound(const struct conn *c);

/* A connection from this client whose SYN comes next; NULL with errno: ENOMEM, or
 * as above. */
struct conn *replica_open(struct replica *r, uint16_t service,
			  const struct tuple *client);

size_t replica_greeting(const struct replica *r, uint16_t service,
			const struct tuple *client,
			uint8_t bytes[REPLICA_GREETING_MAX]);

/* The same, but all that is known of it, its greeting included, comes next. */
struct conn *replica_add(struct replica *r, uint16_t service,
			 const struct tuple *client);

/* It goes on to the server by this tuple: 0, -EALREADY, or as above. */
int replica_pair(struct replica *r, struct conn *c, const struct tuple *server);

/* The server was not reached by it: there is none yet. */
void replica_unpair(struct replica *r, struct conn *c);

/* Any connection that is synced and has its sockets, or NULL. */
struct conn *replica_any(const struct replica *r, uint64_t random);

void replica_remove(struct replica *r, struct conn *c);
/* Those that were not touched for a time. */
void replica_forget(struct replica *r, uint16_t service, uint64_t now,
		    uint64_t time);
void replica_clear(struct replica *r, uint16_t service);

/*
 * A segment that arrived for a connection, and what is to become of it. The
 * other side's bytes that this one acknowledges are let go, but not while the
 * connection is being taken over.
 */
enum track_verdict replica_in(struct side *side, const struct segment *s,
			      uint32_t room);

/* A place in both streams at which an application can go on. */
struct cut {
	uint64_t input, output;
	bool end; /* the output ends here */
};

static inline struct cut replica_cut(const struct conn *c)
{
	const struct track *t = &c->side[SERVER].track;

	return (struct cut){ t->acked, t->received, t->end_in };
}

/*
 * The application has come to another cut; `bytes` are the output since the last
 * one. 0, or -EBADMSG: it is not one that can follow; -ENOMEM, -ENOBUFS.
 */
int replica_commit(struct conn *c, const struct cut *cut, const uint8_t *bytes,
		   uint32_t room);

/*
 * Another owner's connection is this host's now. It may have sent on what its
 * standby never had, as it has told the sender of it nothing: so each end may be
 * ahead of what is known here, and the sender repeats it.
 */
void replica_inherit(struct conn *c);

/*
 * It is another host's from now on. If it comes back, nothing holds of what this
 * host has told its client and its standby meanwhile.
 */
void replica_hand_over(struct conn *c);

/* Others may not have all that is known here, so nothing of it is told again
 * before they have. */
void replica_doubt(struct conn *c);

/* Does a segment that leaves say that more has arrived than it may? */
bool replica_tells(const struct side *side, const struct segment *s);

/* All that has come from its end is where it has to be: it may be told. */
void replica_assure(struct side *side);

/* Let go what both ends have acknowledged: when a takeover is over, or its owner
 * would keep, and ask for, more than its standby has. */
void replica_trim(struct conn *c);

/* How far the client's stream is done: when the server has acknowledged it, or
 * the standby knows that the application has committed it. As a limit for what
 * leaves to the client. */
struct clamp_limit replica_limit(const struct conn *c);

/* Have both sides nothing to say any more? Then it can be removed. */
bool replica_is_over(const struct conn *c);

/* Bytes of memory for a connection, all together. */
size_t replica_memory(const struct conn *c);

#endif
