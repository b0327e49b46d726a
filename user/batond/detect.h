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

	/* for people; late: a later probe had been answered before */
	uint64_t answers, late, bogus, probes;
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

/*
 * How long after an answer the host may speak, in us: less than the time after
 * which it can be declared dead, by a tenth, so that it is silent before
 * another one speaks whatever the two clocks make of a second.
 */
uint32_t detect_lease_us(const struct detect_profile *p);

#endif
