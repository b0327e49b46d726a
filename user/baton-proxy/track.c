// SPDX-License-Identifier: GPL-2.0-only
#include "track.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_MIN 1024
#define RANGES_MIN 4

/*
 * How far behind a timestamp must be at most to count as old. By rights it is
 * half the circle, unless 24 days have passed (RFC 7323, section 5.5); without
 * a clock, what is long behind is taken for the timestamp of an end that was
 * idle for long. Old segments live for minutes.
 */
#define PAWS_BEHIND (1 << 28)

void track_init(struct track *t)
{
	*t = (struct track){
		.scale_in = SEGMENT_NO_SCALE,
		.scale_out = SEGMENT_NO_SCALE,
		.limit = TRACK_LIMIT,
	};
}

static void free_memory(struct track *t)
{
	if (t->pool)
		t->pool->used -= t->room;
	free(t->bytes);
	free(t->ranges);
	t->bytes = NULL;
	t->ranges = NULL;
	t->start = t->room = t->room_ranges = 0;
}

void track_free(struct track *t)
{
	free_memory(t);
	t->kept = t->nr_ranges = 0;
}

size_t track_memory(const struct track *t)
{
	return t->room + t->room_ranges * sizeof(*t->ranges);
}

/* --- the stream ------------------------------------------------------------ */

static uint64_t first(const struct track *t)
{
	return t->received - t->kept;
}

/* Behind the last byte, with gaps before it or not. */
static uint64_t end(const struct track *t)
{
	return t->nr_ranges ? t->ranges[t->nr_ranges - 1].end : t->received;
}

static uint8_t *place(const struct track *t, uint64_t at)
{
	return t->bytes + t->start + (at - first(t));
}

/* Room for the stream up to a position. A quarter of it is to be free after
 * bytes have been moved, lest they are moved for each segment. */
static int make_room(struct track *t, uint64_t to)
{
	uint64_t used = end(t) - first(t), span = to - first(t);
	uint64_t room = t->room ?: ROOM_MIN;
	uint8_t *bytes;

	if (span > t->limit)
		return -ENOBUFS;
	if (t->start + span <= t->room)
		return 0;
	while (room - room / 4 < span)
		room *= 2;
	if (room == t->room) {
		memmove(t->bytes, t->bytes + t->start, used);
		t->start = 0;
		return 0;
	}
	if (t->pool && t->pool->used - t->room + room > t->pool->limit)
		return -ENOBUFS;
	bytes = malloc(room);
	if (!bytes)
		return -ENOMEM;
	if (t->pool)
		t->pool->used += room - t->room;
	if (used)
		memcpy(bytes, t->bytes + t->start, used);
	free(t->bytes);
	t->bytes = bytes;
	t->room = room;
	t->start = 0;
	return 0;
}

static int make_range(struct track *t, unsigned int at)
{
	if (t->nr_ranges == TRACK_RANGES_MAX)
		return -ENOBUFS;
	if (t->nr_ranges == t->room_ranges) {
		unsigned int n = t->room_ranges * 2 ?: RANGES_MIN;
		struct track_range *ranges =
			reallocarray(t->ranges, n, sizeof(*ranges));

		if (!ranges)
			return -ENOMEM;
		t->ranges = ranges;
		t->room_ranges = n;
	}
	memmove(t->ranges + at + 1, t->ranges + at,
		(t->nr_ranges++ - at) * sizeof(*t->ranges));
	return 0;
}

static void remove_ranges(struct track *t, unsigned int at, unsigned int n)
{
	t->nr_ranges -= n;
	if (n)
		memmove(t->ranges + at, t->ranges + at + n,
			(t->nr_ranges - at) * sizeof(*t->ranges));
}

/* Ranges that touch [from, to) become one with it. */
static int add_range(struct track *t, uint64_t from, uint64_t to)
{
	struct track_range *r = t->ranges;
	unsigned int at = 0, n;
	int err;

	while (at < t->nr_ranges && r[at].end < from)
		at++;
	for (n = 0; at + n < t->nr_ranges && r[at + n].start <= to; n++)
		;
	if (n) {
		from = r[at].start < from ? r[at].start : from;
		to = r[at + n - 1].end > to ? r[at + n - 1].end : to;
		remove_ranges(t, at + 1, n - 1);
	} else {
		err = make_range(t, at);
		if (err)
			return err;
	}
	t->ranges[at] = (struct track_range){ from, to };
	return 0;
}

int track_append(struct track *t, const uint8_t *bytes, uint32_t length)
{
	uint64_t to = t->received + length;
	unsigned int joined = 0;
	int err;

	if (!length)
		return 0;
	err = make_room(t, to);
	if (err)
		return err;
	memcpy(place(t, t->received), bytes, length);
	for (; joined < t->nr_ranges && t->ranges[joined].start <= to; joined++)
		if (t->ranges[joined].end > to)
			to = t->ranges[joined].end;
	remove_ranges(t, 0, joined);
	t->kept += to - t->received;
	t->received = to;
	return 0;
}

