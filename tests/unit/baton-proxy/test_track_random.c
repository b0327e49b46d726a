// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random connections against a reference that knows of every byte whether it
 * has arrived: segments cut anew, overlapping, in any order, lost, with sequence
 * numbers that wrap; acknowledgements of what was sent and of what was not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "baton-proxy/track.h"

#define CONNECTIONS 100000
#define STREAM_MAX 400

static uint64_t seed = 0x62617463;

static uint32_t below(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 32) % n;
}

/* The connection as its two ends know it. */
struct world {
	struct track t;
	uint32_t isn_in, isn_out;
	uint8_t stream[STREAM_MAX];
	uint32_t length;

	bool arrived[STREAM_MAX];
	bool fin; /* that has arrived, too */
	uint32_t trimmed, sent, acked;
	bool ended, end_acked;
};

static struct segment segment(const struct world *w, uint32_t at, uint32_t n)
{
	return (struct segment){
		.seq = w->isn_in + 1 + at,
		.ack = w->isn_out + 1 + w->acked + w->end_acked,
		.flags = SEGMENT_ACK,
		.window = 1000,
		.scale = SEGMENT_NO_SCALE,
		.payload = w->stream + at,
		.length = n,
	};
}

static void start(struct world *w)
{
	struct segment syn = { .flags = SEGMENT_SYN,
			       .window = 1000,
			       .scale = SEGMENT_NO_SCALE };
	struct segment answer = syn;

	memset(w, 0, sizeof(*w));
	w->isn_in = below(2) ? -below(STREAM_MAX) - 1 : below(UINT32_MAX);
	w->isn_out = below(2) ? -below(STREAM_MAX) - 1 : below(UINT32_MAX);
	w->length = below(STREAM_MAX) + 1;
	for (uint32_t i = 0; i < w->length; i++)
		w->stream[i] = below(256);
	track_init(&w->t);
	if (below(2))
		w->t.limit = below(STREAM_MAX) + 1;
	syn.seq = w->isn_in;
	answer.seq = w->isn_out;
	answer.ack = w->isn_in + 1;
	answer.flags |= SEGMENT_ACK;
	assert_int_equal(track_in(&w->t, &syn, 0, false), TRACK_TAKEN);
	track_out(&w->t, &answer);
	assert_true(track_is_half_open(&w->t));
	syn = segment(w, 0, 0);
	assert_int_equal(track_in(&w->t, &syn, 0, false), TRACK_TAKEN);
	assert_true(track_is_open(&w->t));
}

static uint32_t arrived_in_order(const struct world *w)
{
	uint32_t n = 0;

	while (n < w->length && w->arrived[n])
		n++;
	return n;
}

static unsigned int gaps(const struct world *w)
{
	unsigned int n = 0;

	for (uint32_t i = 1; i < w->length; i++)
		n += w->arrived[i] && !w->arrived[i - 1];
	return n;
}

/* Not one byte is known that did not arrive, or forgotten that did. */
static void assert_agree(const struct world *w)
{
	const struct track *t = &w->t;
	uint32_t received = arrived_in_order(w), ranges = 0;
	uint32_t from = w->trimmed < received ? w->trimmed : received;
	const uint8_t *bytes;

	assert_int_equal(t->received, received);
	assert_int_equal(t->kept, received - from);
	assert_int_equal(track_bytes(t, from, &bytes), received - from);
	if (from < received)
		assert_memory_equal(bytes, w->stream + from, received - from);
	assert_int_equal(track_bytes(t, received, &bytes), 0);
	for (uint32_t i = received; i < w->length; i++) {
		const struct track_range *r = t->ranges + ranges;

		if (!w->arrived[i])
			continue;
		assert_true(ranges < t->nr_ranges);
		assert_int_equal(r->start, i);
		for (; i < w->length && w->arrived[i]; i++)
			assert_int_equal(track_range_bytes(t, r)[i - r->start],
					 w->stream[i]);
		assert_int_equal(r->end, i);
		ranges++;
	}
	assert_int_equal(t->nr_ranges, ranges);
	assert_int_equal(t->end_in, w->fin && received == w->length);
	assert_int_equal(t->acked, w->acked);
	assert_int_equal(t->end_acked, w->end_acked);
	assert_int_equal(track_next_in(t),
			 w->isn_in + 1 + received + t->end_in);
	assert_int_equal(track_next_out(t),
			 w->isn_out + 1 + w->acked + w->end_acked);
	if (!t->kept && !ranges && from == received && w->trimmed == received)
		assert_true(t->room <= 1024);
}

/* Only for want of room may bytes be refused. */
static void assert_refusal_is_right(const struct world *w, uint32_t at,
				    uint32_t n)
{
	uint32_t received = arrived_in_order(w);
	uint32_t from = w->trimmed < received ? w->trimmed : received;

	assert_true(at + n - from > w->t.limit || gaps(w) >= TRACK_RANGES_MAX);
}

