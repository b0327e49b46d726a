// SPDX-License-Identifier: GPL-2.0-only
/* What a track makes of single segments, and how its connection goes on. The
 * stream itself is test_track_random.c's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "baton-proxy/track.h"

#define THEIRS 0xfffffff0 /* initial sequence numbers */
#define OURS 0x7ffffff0u

static struct track t, other;
static uint64_t sent; /* that the other side has received */
static bool ended;

static struct segment from(uint32_t seq, uint32_t ack, const char *bytes)
{
	return (struct segment){
		.seq = seq,
		.ack = ack,
		.flags = SEGMENT_ACK,
		.window = 100,
		.scale = SEGMENT_NO_SCALE,
		.timestamps = true,
		.ts_value = 1000,
		.ts_echo = 2000,
		.payload = (const uint8_t *)bytes,
		.length = strlen(bytes),
	};
}

static enum track_verdict in(const struct segment *s)
{
	return track_in(&t, s, sent, ended);
}

static struct segment syn(uint32_t seq)
{
	struct segment s = from(seq, 0, "");

	s.flags = SEGMENT_SYN;
	s.mss = 1460;
	s.scale = 7;
	s.sack = true;
	s.ts_echo = 0;
	return s;
}

static struct segment syn_ack(uint32_t seq, uint32_t ack)
{
	struct segment s = syn(seq);

	s.flags |= SEGMENT_ACK;
	s.ack = ack;
	s.mss = 1440;
	s.scale = 9;
	s.ts_value = 1999;
	s.ts_echo = 1000;
	return s;
}

static int set_up(void **state)
{
	(void)state;
	track_init(&t);
	track_init(&other);
	sent = 0;
	ended = false;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	track_free(&t);
	track_free(&other);
	return 0;
}

static void open_track(void)
{
	struct segment s = syn(THEIRS);

	assert_int_equal(in(&s), TRACK_TAKEN);
	s = syn_ack(OURS, THEIRS + 1);
	track_out(&t, &s);
	s = from(THEIRS + 1, OURS + 1, "");
	assert_int_equal(in(&s), TRACK_TAKEN);
	assert_true(track_is_open(&t));
}

/* --- handshake --- */

static void test_facts_of_a_handshake(void **state)
{
	struct segment s = syn(THEIRS);

	(void)state;
	assert_int_equal(in(&s), TRACK_TAKEN);
	assert_false(track_is_half_open(&t));
	s = syn_ack(OURS, THEIRS + 1);
	track_out(&t, &s);
	assert_true(track_is_half_open(&t));
	assert_int_equal(t.ts_echo, 1999); /* it may have seen that */
	s = from(THEIRS + 1, OURS + 1, "");
	assert_int_equal(in(&s), TRACK_TAKEN);
	assert_true(track_is_open(&t));
	assert_int_equal(t.mss_in, 1460);
	assert_int_equal(t.mss_out, 1440);
	assert_int_equal(t.scale_in, 7);
	assert_int_equal(t.scale_out, 9);
	assert_true(t.timestamps && t.sack);
	assert_int_equal(t.ts_value, 1000);
	assert_int_equal(t.ts_echo, 2000);
	assert_int_equal(t.window, 100 << 7);
	assert_int_equal(track_next_in(&t), THEIRS + 1);
	assert_int_equal(track_next_out(&t), OURS + 1);
}

static void test_a_connection_of_our_own(void **state)
{
	struct segment s = syn(OURS);

	(void)state;
	track_out(&t, &s);
	s = syn_ack(THEIRS, OURS + 2);
	assert_int_equal(in(&s), TRACK_NOTHING); /* of another SYN */
	s = syn_ack(THEIRS, OURS + 1);
	assert_int_equal(in(&s), TRACK_TAKEN);
	assert_true(track_is_open(&t));
	assert_int_equal(t.scale_in, 9);
	assert_int_equal(t.scale_out, 7);
	assert_int_equal(t.mss_in, 1440);
	assert_int_equal(t.window, 100); /* of a SYN: not scaled */
	assert_int_equal(in(&s), TRACK_NOTHING);
}

