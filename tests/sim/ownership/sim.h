/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A made-up world for the ownership protocol: a switch, hosts, a network that
 * loses, repeats, delays and cuts, somebody who records messages and sends them
 * again, and clients whose requests are put in an order by whoever plays the
 * owner. What decides is the project's own code: lib/ownership, batond's
 * cluster and ownership, lib/link's table of owners. What is made up is what it
 * decides about.
 *
 * Everything follows from the seed. Files: sim_world.c time, network and
 * history; sim_host.c hosts; sim_switch.c the switch; sim_node.c what
 * both have in common; sim_faults.c what goes wrong; sim_check.c the promises;
 * sim_main.c runs.
 */
#ifndef SIM_H
#define SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "batond/ownership.h"
#include "lib/link/link_owners.h"
#include "lib/ownership/own_claim.h"
#include "lib/ownership/own_member.h"

#define MS 1000000ULL
#define NODES 5 /* the switch, 0, and hosts */
#define OWNERS 2 /* ids from 1 */
#define REIGN 7
#define OF_DAY 9 /* when the owners were made, which is later */
#define SPEAKERS 1024 /* epochs that are remembered */

/* X(name, what happens without it): what can be switched off */
#define MECHANISMS(X)                                                          \
	X(fence, "the switch passes what comes from any host")                 \
	X(epoch, "a standby takes what an owner of any epoch sends")           \
	X(complete, "owners return to a home that is up, complete or not")     \
	X(fresh, "messages are taken whenever they were made")                 \
	X(durable, "a controller that starts again may not know its last "     \
		   "moves")                                                    \
	X(release, "an owner goes on without a standby before the switch "     \
		   "knows")                                                    \
	X(memory, "a host plays with another memory than was meant")

enum mechanism {
#define X(name, text) WITHOUT_##name,
	MECHANISMS(X)
#undef X
		NR_MECHANISMS,
};

/* --- history: what clients were told ------------------------------------------- */

/* A state of an owner: the one before it, and one request more. Two hosts that
 * put different requests in the same place are on different branches. */
typedef uint32_t state_id;

#define BEGINNING 0

/* --- events ----------------------------------------------------------------------- */

enum event_kind {
	EVENT_MESSAGE, /* of the ownership protocol, arrives at a node */
	EVENT_FRAME, /* of the link, arrives at a host */
	EVENT_CONFIRM, /* of the link, arrives at a host */
	EVENT_REQUEST, /* a client's, arrives at a host */
	EVENT_REPLY, /* a host's, arrives at the switch */
	EVENT_CLIENT, /* a client asks */
	EVENT_TICK, /* of a node */
	EVENT_DETECT, /* the switch looks at its hosts */
	EVENT_FAULT, /* something goes wrong */
	EVENT_ADVERSARY, /* somebody sends what was sent before */
	EVENT_REPAIR, /* of a fault */
};

struct packet {
	uint16_t from, owner;
	uint64_t epoch, incarnation;
	state_id base, state;
	uint64_t order; /* on the link, of all that its sender sends */
	bool snapshot;
};

struct bytes {
	size_t size;
	uint16_t to;
	bool again; /* by somebody else */
	uint8_t at[BATON_OWNERSHIP_MAX];
};

struct repair {
	uint8_t what;
	uint16_t a, b;
};

struct event {
	uint64_t time, order;
	enum event_kind kind;
	uint16_t node;
	uint32_t life; /* of the node, if it dies with it; 0: it does not */
	union {
		struct bytes *bytes;
		struct packet packet;
		struct repair repair;
	};
};

/* --- nodes ------------------------------------------------------------------------- */

/* What a host has of one owner: a process's memory, gone when that ends. */
struct memory {
	struct own_claim claim;
	state_id state;
	uint64_t synced; /* epoch of the last whole snapshot */
	state_id replied; /* OWNER: as far as clients were told */
	struct {
		state_id state;
		uint64_t incarnation; /* 0: nothing confirmed */
		uint64_t since; /* when it was as far as this host */
	} confirmed[BATON_OWNERSHIP_PLACES];
};

struct node {
	struct own_member member;
	bool up;
	uint64_t frozen; /* until then */
	uint32_t life; /* grows with each crash */
	uint64_t offset;
	double rate; /* of its clock */
	/* hosts */
	struct link_owners link;
	struct memory memory[OWNERS + 1];
	uint64_t frames; /* sent */
	uint64_t taken[NODES]; /* newest of each peer */
	/* at the switch */
	bool answers; /* to probes */
	uint64_t answered;
};

