/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Is a host alive? A state machine without sockets or clocks (row K6).
 *
 * The rule: a host is down only if `multiplier` probes that were really sent
 * went unanswered, and its last answer is older than `multiplier` intervals,
 * and half an interval has passed since the last of those probes. A prober
 * that was not given the CPU sent nothing, so it accuses nobody; one that was
 * kept from a probe for an interval or more starts to count anew, since the
 * answers to earlier probes may still wait to be read. But four times
 * `multiplier` probes condemn in spite of stalls: a prober that is always late
 * must not be blind.
 *
 * The start counts as an answer, so a host that never speaks goes from UNKNOWN
 * to DOWN in the same time.
 *
 * A hint from elsewhere (a link that went down, an ICMP error) proves nothing,
 * for it may be forged or concern another way; it only makes the detector ask
 * sooner. A burst is twice `multiplier` probes at an eighth of the interval.
 * The same rule holds for it: the host is down if all of them were really sent
 * and went unanswered, and its last answer is older than all of them together
 * take, and the last of them had its time. The first answer to one of them ends
 * the burst, and so does a prober that comes late, which has learnt nothing.
 *
 * Times are nanoseconds of any one monotonic clock.
 */
#ifndef BATOND_DETECT_H
#define BATOND_DETECT_H

#include <stdbool.h>
#include <stdint.h>

struct detect_profile {
	uint64_t interval; /* between probes */
	uint32_t multiplier;
	uint32_t up_after; /* answers in a row that make a host up again */
};

#define DETECT_STATES(X)                                                       \
	X(UNKNOWN, "unknown") /* nothing heard since the start */              \
	X(UP, "up")                                                            \
	X(DOWN, "down")

enum detect_state {
#define X(name, label) DETECT_##name,
	DETECT_STATES(X)
#undef X
		NR_DETECT_STATES,
};

/* What condemned a host */
#define DETECT_RULES(X)                                                        \
	X(NONE, "none") /* it is not down */                                   \
	X(UNANSWERED, "unanswered")                                            \
	X(LATE, "late") /* so many that stalls excuse them no more */          \
	X(BURST, "burst") /* those of a burst */

enum detect_rule {
#define X(name, label) DETECT_BY_##name,
	DETECT_RULES(X)
#undef X
		NR_DETECT_RULES,
};

#define DETECT_WINDOW 64 /* probes whose sending time is remembered */

struct detect {
	struct detect_profile profile;
	enum detect_state state;
	uint64_t next_probe; /* when the next probe is due */
	uint64_t sequence; /* of the last probe sent, 0: none */
	uint64_t answered; /* highest sequence answered */
	uint64_t last_answer; /* time, or of the start */
	uint32_t unanswered; /* probes really sent since last answer */
	uint32_t since_stall; /* of those, since the prober last stalled */
	uint32_t in_a_row; /* answers in a row while not up */
	uint64_t sent[DETECT_WINDOW]; /* by sequence % DETECT_WINDOW */
	uint64_t burst; /* first sequence of the present burst, 0: none */
	uint64_t next_burst; /* hints before this time are ignored */
	enum detect_rule rule; /* while DOWN */

	/* for people; late: a later probe had been answered before */
	uint64_t answers, late, bogus, probes, bursts;
	uint64_t rtt_last, rtt_min, rtt_max, rtt_smooth;
};

/* What changed; the caller acts on it. */
enum detect_change { DETECT_SAME, DETECT_WENT_UP, DETECT_WENT_DOWN };

void detect_init(struct detect *d, const struct detect_profile *p,
		 uint64_t now);

/* The same for a session that goes on: sequences do, too, so that no answer to
 * a probe of before is taken for one of now. */
void detect_restart(struct detect *d, const struct detect_profile *p,
		    uint64_t now);

/* When something must be done next: send a probe, or check. */
uint64_t detect_deadline(const struct detect *d);

/* Is a probe due? The sequence to send, or 0. */
uint64_t detect_due(const struct detect *d, uint64_t now);

/* The probe `sequence` left at `now`; or could not be sent (it then never
 * counts as unanswered, but the next one keeps its pace). */
void detect_sent(struct detect *d, uint64_t sequence, uint64_t now);
void detect_not_sent(struct detect *d, uint64_t now);

/*
 * A hint that the host may be gone: ask it quickly. A burst that would tell no
 * sooner than the profile is not made, nor one for a host that is not up.
 * However many hints come, bursts add at most a quarter to the probes. True if
 * one begins: the next probe is due at once.
 *
 * Not for a host that has a lease: it is condemned before that has run out.
 */
bool detect_burst(struct detect *d, uint64_t now);

/* An authentic answer arrived. Bogus: never asked, answered before, or so old
 * (DETECT_WINDOW) that this cannot be told. */
enum detect_change detect_answer(struct detect *d, uint64_t sequence,
				 uint64_t now);

/*
 * Apply the rule. So that an answer that waits to be read accuses nobody: take
 * the time first, then hand in everything that has arrived, then check with
 * that time.
 */
enum detect_change detect_check(struct detect *d, uint64_t now);

/* Is it up, and only one probe's time from being declared dead? */
bool detect_is_silent(const struct detect *d, uint64_t now);

/* Probes that went unanswered, other than those whose answers may still come. */
uint64_t detect_lost(const struct detect *d);

/*
 * How long after an answer the host may speak, in us: less than the time after
 * which it can be declared dead, by a tenth, so that it is silent before
 * another one speaks whatever the two clocks make of a second.
 */
uint32_t detect_lease_us(const struct detect_profile *p);

#endif