static void test_what_only_one_offers_is_not_agreed_upon(void **state)
{
	struct segment s = syn(THEIRS);

	(void)state;
	in(&s);
	s = syn_ack(OURS, THEIRS + 1);
	s.timestamps = s.sack = false;
	s.scale = SEGMENT_NO_SCALE;
	track_out(&t, &s);
	assert_false(t.timestamps || t.sack);
	assert_int_equal(t.scale_in, SEGMENT_NO_SCALE);
	assert_int_equal(t.scale_out, SEGMENT_NO_SCALE);
	tear_down(NULL);

	track_init(&t);
	s = syn(THEIRS);
	s.timestamps = s.sack = false;
	s.scale = SEGMENT_NO_SCALE;
	in(&s);
	s = syn_ack(OURS, THEIRS + 1); /* as if it had */
	track_out(&t, &s);
	assert_false(t.timestamps || t.sack);
	assert_int_equal(t.scale_out, SEGMENT_NO_SCALE);
}

static void test_a_new_attempt_replaces_the_old(void **state)
{
	struct segment s = syn(THEIRS), answer = syn_ack(OURS, THEIRS + 1);

	(void)state;
	in(&s);
	track_out(&t, &answer);
	assert_int_equal(in(&s), TRACK_NOTHING); /* said again */
	assert_true(track_is_half_open(&t));
	s = syn(55);
	assert_int_equal(in(&s), TRACK_TAKEN);
	track_out(&t, &answer); /* late: it answers the old one */
	assert_false(track_is_half_open(&t));
	answer = syn_ack(OURS, 56);
	track_out(&t, &answer);
	assert_true(track_is_half_open(&t));
	s = from(56, OURS + 1, "");
	assert_int_equal(in(&s), TRACK_TAKEN);
	s = syn(99); /* an open connection is not opened by anybody */
	assert_int_equal(in(&s), TRACK_NOTHING);
	assert_int_equal(t.seq_in, 55);
}

static void test_only_our_syn_ack_is_answered(void **state)
{
	struct segment s = syn(THEIRS);

	(void)state;
	in(&s);
	s = syn_ack(OURS, THEIRS + 1);
	track_out(&t, &s);
	s = from(THEIRS + 1, OURS + 2, "forged");
	assert_int_equal(in(&s), TRACK_DROP);
	s = from(THEIRS + 1, OURS, "forged");
	assert_int_equal(in(&s), TRACK_DROP);
	assert_true(track_is_half_open(&t));
	s = from(THEIRS + 1, OURS + 1, "right"); /* the ACK itself was lost */
	assert_int_equal(in(&s), TRACK_TAKEN);
	assert_true(track_is_open(&t));
	assert_int_equal(t.received, 5);
}

/* --- RST, ACK, windows, timestamps --- */

static void test_rst_only_where_it_is_expected(void **state)
{
	struct segment s;

	(void)state;
	open_track();
	s = from(THEIRS + 2, 0, "");
	s.flags = SEGMENT_RST;
	assert_int_equal(in(&s), TRACK_NOTHING);
	assert_false(t.reset);
	s.seq = THEIRS + 1;
	assert_int_equal(in(&s), TRACK_TAKEN);
	assert_true(t.reset && track_is_over(&t));
	s = from(THEIRS + 1, OURS + 1, "late");
	assert_int_equal(in(&s), TRACK_NOTHING);
}

static void test_a_connection_that_is_refused(void **state)
{
	struct segment s = syn(OURS);

	(void)state;
	track_out(&t, &s);
	s = from(0, OURS + 2, "");
	s.flags |= SEGMENT_RST;
	assert_int_equal(in(&s), TRACK_NOTHING);
	s.ack = OURS + 1;
	assert_int_equal(in(&s), TRACK_TAKEN);
	assert_true(t.reset);
}