static void deliver(struct world *w, uint32_t at, uint32_t n)
{
	struct segment s = segment(w, at, n);
	bool fin = at + n == w->length && below(2);
	uint32_t received = arrived_in_order(w);
	bool end_acked = w->end_acked;
	uint32_t acked = w->acked;
	enum track_verdict v;
	bool wrong;

	if (fin)
		s.flags |= SEGMENT_FIN;
	if (w->sent > acked)
		acked += below(w->sent - acked + 1);
	if (acked == w->sent && w->ended)
		end_acked = end_acked || below(2);
	s.ack = w->isn_out + 1 + acked + end_acked;
	wrong = !below(8);
	if (wrong)
		s.ack = w->isn_out + 1 + w->sent + w->ended + 1 + below(1000);
	v = track_in(&w->t, &s, w->sent, w->ended);
	if (at + n < received) {
		assert_int_equal(v, TRACK_NOTHING); /* all of it is old */
	} else if (wrong) {
		assert_int_equal(v, (n && at + n > received) || fin
					    ? TRACK_DROP
					    : TRACK_NOTHING);
	} else if (v == TRACK_DROP) {
		assert_refusal_is_right(w, at, n);
	} else if (v == TRACK_TAKEN) {
		memset(w->arrived + at, true, n);
		w->fin |= fin;
		w->acked = acked;
		w->end_acked = end_acked;
	} else {
		/* No bytes, and so far ahead that nobody listens */
		assert_true(!n && !fin && at - received > w->t.limit);
	}
	assert_agree(w);
}

static void trim(struct world *w)
{
	uint32_t received = arrived_in_order(w);
	uint32_t to = below(received + 1);

	track_trim(&w->t, to);
	w->trimmed = to > w->trimmed ? to : w->trimmed;
	assert_agree(w);
}

/* Whatever was lost is sent again, until all is there. */
static void finish(struct world *w)
{
	struct segment s;

	while (arrived_in_order(w) < w->length || !w->t.end_in) {
		uint32_t at = arrived_in_order(w);
		uint32_t n = w->length - at;

		track_trim(&w->t, at);
		w->trimmed = at > w->trimmed ? at : w->trimmed;
		n = n < 100 ? n : 100;
		n = n < w->t.limit ? n : w->t.limit;
		s = segment(w, at, n);
		if (at + n == w->length)
			s.flags |= SEGMENT_FIN;
		assert_int_equal(track_in(&w->t, &s, w->sent, w->ended),
				 TRACK_TAKEN);
		memset(w->arrived + at, true, n);
		w->fin |= at + n == w->length;
		assert_agree(w);
	}
	assert_int_equal(w->t.received, w->length);
	track_trim(&w->t, w->length);
	assert_int_equal(track_memory(&w->t), 0);
}

static void test_connections(void **state)
{
	static struct world w;

	(void)state;
	for (int i = 0; i < CONNECTIONS; i++) {
		uint32_t longest;

		start(&w);
		longest = below(w.length) + 1;
		for (int n = below(30); n > 0; n--) {
			uint32_t at = below(w.length + 1);
			uint32_t length = below(w.length - at + 1);

			switch (below(4)) {
			case 0:
				trim(&w);
				break;
			case 1: /* what comes next, perhaps with old bytes */
				at = arrived_in_order(&w);
				at -= below(at + 1) / (1 + below(4));
				length = below(w.length - at + 1);
				/* fall through */
			default:
				deliver(&w, at,
					length < longest ? length : longest);
			}
			if (!w.ended)
				w.sent += below(100);
			w.ended |= !below(10);
		}
		finish(&w);
		track_free(&w.t);
	}
}

/* --- a stream that is longer than what is kept of it ------------------------- */

#define LONG (8u << 20)

static uint8_t byte_at(uint64_t at)
{
	return (at * 0x9e3779b97f4a7c15ULL) >> 56;
}

static struct segment long_segment(uint64_t at, uint32_t n)
{
	static uint8_t payload[65536];

	for (uint32_t i = 0; i < n; i++)
		payload[i] = byte_at(at + i);
	return (struct segment){
		.seq = (uint32_t)-1000000 + 1 + (uint32_t)at,
		.ack = 1,
		.flags = SEGMENT_ACK,
		.window = 1000,
		.scale = SEGMENT_NO_SCALE,
		.payload = payload,
		.length = n,
	};
}

/* Read what is kept up to a position, and let it go. */
static void take_long(struct track *t, uint64_t to)
{
	uint64_t from = t->received - t->kept;
	const uint8_t *bytes;

	if (to <= from)
		return;
	assert_true(track_bytes(t, from, &bytes) >= to - from);
	for (uint64_t at = from; at < to; at++)
		if (bytes[at - from] != byte_at(at))
			fail_msg("byte %lu", at);
	track_trim(t, to);
}

static void test_a_long_stream(void **state)
{
	struct segment s;
	struct track t;

	(void)state;
	track_init(&t);
	t.opened_in = t.opened_out = t.answered = true;
	t.seq_in = -1000000;
	while (t.received < LONG) {
		uint32_t gap = below(4) ? 0 : below(20000);

		s = long_segment(t.received + gap, below(65536));
		assert_int_equal(track_in(&t, &s, 0, false), TRACK_TAKEN);
		if (below(2))
			take_long(&t,
				  t.received -
					  below(t.kept / (1 + below(8)) + 1));
		assert_true(track_memory(&t) < 4u << 20);
	}
	take_long(&t, t.received);
	track_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connections),
		cmocka_unit_test(test_a_long_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
