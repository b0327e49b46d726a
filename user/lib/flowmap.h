/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The flow table as user space sees it: mapped memory that the XDP programs
 * read and write at the same time, by the rules of baton/flowtable.h. No call
 * here takes a lock or, but for opening and flowmap_now, makes a system call.
 */
#ifndef LIB_FLOWMAP_H
#define LIB_FLOWMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "baton/abi.h"
#include "baton/flow.h"
#include "lib/addr.h"
#include "lib/pinned.h"

enum flowmap_family { FLOWMAP_4, FLOWMAP_6, FLOWMAP_FAMILIES };

/* The buckets of one family. Tests point `words` at memory of their own. */
struct flowmap_table {
	__u64 *words;
	__u32 buckets;
	int n; /* key words of a slot: 1 or 3 */
};

struct flowmap {
	struct baton_meta meta;
	struct flowmap_table table[FLOWMAP_FAMILIES];
	int clock; /* the pinned program `clock`, -1: none */
};

/* What a connection is known by; `port` in host byte order. */
struct flowmap_key {
	struct addr client;
	uint16_t port;
	uint16_t service;
};

/* A slot as it was when it was read. */
struct flowmap_slot {
	__u64 *words; /* in the table */
	int n;
	__u64 key[3];
	struct baton_flow flow; /* all zero: being recorded, or abandoned */
};

/*
 * Map the tables pinned under `dir`. 0, or a negative errno with a message.
 * Opened for reading only, the functions that change flows must not be called.
 */
int flowmap_open(struct flowmap *m, const char *dir, bool writable,
		 char error[PINNED_ERROR]);
void flowmap_close(struct flowmap *m);

/* The table that holds connections of clients with such addresses. */
const struct flowmap_table *flowmap_table(const struct flowmap *m,
					  const struct addr *client);

/* Key words as in the table; their number, 1 or 3. */
int flowmap_encode(const struct flowmap_key *key, __u64 words[3]);
void flowmap_decode(const struct flowmap_slot *slot, struct flowmap_key *key);

/* Service id of a slot, cheaper than decoding all of it. */
uint16_t flowmap_service(const struct flowmap_slot *slot);

/*
 * Visit the slots in use of `count` buckets from `first` on (the table's end
 * ends it earlier). A slot whose key was just changing is left out. When the
 * visitor returns non-zero the walk ends and returns that, else 0.
 */
typedef int flowmap_visit(const struct flowmap_slot *slot, void *arg);
int flowmap_walk(const struct flowmap_table *t, __u32 first, __u32 count,
		 flowmap_visit *visit, void *arg);

/* Look a connection up in its two buckets. */
bool flowmap_find(const struct flowmap *m, const struct flowmap_key *key,
		  struct flowmap_slot *slot);

/*
 * Record a connection as the data plane would: in a free slot of its buckets,
 * else in that of a flow that gives way to others. 0, -EEXIST (it is there
 * already), -ENOSPC (nobody gives way).
 */
int flowmap_insert(const struct flowmap *m, const struct flowmap_key *key,
		   const struct baton_flow *flow, uint16_t now);

/* Change or free a slot. False if its flow changed since it was read. */
bool flowmap_update(const struct flowmap_slot *slot,
		    const struct baton_flow *flow);
bool flowmap_free(const struct flowmap_slot *slot);

/*
 * The present stamp, from the kernel's clock: 0, or a negative errno when the
 * program that tells it is not pinned.
 */
int flowmap_now(const struct flowmap *m, uint16_t *now);

/* Stamps since `seen`; 0 if another CPU has already stamped a later one. */
uint16_t flowmap_age(uint16_t now, uint16_t seen);

/* Stamps as seconds. */
double flowmap_seconds(const struct baton_meta *meta, uint32_t stamps);

/* Where on its service's ring a connection that is not recorded goes. */
__u32 flowmap_ring_index(const struct baton_meta *meta,
			 const struct flowmap_key *key, bool client_hash);

#endif