static void test_rst_of_ours(void **state)
{
	struct segment s = from(OURS + 1, 0, "");

	(void)state;
	open_track();
	s.flags = SEGMENT_RST;
	track_out(&t, &s);
	assert_true(track_is_over(&t));
}

static void test_acks_of_what_was_not_sent(void **state)
{
	struct segment s;

	(void)state;
	open_track();
	sent = 10;
	s = from(THEIRS + 1, OURS + 1 + 11, "x");
	assert_int_equal(in(&s), TRACK_DROP);
	s.length = 0; /* the kernel answers that */
	assert_int_equal(in(&s), TRACK_NOTHING);
	assert_int_equal(t.acked, 0);
	s.ack--;
	assert_int_equal(in(&s), TRACK_TAKEN);
	assert_int_equal(t.acked, 10);
	ended = true;
	s.ack++;
	assert_int_equal(in(&s), TRACK_TAKEN);
	assert_true(t.end_acked);
	assert_int_equal(t.acked, 10);
	assert_int_equal(track_next_out(&t), OURS + 12);
}

static void test_acks_that_are_too_old(void **state)
{
	struct segment s;

	(void)state;
	open_track();
	sent = 1 << 20;
	s = from(THEIRS + 1, OURS + 1 + sent, "");
	assert_int_equal(in(&s), TRACK_TAKEN);
	/* the largest window was 100 << 7 */
	s = from(THEIRS + 1, OURS + 1 + sent - 12801, "x");
	assert_int_equal(in(&s), TRACK_DROP);
	s.ack++;
	assert_int_equal(in(&s), TRACK_TAKEN);
	assert_int_equal(t.acked, 1 << 20);
}

static void test_windows(void **state)
{
	struct segment s;

	(void)state;
	open_track();
	sent = 100;
	s = from(THEIRS + 1, OURS + 1, "abc");
	s.window = 50;
	in(&s);
	s = from(THEIRS + 4, OURS + 1, "");
	s.window = 60;
	in(&s);
	assert_int_equal(t.window, 60 << 7);
	s.window = 40; /* the same segment number: only ever larger */
	in(&s);
	assert_int_equal(t.window, 60 << 7);
	s.ack += 1;
	in(&s);
	assert_int_equal(t.window, 40 << 7);
	assert_int_equal(t.window_max, 100 << 7);
	s = from(THEIRS + 3, OURS + 1, ""); /* an old one tells nothing */
	s.window = 1;
	assert_int_equal(in(&s), TRACK_NOTHING);
	assert_int_equal(t.window, 40 << 7);
}

static void test_timestamps(void **state)
{
	struct segment s;

	(void)state;
	open_track();
	s = from(THEIRS + 3, OURS + 1, "ahead");
	s.ts_value = 1010;
	assert_int_equal(in(&s), TRACK_TAKEN);
	assert_int_equal(t.ts_value, 1000); /* not in order */
	s = from(THEIRS + 1, OURS + 1, "it");
	s.ts_value = 1009;
	assert_int_equal(in(&s), TRACK_TAKEN);
	assert_int_equal(t.ts_value, 1009);
	assert_int_equal(t.received, 7);
	s = from(THEIRS + 8, OURS + 1, "old");
	s.ts_value = 1007;
	assert_int_equal(in(&s), TRACK_DROP);
	s.ts_value = 1009u - (1u << 30); /* idle for weeks */
	s.ts_echo = 2005;
	assert_int_equal(in(&s), TRACK_TAKEN);
	assert_int_equal(t.ts_echo, 2005);
	s = from(THEIRS + 11, OURS + 1, "");
	s.ts_value = 1009;
	s.ts_echo = 2004;
	in(&s);
	assert_int_equal(t.ts_echo, 2005);
}

