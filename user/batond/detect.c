// SPDX-License-Identifier: GPL-2.0-only
#include "detect.h"

/* In `sent`: that probe has been answered. No clock shows this time. */
#define ANSWERED UINT64_MAX

/* A check that is due at no time. */
#define NEVER UINT64_MAX

/*
 * How many times `multiplier` probes must go unanswered to condemn a host in
 * spite of stalls: a prober that is always late must not be blind for good.
 */
#define PATIENCE 4

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Was the prober kept from running? Times before next_probe are no stall. */
static bool stalled(const struct detect *d, uint64_t now)
{
	return now >= d->next_probe + d->profile.interval;
}

static bool out_of_patience(const struct detect *d)
{
	return d->unanswered >= PATIENCE * d->profile.multiplier;
}

/* Did enough probes go unanswered? *extra is by how many more than that. */
static bool enough(const struct detect *d, uint32_t *extra)
{
	uint32_t need = d->profile.multiplier;
	uint32_t have = d->since_stall;

	if (out_of_patience(d)) {
		need *= PATIENCE;
		have = d->unanswered;
	}
	*extra = have > need ? have - need : 0;
	return have >= need;
}

/* When the host will be down if nothing is heard until then. */
static uint64_t verdict(const struct detect *d)
{
	const struct detect_profile *p = &d->profile;
	uint32_t extra;
	uint64_t probe;

	if (d->state == DETECT_DOWN || !enough(d, &extra))
		return NEVER;
	/*
	 * The last of the probes that count, not the last of all: a prober
	 * that is always late would move that ahead of itself forever.
	 */
	probe = d->sequence - earlier(extra, DETECT_WINDOW - 1);
	return later(d->last_answer + p->multiplier * p->interval,
		     d->sent[probe % DETECT_WINDOW] + p->interval / 2);
}

void detect_init(struct detect *d, const struct detect_profile *p, uint64_t now)
{
	*d = (struct detect){
		.profile = *p,
		.state = DETECT_UNKNOWN,
		.next_probe = now,
		.last_answer = now,
	};
}

void detect_restart(struct detect *d, const struct detect_profile *p,
		    uint64_t now)
{
	uint64_t sequence = d->sequence;

	detect_init(d, p, now);
	d->sequence = sequence;
	d->answered = sequence;
	for (int i = 0; i < DETECT_WINDOW; i++)
		d->sent[i] = ANSWERED;
}

uint64_t detect_deadline(const struct detect *d)
{
	return earlier(d->next_probe, verdict(d));
}

uint64_t detect_due(const struct detect *d, uint64_t now)
{
	return now >= d->next_probe ? d->sequence + 1 : 0;
}

/* Keep the pace, but do not catch up on probes that were missed. */
static void next_turn(struct detect *d, uint64_t now)
{
	if (stalled(d, now))
		d->since_stall = 0;
	d->next_probe += d->profile.interval;
	if (d->next_probe <= now)
		d->next_probe = now + d->profile.interval;
}

void detect_sent(struct detect *d, uint64_t sequence, uint64_t now)
{
	next_turn(d, now);
	d->sequence = sequence;
	d->sent[sequence % DETECT_WINDOW] = now;
	d->unanswered++;
	d->since_stall++;
	d->probes++;
}

void detect_not_sent(struct detect *d, uint64_t now)
{
	next_turn(d, now);
}

static void note_rtt(struct detect *d, uint64_t sent, uint64_t now)
{
	uint64_t rtt = now > sent ? now - sent : 0;

	if (!d->answers || rtt < d->rtt_min)
		d->rtt_min = rtt;
	d->rtt_max = later(d->rtt_max, rtt);
	d->rtt_smooth = d->answers ? d->rtt_smooth - d->rtt_smooth / 8 + rtt / 8
				   : rtt;
	d->rtt_last = rtt;
}

/* Was this sequence sent, remembered, and not answered yet? */
static bool is_open(const struct detect *d, uint64_t sequence)
{
	return sequence && sequence <= d->sequence &&
	       d->sequence - sequence < DETECT_WINDOW &&
	       d->sent[sequence % DETECT_WINDOW] != ANSWERED;
}

enum detect_change detect_answer(struct detect *d, uint64_t sequence,
				 uint64_t now)
{
	uint64_t *sent = &d->sent[sequence % DETECT_WINDOW];

	if (!is_open(d, sequence)) {
		d->bogus++;
		return DETECT_SAME;
	}
	note_rtt(d, *sent, now);
	*sent = ANSWERED;
	d->answers++;
	/* The clock may have been read before the last answer's. */
	d->last_answer = later(d->last_answer, now);
	d->unanswered = 0;
	d->since_stall = 0;
	if (sequence < d->answered) {
		d->late++;
		return DETECT_SAME;
	}
	d->in_a_row = sequence == d->answered + 1 ? d->in_a_row + 1 : 1;
	d->answered = sequence;
	if (d->state == DETECT_UP || d->in_a_row < d->profile.up_after)
		return DETECT_SAME;
	d->state = DETECT_UP;
	return DETECT_WENT_UP;
}

enum detect_change detect_check(struct detect *d, uint64_t now)
{
	if (now < verdict(d) || (stalled(d, now) && !out_of_patience(d)))
		return DETECT_SAME;
	d->state = DETECT_DOWN;
	d->in_a_row = 0;
	return DETECT_WENT_DOWN;
}

uint32_t detect_lease_us(const struct detect_profile *p)
{
	uint64_t us = p->interval * p->multiplier / 1000 * 9 / 10;

	return us < UINT32_MAX ? us : UINT32_MAX;
}
