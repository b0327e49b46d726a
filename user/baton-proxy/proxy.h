/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All of a running baton-proxy. Which file does what:
 *
 *   active.c    packets of protected connections on their way: they change the
 *               replica, go to the standby, and wait for its word
 *   withhold.c  what leaves to a client acknowledges no more than is done
 *   commit.c    what applications commit, until clients may know it
 *   claims.c    without whom nothing is acknowledged, agreed with the switch
 *   guard.c     which peer is the standby, and bringing it up to date
 *   standby.c   what an owner says on the link: it changes the replica
 *   takeover.c  connections of the replica become sockets
 *   application.c  who serves a service instead of a server
 *   reset.c     ends whose connection cannot be kept are told
 *   service.c   listening, new connections, roles
 *   control.c   what people ask; show.c: the answers
 */
#ifndef BATON_PROXY_PROXY_H
#define BATON_PROXY_PROXY_H

#include <uv.h>

#include "application.h"
#include "audit.h"
#include "claims.h"
#include "config.h"
#include "heartbeat.h"
#include "lib/link/link.h"
#include "message.h"
#include "output.h"
#include "ownership.h"
#include "probe_endpoint.h"
#include "queue.h"
#include "relay.h"
#include "replica.h"

struct proxy;

struct service {
	struct proxy *proxy;
	const struct config_service *config;
	uint16_t index; /* in the configuration, and in the replica */
	uint32_t tag; /* of its owner; 0: it has none */
	uint32_t epoch; /* 0: none is known */
	uint32_t told; /* latest by the switch; peers may know a later one */
	uint64_t told_at; /* ns: when it last said anything */
	enum baton_link_role role;
	/* OWNER: it has begun anew, and its standby may have what it lost */
	bool fresh;
	bool syncing; /* OWNER: a snapshot is on its way */
	bool unkept; /* OWNER: the standby does not know such a service */
	bool lacks; /* OWNER: it has no room for some connections */
	uint64_t mend_next; /* ns: not sent once more before, */
	uint64_t mend_wait; /* so long after the last time; 0: nothing was */
	uint64_t snapshot_begin; /* its first sequence */
	uint64_t snapshot_end; /* its last sequence; 0: it has been stored */
	uint32_t taking; /* connections that are being taken over */
	uint64_t took_from; /* ns, since when */
	bool complete; /* STANDBY: all that the owner knows is here */
	uint64_t current; /* ns: when that last was so */
	struct link_peer *feeder; /* STANDBY: who plays the owner, it said, */
	uint32_t fed_epoch; /* in this epoch */
	uint32_t whole; /* STANDBY: epoch of the last whole snapshot */
	struct claims_owner *claims; /* NULL: it decides by itself */
	int listener;
	bool deaf; /* it is not heard: there are no descriptors */
	uv_poll_t poll;
	struct application *application; /* that serves it; NULL: a server */
};

/* X(name, text): what is counted */
#define PROXY_COUNTERS(X)                                                      \
	X(accepted, "connections from clients")                                \
	X(refused, "connections over the limit")                               \
	X(no_file, "connections refused for lack of file descriptors")         \
	X(no_server, "connections to a server that failed")                    \
	X(taken_over, "connections taken over")                                \
	X(lost, "connections that could not be taken over")                    \
	X(unconfirmed, "packets that went on without a standby")               \
	X(held, "packets that waited for the standby")                         \
	X(clamped, "packets to clients that acknowledge less than the kernel") \
	X(withheld, "acknowledgements that clients were not told of yet")      \
	X(caught_up, "acknowledgements to clients for what was done later")    \
	X(asked, "clients that repeated what is not done yet")                 \
	X(commits, "commits of applications")                                  \
	X(bad_commits, "connections whose application did what it must not")   \
	X(ahead, "acknowledgements of what only the owner before had sent")    \
	X(further, "ends that had more than was known when taken over")        \
	X(silenced, "packets of connections that another host plays")          \
	X(stale, "acknowledgements of what only an earlier time had")          \
	X(no_memory, "connections unprotected for lack of memory")             \
	X(no_room, "packets dropped for lack of room")                         \
	X(messages, "messages to the standby")                                 \
	X(proven, "connections that the standby has proven to have")           \
	X(unproven, "connections that it confirmed, and has not")              \
	X(unkept, "connections that the standby has no room for")              \
	X(taken, "messages from peers")                                        \
	X(bad, "messages from peers that could not be right")                  \
	X(lacking, "messages from owners for which there is no room")

