/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Probes hosts and tells whether they live (row K6): a loop that sleeps between
 * probes and touches no file and no heap, so that nothing but a pause of the
 * whole machine can delay it. It runs in a process of its own (prober_process.h),
 * beside batond.
 *
 * What it finds it hands to `change`, with the lock held: whoever acts on a
 * failure acts at once. Hosts that are not probed may be watched by BFD, in the
 * same loop.
 */
#ifndef BATOND_PROBER_H
#define BATOND_PROBER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "baton/abi.h"
#include "bfd_socket.h"
#include "detect.h"
#include "lib/addr.h"
#include "probe_wire.h"

struct prober_target {
	bool active;
	struct addr address;
	struct detect detect;
	uint8_t word; /* enum baton_host_word: what the agent says */
	uint32_t lease; /* us that an answer earns it; 0: none */
	uint64_t clock; /* the host's, in the newest that it said */
	uint64_t word_sequence; /* of the last word that came unasked */
	struct probe_app app[BATON_PROBE_APPS]; /* as it last said */
	uint64_t forged; /* answers whose authenticator was wrong */
	uint64_t unsent; /* probes that the kernel would not send */
};

enum prober_change {
	PROBER_UP,
	PROBER_DOWN,
	PROBER_WORD, /* target.word has changed */
	PROBER_APPS, /* the state of an application in target.app has */
	PROBER_BFD, /* a session is up, or is not up any more */
};

typedef void (*prober_change_fn)(void *arg, uint16_t host,
				 enum prober_change what, uint64_t now);
/* What the next probe of a host is to tell it: owner, epoch, plays; and what a
 * host has echoed. Both with the lock held. */
typedef void (*prober_news_fn)(void *arg, struct probe_ask *ask);
typedef void (*prober_echo_fn)(void *arg, const struct probe_answer *answer);
/* Called now and then, at least every 100 ms, with the lock held. */
typedef void (*prober_tick_fn)(void *arg, uint64_t now);

/* What batond and whoever probes for it share; without pointers. */
struct prober {
	pthread_mutex_t lock; /* inherits priority; guards what follows */
	struct prober_target target[BATON_MAX_HOSTS]; /* by host id */
	uint16_t top; /* highest id that was ever active */
	struct bfd_sessions bfd; /* with hosts that are not probed */
	uint64_t forged; /* answers that were not even of a known host */
	bool hurry; /* some host is to be probed out of turn */
	uint64_t round; /* when the last round of probes was, ns */

	uint16_t port;
	struct probe_secret secret;
	uint64_t grace_until; /* hosts never heard of are not down before */
	bool realtime;
};

/* What belongs to the process that probes. */
struct probing {
	struct prober *prober;
	int socket[2]; /* IPv4, IPv6 */
	int icmp[2]; /* likewise; -1: no such hints */
	struct bfd_socket bfd; /* open while there are sessions */
	uint64_t bfd_retry; /* if it could not be opened */
	int wake; /* written to: look what has changed, or stop */
	bool stop;
	prober_change_fn change;
	prober_news_fn news; /* NULL: there is none */
	prober_echo_fn echo;
	prober_tick_fn tick;
	void *arg;

	/* Another descriptor that the loop serves; -1: none. */
	int extra;
	void (*on_extra)(int fd);
};

/* A new session, with nobody to probe. The lock works across processes, and
 * when one of them dies with it. */
void prober_init(struct prober *p, uint16_t port, const uint8_t key[16],
		 uint64_t grace_ns);

/* Another key or port: another session, with the same hosts. */
void prober_rekey(struct prober *p, uint16_t port, const uint8_t key[16]);

/* Whoever finds that the last holder died with the lock goes on: what that one
 * wrote is whole, word by word, and planned anew. */
void prober_lock(struct prober *p);
void prober_unlock(struct prober *p);

/* With the lock held. Setting the same target again changes nothing. */
void prober_set(struct prober *p, uint16_t host, const struct addr *address,
		const struct detect_profile *profile);
void prober_clear(struct prober *p, uint16_t host);

/* The same for hosts that speak BFD. */
void prober_set_bfd(struct prober *p, uint16_t host, const struct addr *address,
		    const struct bfd_settings *settings);
void prober_clear_bfd(struct prober *p, uint16_t host);

/*
 * With the lock held: hosts that are up and owe the answers to all probes but
 * one that would condemn them. When one host dies none of the others is
 * likely to be among them; when the way to all of them is cut, most are.
 */
uint16_t prober_silent(const struct prober *p, uint64_t now);

/* With the lock held: the host may be gone, ask it quickly. Not one that has a
 * lease, which must end before the host can be declared dead. */
void prober_hint(struct prober *p, uint16_t host);

/* With the lock held: there is news for the host, probe it at once. */
void prober_hurry(struct prober *p, uint16_t host);

/* Sockets. 0, or a negative errno. The callbacks are the caller's to set. */
int probing_open(struct probing *g, struct prober *p);
void probing_close(struct probing *g);

/* Probe and judge whoever is due; when to come back, ns. */
uint64_t probing_round(struct probing *g);

/* Round after round, until probing_stop(), which any thread may call. */
void probing_run(struct probing *g);
void probing_stop(struct probing *g);

#endif
