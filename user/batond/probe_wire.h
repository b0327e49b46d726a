/* SPDX-License-Identifier: GPL-2.0-only */
/* Probes as bytes: made, and judged when they come back (baton/probe.h). */
#ifndef BATOND_PROBE_WIRE_H
#define BATOND_PROBE_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "baton/probe.h"

struct probe_secret {
	uint8_t key[16];
	uint64_t session; /* random, of this run of the prober */
};

/* What an answer says, once it is known to be one. */
struct probe_answer {
	uint16_t host;
	uint64_t sequence;
	uint8_t word; /* enum baton_host_word */
};

enum probe_verdict {
	PROBE_GOOD,
	PROBE_ALIEN, /* no answer to a probe at all: too short, no magic */
	PROBE_FORGED, /* claims to be one, but nobody with the key made it */
	PROBE_STALE, /* authentic, but of another session: says nothing now */
};

/* A probe of `host`, sent at `now` (ns). */
void probe_make(struct baton_probe *probe, const struct probe_secret *secret,
		uint16_t host, uint64_t sequence, uint64_t now);

/* `answer` is filled unless ALIEN; believe it only when GOOD. */
enum probe_verdict probe_judge(struct probe_answer *answer,
			       const struct probe_secret *secret,
			       const void *data, size_t len);

#endif