static void test_urgent_data_are_data(void **state)
{
	struct segment s;

	(void)state;
	open_track();
	s = from(THEIRS + 1, OURS + 1, "hey!");
	s.flags |= SEGMENT_URG;
	assert_int_equal(in(&s), TRACK_TAKEN);
	assert_true(t.urgent);
	assert_int_equal(t.received, 4);
}

static void test_keepalives_are_the_kernels(void **state)
{
	struct segment s;

	(void)state;
	open_track();
	s = from(THEIRS, OURS + 1, "");
	assert_int_equal(in(&s), TRACK_NOTHING);
	s = from(THEIRS + 1, OURS + 1, "no ACK");
	s.flags = SEGMENT_PSH;
	assert_int_equal(in(&s), TRACK_NOTHING);
	assert_int_equal(t.received, 0);
}

/* --- the end of a stream --- */

static void test_a_fin_that_is_ahead(void **state)
{
	struct segment s;

	(void)state;
	open_track();
	s = from(THEIRS + 4, OURS + 1, "def");
	s.flags |= SEGMENT_FIN;
	assert_int_equal(in(&s), TRACK_TAKEN);
	assert_true(t.end_ahead && !t.end_in);
	s = from(THEIRS + 7, OURS + 1, "g"); /* behind the end */
	assert_int_equal(in(&s), TRACK_DROP);
	s = from(THEIRS + 1, OURS + 1, "ab"); /* another end */
	s.flags |= SEGMENT_FIN;
	assert_int_equal(in(&s), TRACK_DROP);
	s = from(THEIRS + 1, OURS + 1, "abc");
	assert_int_equal(in(&s), TRACK_TAKEN);
	assert_true(t.end_in && !t.end_ahead);
	assert_int_equal(t.received, 6);
	assert_int_equal(track_next_in(&t), THEIRS + 8);
	s = from(THEIRS + 8, OURS + 1, "h");
	in(&s);
	assert_int_equal(t.received, 6);
}

static void test_a_fin_before_what_is_there(void **state)
{
	struct segment s;

	(void)state;
	open_track();
	s = from(THEIRS + 4, OURS + 1, "def");
	in(&s);
	s = from(THEIRS + 1, OURS + 1, "");
	s.flags |= SEGMENT_FIN;
	assert_int_equal(in(&s), TRACK_DROP);
	assert_false(t.end_in);
}

/* --- bounds --- */

static void test_many_gaps(void **state)
{
	struct segment s;

	(void)state;
	open_track();
	for (uint32_t i = 0; i < TRACK_RANGES_MAX; i++) {
		s = from(THEIRS + 2 + 2 * i, OURS + 1, "x");
		assert_int_equal(in(&s), TRACK_TAKEN);
	}
	s = from(THEIRS + 2 + 2 * TRACK_RANGES_MAX, OURS + 1, "x");
	assert_int_equal(in(&s), TRACK_DROP);
	s = from(THEIRS + 3, OURS + 1, "x"); /* one gap less */
	assert_int_equal(in(&s), TRACK_TAKEN);
	assert_int_equal(t.nr_ranges, TRACK_RANGES_MAX - 1);
	assert_true(track_memory(&t) < 8192);
}

/* What is not read on must not eat the memory of others. */
static void test_the_limit(void **state)
{
	static char block[1000];
	struct segment s;
	uint32_t at = 0;

	(void)state;
	open_track();
	t.limit = 100000;
	memset(block, 'x', sizeof(block) - 1);
	do {
		s = from(THEIRS + 1 + at, OURS + 1, block);
		at += s.length;
		assert_true(at <= t.limit + s.length);
	} while (in(&s) == TRACK_TAKEN);
	assert_in_range(t.kept, 99000, 100000);
	assert_true(track_memory(&t) <= 2 * 131072);
	track_trim(&t, 999);
	assert_int_equal(in(&s), TRACK_TAKEN);
	s = from(THEIRS + 1 + 200000, OURS + 1, "x");
	assert_int_equal(in(&s), TRACK_DROP);
}