struct truth {
	state_id told; /* what a client has been told */
	bool any; /* the state was lost honestly: the next reply counts */
	uint32_t begun; /* epoch in which connections began anew after that */
	struct {
		uint64_t epoch;
		uint16_t host;
		uint64_t incarnation;
	} speaker[SPEAKERS]; /* of each epoch, by its lower bits */
};

struct statistics {
	uint64_t runs, moves, returns, losses, told, messages, accepted, again;
	uint64_t again_accepted, renewed;
};

struct world {
	uint64_t seed, rng, now, order, next_incarnation;
	bool without[NR_MECHANISMS], ablation; /* any of them */
	bool gentle; /* one thing goes wrong at a time, and nothing is lost */
	bool quiet; /* nothing goes wrong any more */
	bool stalls; /* owners never ask to go on without a standby */
	bool verbose;
	uint16_t hosts, owners;
	uint32_t pace; /* ms, at most, between faults */
	uint32_t loss, repeat; /* per mille */
	struct node node[NODES];
	bool cut[NODES][NODES];
	struct cluster *cluster;
	struct cluster_result *result;
	struct ownership *ownership;
	struct cluster_owner kept_cluster[OWNERS + 1];
	struct own_grant kept_grant[OWNERS + 1];
	union baton_owner word[OWNERS + 1]; /* what packets follow */
	uint64_t kept; /* when the controller last wrote down what it knows */
	bool controller; /* it runs */
	struct truth truth[OWNERS + 1];
	struct statistics count;
	uint32_t run_moves;
	const char *violation; /* the promise that did not hold */
};

/* --- sim_world.c --- */
uint32_t draw(struct world *w, uint32_t n); /* below n */
uint64_t draw64(void *w);
void world_begin(struct world *w, uint64_t seed);
void world_end(struct world *w);
void schedule(struct world *w, uint64_t in, struct event e);
bool next_event(struct world *w, struct event *e);
uint64_t local(const struct world *w, uint16_t node); /* its clock */
void trace(const struct world *w, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
state_id state_after(state_id before);
bool state_includes(state_id state, state_id earlier);
uint32_t state_depth(state_id state);
void send_bytes(struct world *w, uint16_t from, uint16_t to, const uint8_t *at,
		size_t size);
void send_packet(struct world *w, uint16_t to, enum event_kind kind,
		 const struct packet *p);
uint32_t recorded_some(struct world *w);
struct bytes *recorded(uint32_t which); /* a copy of a former message, NULL:
					 * there is none */

/* --- sim_host.c --- */
void host_begin(struct world *w, uint16_t id);
void host_announce(struct world *w, uint16_t id); /* to a new agent */
void host_memory_lost(struct world *w, uint16_t id);
void host_tick(struct world *w, uint16_t id);
void host_record(struct world *w, uint16_t id, const struct own_record *r);
void host_packet(struct world *w, uint16_t id, enum event_kind kind,
		 const struct packet *p);

/* --- sim_switch.c --- */
void switch_begin(struct world *w);
void switch_start(struct world *w); /* the controller, again */
void switch_tick(struct world *w);
void switch_detect(struct world *w);
void switch_record(struct world *w, uint16_t host, const struct own_record *r);
void switch_reply(struct world *w, const struct packet *p);
void switch_client(struct world *w, uint16_t owner);
/* Carry out w->result. */
void switch_carry_out(struct world *w);
/* Call before the cluster decides, so that a move can be judged. */
void switch_look(struct world *w);

/* --- sim_node.c --- */
void nodes_begin(void); /* keys, once */
void node_begin(struct world *w, uint16_t id); /* a new boot */
void node_receive(struct world *w, uint16_t id, struct bytes *b);

/* --- sim_faults.c --- */
void fault_random(struct world *w);
void fault_repair(struct world *w, const struct repair *r);
void fault_heal(struct world *w);

/* --- sim_check.c --- */
void violated(struct world *w, const char *promise, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void check_spoken(struct world *w, uint16_t owner, const struct packet *p);
void check_told(struct world *w, uint16_t owner, const struct packet *p);
void check_move(struct world *w, const struct move *m,
		const struct own_grant *before);
void check_end(struct world *w);

#endif
