/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Keeps one prober alive (prober_process.h): takes over the one that a former
 * batond left, or makes one; notices when it ends or hangs, raises an alarm
 * and makes another. While none can be had batond probes by itself, in its
 * main loop: slower, but not blind.
 */
#ifndef BATOND_SUPERVISOR_H
#define BATOND_SUPERVISOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "prober.h"

struct batond;

struct supervisor {
	pid_t pid; /* of the prober; 0: none */
	int process; /* pidfd of it; -1: none */
	bool kept; /* the shared memory is that of a former batond */
	bool adopted; /* and so is the process */
	uint64_t since; /* ns: it is ours since */
	uint32_t losses; /* in a row, each soon after its start */
	uint64_t retry; /* ns: when to make the next one */
	struct probing stand_in; /* batond's own, while there is none */
	bool standing_in;
	uint32_t hung; /* looks in a row that found it so */
	uv_poll_t noted;
	uv_timer_t look;
};

#define SUPERVISOR_WHY 256

/*
 * Before the configuration is applied: map the shared members of *b, from the
 * prober that is there or anew. One that works with other maps, another key or
 * another version of batond is ended; what it knew stays if the layout is the
 * same. 0, or a negative errno with `why`.
 */
int supervisor_open(struct batond *b, uint16_t port, const uint8_t key[16],
		    uint64_t grace_ns, char why[SUPERVISOR_WHY]);

/* Once it is applied: make the prober, unless one was taken over. */
int supervisor_start(struct batond *b, char why[SUPERVISOR_WHY]);

/* From now on its end is noticed, and what it notes is told. */
int supervisor_watch(struct batond *b);

/* The prober is to look at once at what has changed, not when its next probe is
 * due: that somebody calls is enough for it to wake up. */
void supervisor_wake(const struct batond *b);

/* End the prober of these maps, if there is one. 0 or a negative errno. */
int supervisor_end_prober(const char *bpffs);

#endif
