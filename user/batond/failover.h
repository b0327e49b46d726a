/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Carrying out what the cluster decides: the store that moves an owner, and
 * telling of it. The stores are made at once, in whichever thread decided;
 * what can wait (events, records for people) is done by the main thread.
 */
#ifndef BATOND_FAILOVER_H
#define BATOND_FAILOVER_H

#include <jansson.h>

#include "batond.h"

/* For the prober, with its lock held. */
void failover_change(void *b, uint16_t host, enum prober_change what,
		     uint64_t now);
void failover_tick(void *b, uint64_t now);
void failover_news(void *b, struct probe_ask *ask);
void failover_echo(void *b, const struct probe_answer *a);

/* All of these are to be called by it. */
void failover_probing(struct probing *g, struct batond *b);

/* Main thread: tell what is noted. */
void failover_tell(struct batond *b);

/*
 * By hand. The new array of the moves, or NULL with `why` filled: what is
 * wrong and what to do. `to` NULL: as planned.
 */
json_t *failover_owner(struct batond *b, const char *owner, const char *to,
		       bool force, char why[256]);
json_t *failback_owner(struct batond *b, const char *owner, bool force,
		       char why[256]);

/* What its host did not acknowledge is sent to it again. */
json_t *failover_replay(struct batond *b, const char *owner, char why[256]);

/* With the lock held: make the moves of a result, and note them. */
void failover_carry_out(struct batond *b, const struct cluster_result *r);

/* With the lock held: owners whose state was lost move, or begin anew. True if there
 * were any. */
bool failover_of_lost(struct batond *b, uint64_t now);

/* The word of an owner as the cluster and the configuration have it. */
union baton_owner owner_word(const struct batond *b, uint16_t id);

/* With the lock held: records that show who would take over. */
void failover_show_plan(struct batond *b);

#endif