/* 4 KiB for an idle connection, of which there may be thousands. */
static void test_memory_of_an_idle_connection(void **state)
{
	struct segment s;

	(void)state;
	open_track();
	s = from(THEIRS + 1, OURS + 1, "request");
	in(&s);
	assert_true(track_memory(&t) > 0);
	track_trim(&t, 7);
	assert_int_equal(track_memory(&t), 0);
	assert_true(2 * (sizeof(t) + track_memory(&t)) <= 1024);
}

/* --- copies --- */

static void test_a_copy(void **state)
{
	const uint8_t *bytes;
	struct segment s;
	uint64_t n;

	(void)state;
	open_track();
	s = from(THEIRS + 1, OURS + 1, "sent on, kept");
	in(&s);
	s = from(THEIRS + 1 + 20, OURS + 1, "ahead");
	in(&s);
	track_trim(&t, 9);
	other = t;
	other.bytes = NULL;
	other.ranges = NULL;
	other.start = other.kept = other.room = 0;
	other.nr_ranges = other.room_ranges = 0;
	other.received -= t.kept;
	n = track_bytes(&t, 9, &bytes);
	assert_int_equal(track_append(&other, bytes, n), 0);
	for (int i = 0; i < t.nr_ranges; i++)
		assert_int_equal(
			track_ahead(&other, t.ranges[i].start,
				    track_range_bytes(&t, &t.ranges[i]),
				    t.ranges[i].end - t.ranges[i].start),
			0);
	s = from(THEIRS + 1 + 13, OURS + 1, " a gap,");
	assert_int_equal(track_in(&other, &s, 0, false), TRACK_TAKEN);
	assert_int_equal(other.received, 25);
	assert_int_equal(track_bytes(&other, 9, &bytes), 16);
	assert_memory_equal(bytes, "kept a gap,ahead", 16);
}

/* --- takeover --- */

/* The other side has received "0123456789", of which 4 were acknowledged. */
static void open_both(void)
{
	struct segment s;

	open_track();
	other.opened_in = other.opened_out = other.answered = true;
	assert_int_equal(
		track_append(&other, (const uint8_t *)"0123456789", 10), 0);
	sent = 10;
	s = from(THEIRS + 1, OURS + 1 + 4, "abc");
	assert_int_equal(in(&s), TRACK_TAKEN);
	track_trim(&other, t.acked);
}

static void test_resume(void **state)
{
	struct track_resume r;

	(void)state;
	open_both();
	r = track_resume(&t, &other, OURS + 1 + 6, 5000);
	assert_true(r.possible);
	assert_int_equal(r.rcv_nxt, THEIRS + 1 + 3);
	assert_int_equal(r.snd_nxt, OURS + 1 + 6);
	assert_int_equal(r.window, 5000);
	assert_int_equal(r.from, 6);
	assert_int_equal(r.to, 10);
	assert_false(r.end || r.silent || r.eof);
	assert_false(track_resume(&t, &other, OURS + 1 + 11, 0).possible);
	assert_false(track_resume(&t, &other, OURS + 1 + 3, 0).possible);
	assert_true(track_resume(&t, &other, OURS + 1 + 10, 0).possible);
}

static void test_resume_when_ends_are_on_their_way(void **state)
{
	struct track_resume r;
	struct segment s;

	(void)state;
	open_both();
	other.end_in = ended = true;
	r = track_resume(&t, &other, OURS + 1 + 10, 5000);
	assert_true(r.possible && r.end && !r.silent);
	assert_int_equal(r.from, 10);
	/* our FIN was the last that the old owner could say */
	r = track_resume(&t, &other, OURS + 1 + 11, 5000);
	assert_true(r.possible && r.silent && !r.end);
	assert_int_equal(r.from, 10);
	assert_int_equal(r.to, 10);
	assert_int_equal(r.snd_nxt, OURS + 1 + 11);

	s = from(THEIRS + 1 + 3, OURS + 1 + 4, "");
	s.flags |= SEGMENT_FIN;
	assert_int_equal(in(&s), TRACK_TAKEN);
	r = track_resume(&t, &other, OURS + 1 + 4, 5000);
	assert_true(r.possible && r.eof && r.end);
	assert_int_equal(r.rcv_nxt, THEIRS + 1 + 4);
	r = track_resume(&t, &other, OURS + 1 + 11, 5000);
	assert_false(r.possible); /* over */
}

