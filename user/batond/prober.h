/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The thread that probes hosts and tells whether they live (row K6). It runs
 * with real-time priority, sleeps between probes, and touches no file and no
 * heap, so that nothing but a pause of the whole machine can delay it.
 *
 * What it finds it hands to `change`, in its own thread and with the lock
 * held: whoever acts on a failure acts at once.
 */
#ifndef BATOND_PROBER_H
#define BATOND_PROBER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "baton/abi.h"
#include "detect.h"
#include "lib/addr.h"
#include "probe_wire.h"

struct prober_target {
	bool active;
	struct addr address;
	struct detect detect;
	uint8_t word; /* enum baton_host_word: what the agent says */
	uint64_t forged; /* answers whose authenticator was wrong */
	uint64_t unsent; /* probes that the kernel would not send */
};

enum prober_change { PROBER_UP, PROBER_DOWN, PROBER_WORD };

typedef void (*prober_change_fn)(void *arg, uint16_t host,
				 enum prober_change what, uint64_t now);
/* Called now and then, at least every 100 ms, with the lock held. */
typedef void (*prober_tick_fn)(void *arg, uint64_t now);

struct prober {
	pthread_t thread;
	bool running;
	bool stop;
	pthread_mutex_t lock; /* inherits priority; guards what follows */
	struct prober_target target[BATON_MAX_HOSTS]; /* by host id */
	uint16_t top; /* highest id that was ever active */
	uint64_t forged; /* answers that were not even of a known host */

	int socket[2]; /* IPv4, IPv6 */
	int wake;
	uint16_t port;
	struct probe_secret secret;
	uint64_t grace_until; /* hosts never heard of are not down before */
	prober_change_fn change;
	prober_tick_fn tick;
	void *arg;
	bool realtime;
};

/* 0, or a negative errno. The thread does not run yet. */
int prober_init(struct prober *p, uint16_t port, const uint8_t key[16],
		uint64_t grace_ns);
int prober_start(struct prober *p);
void prober_stop(struct prober *p);

void prober_lock(struct prober *p);
void prober_unlock(struct prober *p);

/* With the lock held. Setting the same target again changes nothing. */
void prober_set(struct prober *p, uint16_t host, const struct addr *address,
		const struct detect_profile *profile);
void prober_clear(struct prober *p, uint16_t host);

#endif