struct counters {
#define X(name, text) uint64_t name;
	PROXY_COUNTERS(X)
#undef X
};

struct jsonserver;
struct orphans; /* orphans.h */
struct takeover; /* takeover.c */
struct commit; /* commit.c */
struct early; /* active.c */

/* Of a peer: a connection's snapshot that has not come whole yet. */
struct parts {
	uint8_t *bytes;
	size_t len;
	bool begun;
	int err; /* of a part that could not be kept */
	struct tuple client;
	/* until it connects anew: */
	bool mute; /* nothing is confirmed to it any more */
	bool liar; /* it has confirmed what it does not have */
	uint64_t rests; /* ns; it has refused, and is not asked until then */
};

struct proxy {
	const struct config *config;
	uv_loop_t *loop;
	struct service service[REPLICA_SERVICES];
	struct replica replica;
	struct relays relays;
	struct ownership ownership;
	struct queue in, out;
	struct early *early; /* packets that came before the switch's word */
	uint32_t nr_early;
	size_t early_bytes;
	size_t told_bytes; /* to the standby, of packets of this turn */
	uv_poll_t poll_in, poll_out;
	struct probe_sockets raw;

	struct link *link;
	struct link_key *key;
	struct link_peer *peer[CONFIG_PEERS];
	struct link_peer *guardian; /* stores what this proxy plays */
	struct link_peer *late; /* it did, until it confirmed nothing for long */
	uint64_t sent; /* the last sequence of a message to it */
	uint64_t acked; /* all up to here it has stored */
	uint64_t hurry; /* ns: by then ... (0: no) */
	uint64_t hurry_for; /* ... it is to have stored this */
	struct audit audit; /* the last question to it */
	uint64_t audited; /* its sequence; 0: it is answered */
	struct parts parts[CONFIG_PEERS]; /* from each of them */

	struct commit *commits, **commits_end; /* that wait for the standby */

	struct claims claims;

	struct takeover *takeovers;
	uint64_t urgent; /* ns: until when they go ahead of all else; 0: no */
	struct probes probes;
	uv_timer_t takeover_timer;
	uv_timer_t sweep, fresh, audit_timer;
	struct orphans *orphans;
	int spare; /* a descriptor to give up when there is none; -1 */

	struct heartbeat heartbeat;
	struct jsonserver *control;
	uint64_t started; /* ns */
	struct counters count;
	bool starting; /* the switch's word is from before */
};

/* --- active.c --- */
int active_open(struct proxy *p, char *why, size_t size);
/* This host plays the service now: what came early is looked at. */
void active_begin(struct service *s);
/* Nothing may wait for the switch's word for long. */
void active_tick(struct proxy *p, uint64_t now);
/* All up to this sequence is stored. */
void active_release(struct proxy *p, uint64_t sequence);
/* The kernel of this host has become the owner's, or is it no more. */
struct service *active_service(struct proxy *p, const struct tuple *t,
			       int *which);

/* --- withhold.c --- */
/* A packet that leaves to a client of a service that clamps, which may be changed.
 * False: it would say nothing. */
bool withhold_out(struct proxy *p, struct conn *c, const struct segment *s,
		  struct queued *q);
/* The client repeats what has arrived. */
void withhold_asked(struct proxy *p, struct conn *c, const struct segment *s);
/* More of what the client has sent may be done now. */
void withhold_advance(struct proxy *p, struct conn *c);

/* --- commit.c --- */
/* The application has written; nothing: its end. 0 or a negative errno: the
 * connection is to fail. */
int commit_held(struct proxy *p, struct conn *c, const uint8_t *bytes,
		size_t nr);
/* It commits, it ends its output. */
void commit_ask(struct proxy *p, struct conn *c, const struct cut *cut);
void commit_end(struct proxy *p, struct conn *c);
/* Its client is reset: the application has made a mistake, or we cannot go on. */
void commit_fail(struct proxy *p, struct conn *c, const char *why);
/* All up to this sequence is stored; nothing is any more; nothing of this
 * connection; by a snapshot the standby knows it; it is over. */