int track_ahead(struct track *t, uint64_t at, const uint8_t *bytes,
		uint32_t length)
{
	int err;

	if (at <= t->received) {
		uint64_t known = t->received - at;

		return known < length
			       ? track_append(t, bytes + known, length - known)
			       : 0;
	}
	if (!length)
		return 0;
	err = make_room(t, at + length);
	if (err)
		return err;
	err = add_range(t, at, at + length);
	if (!err)
		memcpy(place(t, at), bytes, length);
	return err;
}

void track_trim(struct track *t, uint64_t position)
{
	uint64_t n = position > first(t) ? position - first(t) : 0;

	n = n < t->kept ? n : t->kept;
	t->start += n;
	t->kept -= n;
	if (!t->kept && !t->nr_ranges)
		free_memory(t);
}

uint64_t track_bytes(const struct track *t, uint64_t from,
		     const uint8_t **bytes)
{
	if (from < first(t) || from >= t->received)
		return 0;
	*bytes = place(t, from);
	return t->received - from;
}

const uint8_t *track_range_bytes(const struct track *t,
				 const struct track_range *r)
{
	return place(t, r->start);
}

int track_prefix(struct track *t, const uint8_t *bytes, uint32_t length)
{
	t->prefix = length;
	return track_append(t, bytes, length);
}

/* --- the handshake --------------------------------------------------------- */

/* What the second SYN does not repeat is not agreed upon; scaling holds for
 * both directions or for none (RFC 7323, section 1.3; RFC 2018, section 2). */
static void agree(struct track *t, const struct segment *s, uint8_t *ours,
		  uint8_t *theirs)
{
	*ours = s->scale;
	if (!(s->flags & SEGMENT_ACK)) {
		t->timestamps = s->timestamps;
		t->sack = s->sack;
		return;
	}
	t->timestamps &= s->timestamps;
	t->sack &= s->sack;
	if (*ours == SEGMENT_NO_SCALE || *theirs == SEGMENT_NO_SCALE)
		*ours = *theirs = SEGMENT_NO_SCALE;
}

static enum track_verdict open_in(struct track *t, const struct segment *s)
{
	bool second = s->flags & SEGMENT_ACK;

	if (t->answered || (t->opened_in && t->seq_in == s->seq - t->prefix))
		return TRACK_NOTHING; /* said again, or by somebody else */
	if (second && (!t->opened_out || s->ack != t->seq_out + 1))
		return TRACK_NOTHING;
	if (!second)
		t->opened_out = false; /* that was an answer to another SYN */
	t->opened_in = true;
	t->answered = second;
	t->seq_in = s->seq - t->prefix;
	t->mss_in = s->mss;
	agree(t, s, &t->scale_in, &t->scale_out);
	t->window = t->window_max = s->window;
	t->window_seq = s->seq;
	t->ts_value = s->ts_value;
	return TRACK_TAKEN;
}

void track_out(struct track *t, const struct segment *s)
{
	bool second = s->flags & SEGMENT_ACK;

	if (s->flags & SEGMENT_RST) {
		t->reset = true;
		return;
	}
	if (!(s->flags & SEGMENT_SYN) || t->answered)
		return;
	/* theirs is answered, or ours comes first */
	if (second ? !t->opened_in || s->ack != t->seq_in + t->prefix + 1
		   : t->opened_in)
		return;
	t->opened_out = true;
	t->seq_out = s->seq;
	t->mss_out = s->mss;
	t->ts_echo = s->ts_value;
	agree(t, s, &t->scale_out, &t->scale_in);
}

/* --- what comes later ------------------------------------------------------ */

/* Where a segment's acknowledgement is, as seen from what we know. */
static int32_t ack_ahead(const struct track *t, const struct segment *s)
{
	return s->ack - track_next_out(t);
}

/* RFC 5961, section 5: neither of what was not sent yet, nor older than any
 * segment of this connection can be. */
static bool ack_is_right(const struct track *t, const struct segment *s,
			 uint64_t sent, bool ended)
{
	uint64_t known = t->acked + t->end_acked;
	int32_t ahead = ack_ahead(t, s);

	if (!t->answered)
		return ahead == 0;
	return ahead < 0 ? ahead >= -(int64_t)t->window_max
			 : known + ahead <= sent + ended;
}

static bool is_old_by_time(const struct track *t, const struct segment *s)
{
	int32_t behind = t->ts_value - s->ts_value;

	/* by a tick: as with Linux, whose segments may differ by that */
	return t->timestamps && s->timestamps && behind > 1 &&
	       behind < PAWS_BEHIND;
}

/* May the stream end here, as far as it is known? */
static bool end_is_right(const struct track *t, uint64_t at)
{
	return t->end_ahead ? at == t->end_at : at >= end(t);
}

