/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What switch and host tell each other of the host's life (row K6): datagrams
 * of one size, by UDP, to and from the host's probe port.
 *
 *  ASK     switch -> host. Sequences only grow within a session.
 *  ANSWER  the same datagram, sent back by the host's XDP program with
 *          addresses and ports swapped, type changed, the host's own fields
 *          filled in, and a fresh authenticator.
 *  WORD    host -> switch, unasked: the agent has something to say at once.
 *          Session and sequence are those of the newest ASK that the host
 *          accepted, which shows that the WORD is not older than that; `sent`
 *          is the host's clock, and orders the WORDs of a session. It goes
 *          where that ASK came from. Lost ones are not sent again: the next
 *          ANSWER says the same.
 *
 * The UDP checksum of an answer is zero: the authenticator covers the payload.
 * All fields are in network byte order; clocks are CLOCK_BOOTTIME in ns, each
 * meaningful only to the machine that it belongs to.
 */
#ifndef BATON_PROBE_H
#define BATON_PROBE_H

#include <linux/types.h>

#define BATON_PROBE_PORT 7790
#define BATON_PROBE_MAGIC 0x62703032 /* "bp02" */

#define BATON_PROBE_APPS 8

enum baton_probe_type {
	BATON_PROBE_ASK = 1,
	BATON_PROBE_ANSWER = 2,
	BATON_PROBE_WORD = 3,
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

/* How an application of the host is. One that is not listed is not watched. */
#define BATON_APP_STATES(X)                                                    \
	X(NONE, "none") /* the record is not used */                           \
	X(UP, "up")                                                            \
	X(FAILED, "failed") /* its last sign of life is older than allowed */  \
	X(PARTIAL,                                                             \
	  "partial") /* it works, but lacks state that it would need  \
			       * to go on with what others play */        \
	X(ALONE,                                                               \
	  "alone") /* it has had all, and is not kept up to date; or    \
			   * nobody else has all that it plays */

enum baton_app_state {
#define X(name, label) BATON_APP_##name,
	BATON_APP_STATES(X)
#undef X
		BATON_NR_APP_STATES,
};

#define BATON_APP_NAME_LEN 32 /* with the final NUL */

struct baton_probe_app {
	__be32 tag; /* baton_tag() of its name */
	__be16 age; /* ms since its last sign of life; 65535: or more */
	__u8 state; /* enum baton_app_state */
	__u8 pad; /* 0 */
};

/* Its size is a multiple of 8, for the hash. */
struct baton_probe {
	__be32 magic;
	__u8 type; /* enum baton_probe_type */
	__u8 word; /* enum baton_host_word, in ANSWER and WORD */
	__be16 host; /* host id, as the switch numbers it */
	__be64 session; /* random, fresh each time the prober starts */
	__be64 sequence; /* grows by one with each probe of a session */
	__be64 sent; /* the asker's clock, echoed in the ANSWER */
	/*
	 * ANSWER: the host's clock when it answered. ASK: the highest `stamp`
	 * that the switch has had from this host in this session, 0: none. The
	 * host may speak for its VIPs until `lease` after that: whatever time
	 * an ASK spent on its way, a lease never starts later than the answer
	 * that earned it.
	 */
	__be64 stamp;
	__be32 lease; /* ASK: us; 0: no lease is in force */
	/*
	 * ASK: whether the host plays this owner, in which epoch. Of all that
	 * concern the host the news comes first, then each in turn; the ANSWER
	 * echoes it, which tells the switch that the host knows.
	 */
	__be32 owner; /* baton_tag() of its name; 0: there is none */
	__be32 epoch;
	__u8 plays; /* 1: this host; 0: not this one, any more */
	__u8 pad[3]; /* 0 */
	struct baton_probe_app app[BATON_PROBE_APPS]; /* ANSWER and WORD */
	__be64 mac; /* SipHash-2-4 (Aumasson, Bernstein 2012) of the above */
};

#define BATON_PROBE_COVERED (sizeof(struct baton_probe) - sizeof(__be64))

/* FNV-1a of the name; host byte order. Never 0. */
static inline __u32 baton_tag(const char *name)
{
	__u32 h = 2166136261u;

	for (; *name; name++)
		h = (h ^ (__u8)*name) * 16777619u;
	return h ? h : 1;
}

#endif