/* The owner before has passed on what its standby never had. */
static void test_resume_of_an_end_that_is_ahead(void **state)
{
	struct track_resume r;
	struct segment s;

	(void)state;
	open_both();
	s = from(THEIRS + 1 + 3, OURS + 1 + 15, "");
	assert_int_equal(in(&s), TRACK_NOTHING);
	t.reach = 20;
	r = track_resume(&t, &other, OURS + 1 + 15, 5000);
	assert_true(r.possible && !r.silent && !r.end);
	assert_int_equal(r.snd_nxt, OURS + 1 + 15);
	assert_int_equal(r.from, 15);
	assert_int_equal(r.to, 10);
	assert_false(track_resume(&t, &other, OURS + 1 + 21, 0).possible);

	assert_int_equal(in(&s), TRACK_TAKEN);
	assert_int_equal(t.acked, 15);
	track_trim(&other, t.acked);
	assert_int_equal(other.kept, 0);
	s.ack = OURS + 1 + 21;
	assert_int_equal(in(&s), TRACK_NOTHING);

	/* what has come since, whoever sent it */
	assert_int_equal(track_append(&other, (const uint8_t *)"abcdefgh", 8),
			 0);
	sent = 18;
	r = track_resume(&t, &other, OURS + 1 + 15, 5000);
	assert_int_equal(r.from, 15);
	assert_int_equal(r.to, 18);
	/* what has ended is known to its end */
	other.end_in = ended = true;
	assert_false(track_resume(&t, &other, OURS + 1 + 20, 0).possible);
	s.ack = OURS + 1 + 20;
	assert_int_equal(in(&s), TRACK_NOTHING);
	s.ack = OURS + 1 + 19;
	assert_int_equal(in(&s), TRACK_TAKEN);
	assert_true(t.end_acked);
}

static void test_resume_needs_both_syns(void **state)
{
	struct segment s = syn(THEIRS);

	(void)state;
	in(&s);
	assert_false(track_resume(&t, &other, 1, 0).possible);
	s = syn_ack(OURS, THEIRS + 1);
	track_out(&t, &s);
	assert_true(track_resume(&t, &other, track_next_out(&t), 0).possible);
	t.reset = true;
	assert_false(track_resume(&t, &other, track_next_out(&t), 0).possible);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_facts_of_a_handshake),
		TEST(test_a_connection_of_our_own),
		TEST(test_what_only_one_offers_is_not_agreed_upon),
		TEST(test_a_new_attempt_replaces_the_old),
		TEST(test_only_our_syn_ack_is_answered),
		TEST(test_rst_only_where_it_is_expected),
		TEST(test_a_connection_that_is_refused),
		TEST(test_rst_of_ours),
		TEST(test_acks_of_what_was_not_sent),
		TEST(test_acks_that_are_too_old),
		TEST(test_windows),
		TEST(test_timestamps),
		TEST(test_urgent_data_are_data),
		TEST(test_keepalives_are_the_kernels),
		TEST(test_a_fin_that_is_ahead),
		TEST(test_a_fin_before_what_is_there),
		TEST(test_many_gaps),
		TEST(test_the_limit),
		TEST(test_memory_of_an_idle_connection),
		TEST(test_a_copy),
		TEST(test_resume),
		TEST(test_resume_when_ends_are_on_their_way),
		TEST(test_resume_of_an_end_that_is_ahead),
		TEST(test_resume_needs_both_syns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
