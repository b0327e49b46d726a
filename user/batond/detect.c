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

/* Least interval of a burst. */
#define BURST_INTERVAL 1000000ULL

/* Bursts are that many times `multiplier` intervals apart, from one's start to
 * the next one's: twice `multiplier` probes among eight times as many. */
#define BURSTS_APART 8

/* A probe of a burst has this many round trips for its answer. */
#define BURST_ROUND_TRIPS 4

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

/* --- bursts ----------------------------------------------------------------- */

static uint64_t burst_interval(const struct detect *d)
{
	return later(d->profile.interval / 8, BURST_INTERVAL);
}

static uint32_t burst_probes(const struct detect *d)
{
	return 2 * d->profile.multiplier;
}

/* Of the present one, how many are sent. */
static uint64_t burst_sent(const struct detect *d)
{
	return d->sequence + 1 - d->burst;
}

/* Between the last probe and the next. */
static uint64_t pace(const struct detect *d)
{
	return d->burst && burst_sent(d) < burst_probes(d)
		       ? burst_interval(d)
		       : d->profile.interval;
}

/* When the host will be down by the burst. */
static uint64_t burst_verdict(const struct detect *d)
{
	uint64_t interval = burst_interval(d), last;

	if (!d->burst || burst_sent(d) < burst_probes(d))
		return NEVER;
	last = d->sent[(d->burst + burst_probes(d) - 1) % DETECT_WINDOW];
	return later(d->last_answer + burst_probes(d) * interval,
		     last + later(interval / 2,
				  BURST_ROUND_TRIPS * d->rtt_smooth));
}

bool detect_burst(struct detect *d, uint64_t now)
{
	const struct detect_profile *p = &d->profile;

	if (d->state != DETECT_UP || d->burst || now < d->next_burst ||
	    now >= d->next_probe + burst_interval(d) || /* late already */
	    burst_probes(d) * burst_interval(d) >= p->multiplier * p->interval)
		return false;
	d->burst = d->sequence + 1;
	d->bursts++;
	d->next_burst = now + BURSTS_APART * p->multiplier * p->interval;
	d->next_probe = earlier(d->next_probe, now);
	return true;
}

/* --- the session ------------------------------------------------------------ */

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
	return earlier(d->next_probe, earlier(verdict(d), burst_verdict(d)));
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
	if (now >= d->next_probe + burst_interval(d))
		d->burst = 0;
	d->next_probe += pace(d);
	if (d->next_probe <= now)
		d->next_probe = now + pace(d);
}

void detect_sent(struct detect *d, uint64_t sequence, uint64_t now)
{
	d->sequence = sequence;
	next_turn(d, now);
	d->sent[sequence % DETECT_WINDOW] = now;
	d->unanswered++;
	d->since_stall++;
	d->probes++;
}

void detect_not_sent(struct detect *d, uint64_t now)
{
	d->burst = 0;
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
	if (d->burst && sequence >= d->burst) {
		d->burst = 0;
		d->next_probe = now + d->profile.interval;
	}
	if (sequence < d->answered) {
		d->late++;
		return DETECT_SAME;
	}
	d->in_a_row = sequence == d->answered + 1 ? d->in_a_row + 1 : 1;
	d->answered = sequence;
	if (d->state == DETECT_UP || d->in_a_row < d->profile.up_after)
		return DETECT_SAME;
	d->state = DETECT_UP;
	d->rule = DETECT_BY_NONE;
	return DETECT_WENT_UP;
}

static enum detect_rule judge(struct detect *d, uint64_t now)
{
	uint64_t burst = burst_verdict(d);

	if (now >= burst && now < burst + burst_interval(d))
		return DETECT_BY_BURST;
	if (now >= burst) /* too late: answers may wait to be read */
		d->burst = 0;
	if (now < verdict(d))
		return DETECT_BY_NONE;
	if (out_of_patience(d))
		return DETECT_BY_LATE;
	return stalled(d, now) ? DETECT_BY_NONE : DETECT_BY_UNANSWERED;
}

enum detect_change detect_check(struct detect *d, uint64_t now)
{
	enum detect_rule rule = judge(d, now);

	if (rule == DETECT_BY_NONE)
		return DETECT_SAME;
	d->state = DETECT_DOWN;
	d->rule = rule;
	d->burst = 0;
	d->in_a_row = 0;
	return DETECT_WENT_DOWN;
}

bool detect_is_silent(const struct detect *d, uint64_t now)
{
	uint32_t most = d->profile.multiplier > 1 ? d->profile.multiplier - 1
						  : 1;

	return d->state == DETECT_UP && d->unanswered >= most &&
	       now >= d->last_answer + most * d->profile.interval;
}

uint32_t detect_lease_us(const struct detect_profile *p)
{
	uint64_t us = p->interval * p->multiplier / 1000 * 9 / 10;

	return us < UINT32_MAX ? us : UINT32_MAX;
}

uint64_t detect_lost(const struct detect *d)
{
	uint64_t known = d->answers + d->unanswered;

	return d->probes > known ? d->probes - known : 0;
}
