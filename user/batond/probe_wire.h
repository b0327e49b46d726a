/* SPDX-License-Identifier: GPL-2.0-only */
/* Probes as bytes: made, and judged when they come back (baton/probe.h). */
#ifndef BATOND_PROBE_WIRE_H
#define BATOND_PROBE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "baton/probe.h"

struct probe_secret {
	uint8_t key[16];
	uint64_t session; /* random, of this run of the prober */
};

/* What a probe asks, and tells. */
struct probe_ask {
	uint16_t host;
	uint64_t sequence;
	uint64_t now; /* ns */
	uint64_t stamp; /* the host's own clock, as last heard; 0: never */
	uint32_t lease; /* us; 0: none */
	uint32_t owner; /* tag; 0: none */
	uint32_t epoch;
	bool plays;
};

struct probe_app {
	uint32_t tag;
	uint16_t age; /* ms */
	uint8_t state; /* enum baton_app_state */
};

/* What an answer, or a word, says, once it is known to be one. */
struct probe_answer {
	uint8_t type; /* BATON_PROBE_ANSWER or BATON_PROBE_WORD */
	uint16_t host;
	uint64_t sequence;
	uint8_t word; /* enum baton_host_word */
	uint64_t clock; /* the host's, when it said this */
	uint32_t owner, epoch; /* echoed */
	bool plays;
	struct probe_app app[BATON_PROBE_APPS];
};

enum probe_verdict {
	PROBE_GOOD,
	PROBE_ALIEN, /* no answer to a probe at all: too short, no magic */
	PROBE_FORGED, /* claims to be one, but nobody with the key made it */
	PROBE_STALE, /* authentic, but of another session: says nothing now */
};

void probe_make(struct baton_probe *probe, const struct probe_secret *secret,
		const struct probe_ask *ask);

/* `answer` is filled unless ALIEN; believe it only when GOOD. */
enum probe_verdict probe_judge(struct probe_answer *answer,
			       const struct probe_secret *secret,
			       const void *data, size_t len);

#endif
