/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Liveness probes between switch and host (row K6). The switch sends a probe
 * by UDP to the host's probe port; the host's XDP program sends the same
 * datagram back with addresses and ports swapped, type changed, its own words
 * filled in, and a fresh authenticator. The UDP checksum of an answer is zero:
 * the authenticator covers the payload.
 *
 * All fields are in network byte order.
 */
#ifndef BATON_PROBE_H
#define BATON_PROBE_H

#include <linux/types.h>

#define BATON_PROBE_PORT 7790
#define BATON_PROBE_MAGIC 0x62703031 /* "bp01" */

enum baton_probe_type {
	BATON_PROBE_ASK = 1,
	BATON_PROBE_ANSWER = 2,
};

/* What the host's agent says of the host; also its word in an answer. */
#define BATON_HOST_WORDS(X)                                                    \
	X(UP, "up")                                                            \
	X(DRAINING, "draining") /* wants no new connections */                 \
	X(LEAVING, "leaving") /* wants its owners moved now */

enum baton_host_word {
#define X(name, label) BATON_WORD_##name,
	BATON_HOST_WORDS(X)
#undef X
		BATON_NR_HOST_WORDS,
};

struct baton_probe {
	__be32 magic;
	__u8 type; /* enum baton_probe_type */
	__u8 word; /* enum baton_host_word, in answers */
	__be16 host; /* host id, as the switch numbers it */
	__be64 session; /* random, fresh each time the prober starts */
	__be64 sequence; /* grows by one with each probe of a session */
	__be64 sent; /* the switch's clock, ns; echoed */
	__be64 mac; /* SipHash-2-4 (Aumasson, Bernstein 2012) of the above */
};

#define BATON_PROBE_COVERED (sizeof(struct baton_probe) - sizeof(__be64))

#endif
