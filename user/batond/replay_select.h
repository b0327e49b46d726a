/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which of the recorded packets the new host of an owner is to have (row K3):
 * pure, from records to a list.
 *
 * Of a client's segments, those that take up sequence space (data, SYN, FIN)
 * and that the host did not acknowledge, as far as its segments in the rings
 * tell; and a RST. Not those that went to the new host anyway, nor those of a
 * connection that the host reset or that another with the same addresses and
 * ports followed. Of what was sent several times, the last.
 *
 * Where no acknowledgement is recorded, because it took another way (direct
 * server return) or was written over, only what is younger than REPLAY_BLIND
 * counts: most of what is older did arrive. TCP takes what it has had without
 * harm.
 *
 * Pure acknowledgements are left out: the new host learns from the client what
 * it has, and one for a connection that was idle would only make a host that
 * does not know it answer with a RST.
 */
#ifndef BATOND_REPLAY_SELECT_H
#define BATOND_REPLAY_SELECT_H

#include <stdbool.h>

#include "lib/recorder.h"

#define REPLAY_BLIND 1000000000ULL /* ns */

/* X(name, text): of an owner's replay */
#define REPLAY_COUNTS(X)                                                       \
	X(connections, "connections that packets were sent of")                \
	X(packets, "packets sent")                                             \
	X(incomplete, "connections of which some are missing")                 \
	X(too_large, "packets not sent, as only their beginning was kept")     \
	X(overwritten, "packets written over before they could be sent")       \
	X(refused, "packets that the switch would not forward now, or not "    \
		   "send")

struct replay_counts {
#define X(name, text) uint32_t name;
	REPLAY_COUNTS(X)
#undef X
};

/* Room to work in; `n` of each. */
struct replay_work {
	struct recorded *found;
	struct replay_pick *picks;
	struct replay_connection *connections; /* twice as many, or more */
	size_t n;
};

/* One to send. */
struct replay_pick {
	uint32_t found; /* index of the record */
	uint32_t connection;
	uint32_t at, end; /* in the connection, from some place before all */
};

/* 0 or -ENOMEM */
int replay_work_make(struct replay_work *w, size_t n);
void replay_work_free(struct replay_work *w);

/*
 * `to`: by owner id, the id of its new host, 0 for those that did not move;
 * what went to that host is left out, unless it is to be sent `again`.
 * `now`: CLOCK_MONOTONIC_COARSE, ns. `counts`: by owner id; the connections,
 * incomplete and too_large of those that moved are added to. The picks, in
 * w->picks in the order in which to send them; how many there are.
 */
size_t replay_select(struct replay_work *w, size_t nr_found, const uint16_t *to,
		     bool again, uint64_t now, struct replay_counts *counts);

#endif