/* The bytes and the FIN of a segment, at a position of the stream. */
static int take_stream(struct track *t, const struct segment *s, uint64_t at)
{
	bool fin = s->flags & SEGMENT_FIN;
	uint64_t to = at + s->length;
	int err;

	if (t->end_in || (!s->length && !fin))
		return 0;
	if ((fin && !end_is_right(t, to)) || (t->end_ahead && to > t->end_at))
		return -EBADMSG;
	err = track_ahead(t, at, s->payload, s->length);
	if (err)
		return err;
	if (fin) {
		t->end_ahead = true;
		t->end_at = to;
	}
	if (t->end_ahead && t->received == t->end_at) {
		t->end_in = true;
		t->end_ahead = false;
	}
	return 0;
}

static void take_ack(struct track *t, const struct segment *s, uint64_t sent)
{
	int32_t ahead = ack_ahead(t, s);
	uint32_t window = track_scaled(t, s->window);

	if (ahead < 0)
		return;
	/* RFC 9293, section 3.10.7.4 */
	if (ahead > 0 || !t->answered || seq_before(t->window_seq, s->seq) ||
	    (s->seq == t->window_seq && window > t->window)) {
		t->window = window;
		t->window_seq = s->seq;
		if (window > t->window_max)
			t->window_max = window;
	}
	t->answered = true;
	t->acked += ahead;
	if (t->acked > sent) { /* our FIN */
		t->acked--;
		t->end_acked = true;
	}
	if (s->timestamps &&
	    (!t->ts_echo || seq_before(t->ts_echo, s->ts_echo)))
		t->ts_echo = s->ts_echo;
}

static enum track_verdict take(struct track *t, const struct segment *s,
			       uint64_t sent, bool ended)
{
	uint32_t next = t->seq_in + 1 + (uint32_t)t->received;
	uint32_t expected = track_next_in(t);
	int32_t ahead = s->seq - next;
	bool brings = s->length && (int64_t)ahead + s->length > 0;
	/* A kernel that gets it drops it, too, and says what it expects. */
	enum track_verdict refused =
		brings || s->flags & SEGMENT_FIN ? TRACK_DROP : TRACK_NOTHING;
	struct segment cut = *s;

	if (!(s->flags & SEGMENT_ACK))
		return TRACK_NOTHING; /* no kernel listens to that */
	if (ahead < 0 && (uint32_t)-ahead > s->length)
		return TRACK_NOTHING; /* all of it is old: a keepalive, say */
	if (is_old_by_time(t, s) || !ack_is_right(t, s, sent, ended) ||
	    ahead > (int64_t)t->limit)
		return refused;
	if (ahead < 0) {
		cut.payload += -ahead;
		cut.length -= -ahead;
		ahead = 0;
	}
	if (take_stream(t, &cut, t->received + ahead))
		return refused;
	take_ack(t, s, sent);
	t->urgent |= s->flags & SEGMENT_URG;
	if (s->timestamps && !seq_before(expected, s->seq))
		t->ts_value = s->ts_value;
	return TRACK_TAKEN;
}

enum track_verdict track_in(struct track *t, const struct segment *s,
			    uint64_t sent, bool ended)
{
	if (s->flags & SEGMENT_RST) {
		/* Only where the next byte is expected (RFC 5961, section 3),
		 * or in answer to our SYN. */
		if (t->opened_in
			    ? s->seq != track_next_in(t)
			    : !t->opened_out || !(s->flags & SEGMENT_ACK) ||
				      s->ack != t->seq_out + 1)
			return TRACK_NOTHING;
		t->reset = true;
		return TRACK_TAKEN;
	}
	if (s->flags & SEGMENT_SYN)
		return open_in(t, s);
	if (!t->opened_in || !t->opened_out || t->reset)
		return TRACK_NOTHING;
	if (!ended && t->reach > sent)
		sent = t->reach;
	return take(t, s, sent, ended);
}

/* --- takeover -------------------------------------------------------------- */

struct track_resume track_resume(const struct track *t,
				 const struct track *other, uint32_t ack,
				 uint32_t window)
{
	int32_t ahead = ack - track_next_out(t);
	uint64_t at = t->acked + t->end_acked + ahead;
	struct track_resume r = {
		.rcv_nxt = track_next_in(t),
		.snd_nxt = ack,
		.window = window,
		.to = other->received,
		.eof = t->end_in,
	};

	if (!t->opened_in || !t->opened_out || t->reset || ahead < 0 ||
	    (at > other->received + other->end_in &&
	     (other->end_in || at > t->reach)))
		return r;
	r.silent = other->end_in && at > other->received;
	r.from = r.silent ? other->received : at;
	r.end = other->end_in && !r.silent;
	r.possible = r.from >= first(other) && !(r.silent && r.eof);
	return r;
}
