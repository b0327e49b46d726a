/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Live frames from the client through the switch to sinks at the hosts (see
 * xdpbench.h). What is counted is what arrived.
 */
#ifndef BENCH_CHAIN_H
#define BENCH_CHAIN_H

#include <stdbool.h>

#include "fill.h"
#include "xdpbench.h"

/* Its sinks; the records are mapped. */
struct chain {
	struct sink_record *record;
	struct bpf_object *sink[SINKS];
	int sinks; /* the map of records */
	struct generator source;
	struct bpf_object *bare;
	int ifindex; /* client's interface */
};

struct chain_end {
	const char *netns, *interface;
};

/*
 * Sinks at hosts, a source of `flows` connections of "bench4" in the client's
 * namespace; with `check`, frames are stamped and looked at. The calling
 * thread is left in the client's namespace.
 */
int chain_open(struct chain *c, const struct bench_options *o,
	       const struct bench_switch *s, const char *client,
	       const struct chain_end ends[SINKS], uint32_t flows, bool check);
void chain_close(struct chain *c);

/* Forget what was counted. Nothing may be under way. */
int chain_reset(struct chain *c);

/*
 * Try to send `repeat` frames, never more than WINDOW ahead of the sinks. To
 * be called in the client's namespace.
 */
int chain_send(const struct chain *c, uint32_t repeat);

/* What has arrived. */
uint64_t chain_arrived(const struct chain *c);

/*
 * Wait until all that was sent has arrived, or nothing more comes for long.
 * How many frames are lost, or a negative errno.
 */
int64_t chain_settle(const struct chain *c, uint64_t *sent);

#endif