void commits_release(struct proxy *p, uint64_t sequence);
void commits_give_up(struct proxy *p);
void commits_lack(struct proxy *p, const struct conn *c);
void commits_sent(struct proxy *p, struct conn *c);
void commits_forget(struct proxy *p, struct conn *c);

/* --- guard.c --- */
void guard_up(struct proxy *p, struct link_peer *peer);
void guard_down(struct proxy *p, struct link_peer *peer);
/* It has stored all up to this sequence. */
void guard_acked(struct proxy *p, struct link_peer *peer, uint64_t sequence);
void guard_writable(struct proxy *p, struct link_peer *peer);
/* This host has become the owner's, or is it no more. */
void guard_role(struct service *s);
/* A new owner does not wait for long for one that may have died. */
void guard_tick(struct proxy *p, uint64_t now);
/* A service is the standby's to know from now on. */
void guard_service(struct service *s);
/* Send a message to the guardian; false: it will not be stored. */
bool guard_send(struct service *s, enum message_kind kind, const void *body,
		size_t len);
/* The same of a COMMITTED message, in parts. */
bool guard_commit(struct service *s, const uint8_t *bytes, size_t len);
/* The owner has begun anew and asks for what is known here. */
void guard_recover(struct service *s, struct link_peer *peer);
/* Nobody had anything, or no time to tell. */
void service_begin(struct service *s);
/* It has not stored this, whatever it confirms later. */
void guard_refused(struct proxy *p, struct link_peer *peer, uint64_t sequence,
		   uint32_t owner, enum baton_link_reason reason);
/* If there is none, whoever is there. */
void guard_find(struct proxy *p);
/* Forget a connection, there as well. */
void guard_gone(struct service *s, struct conn *c);
/* The standby does not keep it, or none of the service's, whatever it confirms
 * later. */
void guard_lacks(struct service *s, struct conn *c);
void guard_lacks_all(struct service *s);
/* Ask it whether it has what it confirms; its answer. */
void guard_audit(struct proxy *p);
void guard_proof(struct service *s, const uint8_t *answer, size_t len);
/* It lives, but has confirmed nothing for long. */
void guard_late(struct proxy *p, struct link_peer *peer);
/* Tell it once more of connections that it does not keep, less often each time. */
void guard_mend(struct service *s, uint64_t now);

/* --- standby.c --- */
/* What has not come whole will not any more. */
void standby_down(struct proxy *p, struct link_peer *peer);
struct parts *parts_of(struct proxy *p, const struct link_peer *peer);
void standby_frame(struct proxy *p, struct link_peer *peer,
		   const struct link_frame *f);

/* --- takeover.c --- */
void takeover_open(struct proxy *p);
/* Before the standby is told what there is: what cannot go on as it is. */
void takeover_prepare(struct service *s);
void takeover_service(struct service *s);
/* Does this side wait for the answer to a probe, and is this it? */
bool takeover_awaits(struct proxy *p, struct side *side,
		     const struct segment *s);
/* Has it no socket yet, for it is being taken over, and its end was asked? */
bool takeover_lacks(struct side *side);
/* May its other end know more of our stream than this kernel has sent? Then
 * *sent is the next sequence number that this one will use. */
bool takeover_behind(struct side *side, uint32_t *sent);
/* All that came with the answer is known here: the socket is made. False: the
 * connection is gone. */
bool takeover_answer(struct proxy *p, struct side *side);
void takeover_forget(struct proxy *p, struct conn *c);

/* --- reset.c --- */
/* Tell an end that its connection is over; `seq`: what it expects next, as far as
 * it is known. */
void reset_say(struct proxy *p, struct side *side, uint32_t seq);

/* --- readiness.c --- */
/* Has this node all that it needs to go on with what others play, and its
 * standby all that it plays? For the switch, at `now` (ns). */
enum baton_heartbeat_state proxy_readiness(struct proxy *p, uint64_t now);

/* --- service.c --- */
/* Hear those who could not be let in. */
void service_listen_again(struct service *s);
int service_open(struct service *s, char *why, size_t size);
/* What this host is to the owner, as a peer says, who has it from the switch; or
 * as the switch says. What is of an older epoch than the known one changes nothing. */
void service_role(struct service *s, uint32_t epoch, bool plays);
void service_told(struct service *s, const struct baton_ownership_event *said);
/* Connect to the server for a connection whose relay has none yet. */
void service_connect(struct service *s, struct conn *c, struct relay *r);

#endif
