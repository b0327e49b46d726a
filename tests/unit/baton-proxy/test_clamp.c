// SPDX-License-Identifier: GPL-2.0-only
/* What a client may be told, packet by packet. */
#include "clamped.h"

#include <errno.h>

/* Our own ACK is due; it leaves as all others do. */
static void assert_due(struct out *o, uint32_t ack)
{
	struct segment s;

	o->len = clamp_due(&c, &limit, o->packet);
	assert_true(o->len > 0);
	assert_true(segment_is_sound(o->packet, o->len));
	assert_int_equal(segment_parse(&s, o->packet, o->len, false), 0);
	assert_int_equal(s.ack, ack);
	assert_int_equal(s.length, 0);
	assert_int_equal(leave(o, &s), CLAMP_PASS);
	assert_int_equal(o->left.ack, ack);
}

static void assert_nothing_due(void)
{
	uint8_t packet[SEGMENT_HEADERS_REST];

	assert_int_equal(clamp_due(&c, &limit, packet), 0);
}

static void test_what_is_done_passes(void **state)
{
	struct segment s = pure(FIRST, 8000);
	struct out o;

	(void)state;
	limit.ack = FIRST + 100;
	for (int i = 0; i <= 100; i += 10) {
		s.ack = FIRST + i;
		assert_int_equal(leave(&o, &s), CLAMP_PASS);
		assert_int_equal(leave(&o, &s), CLAMP_PASS); /* repeated, too */
	}
	assert_nothing_due();
}

static void test_syn_and_rst_pass(void **state)
{
	struct segment s = pure(FIRST + 100, 8000);
	struct out o;

	(void)state;
	s.flags |= SEGMENT_SYN;
	assert_int_equal(leave(&o, &s), CLAMP_PASS);
	s.flags = SEGMENT_ACK | SEGMENT_RST;
	assert_int_equal(leave(&o, &s), CLAMP_PASS);
	s.flags |= SEGMENT_SYN; /* there is nothing to be ahead of */
	assert_int_equal(leave(&o, &s), CLAMP_PASS);
	assert_false(c.begun);
}

static void test_pure_ack_waits_for_the_limit(void **state)
{
	struct segment s = pure(FIRST, 8000);
	struct out o;

	(void)state;
	assert_int_equal(leave(&o, &s), CLAMP_PASS);
	s = pure(FIRST + 1000, 7000);
	s.ts_value = 77;
	assert_int_equal(leave(&o, &s), CLAMP_DROP);
	assert_nothing_due();
	limit.ack += 400; /* some of it */
	assert_due(&o, FIRST + 400);
	assert_int_equal(edge(&o.left), FIRST + 8000);
	assert_int_equal(o.left.ts_value, 77);
	assert_int_equal(o.left.seq, UNA);
	assert_nothing_due();
	limit.ack += 1600; /* more than the kernel has said */
	assert_due(&o, FIRST + 1000);
	assert_int_equal(edge(&o.left), FIRST + 8000);
	assert_nothing_due();
}

/* Due once, although it has not come through the queue yet. */
static void test_own_ack_is_made_once(void **state)
{
	struct segment s = pure(FIRST, 8000);
	uint8_t packet[SEGMENT_HEADERS_REST];
	struct out o;

	(void)state;
	leave(&o, &s);
	s.ack += 1000;
	assert_int_equal(leave(&o, &s), CLAMP_DROP);
	limit.ack += 10;
	assert_true(clamp_due(&c, &limit, packet) > 0);
	assert_int_equal(clamp_due(&c, &limit, packet), 0);
	limit.ack += 10;
	assert_true(clamp_due(&c, &limit, packet) > 0);
}

static void test_data_leaves_with_less(void **state)
{
	struct segment s = pure(FIRST + 1000, 8000);
	struct out o;

	(void)state;
	s.payload = (const uint8_t *)"answer";
	s.length = 6;
	s.flags |= SEGMENT_PSH | SEGMENT_ECE;
	assert_int_equal(leave(&o, &s), CLAMP_CHANGED);
	assert_int_equal(o.left.ack, FIRST);
	assert_int_equal(edge(&o.left), FIRST + 9000);
	assert_int_equal(o.left.length, 6);
	assert_memory_equal(o.left.payload, "answer", 6);
	assert_int_equal(o.left.flags, s.flags);
	limit.ack = FIRST + 1000;
	assert_due(&o, FIRST + 1000);
	assert_int_equal(o.left.seq, UNA + 6);
	assert_int_equal(o.left.flags, SEGMENT_ACK | SEGMENT_ECE);
}

static void test_fin_of_ours_leaves(void **state)
{
	struct segment s = pure(FIRST + 1000, 8000);
	struct out o;

	(void)state;
	s.flags |= SEGMENT_FIN;
	assert_int_equal(leave(&o, &s), CLAMP_CHANGED);
	assert_int_equal(leave(&o, &s), CLAMP_CHANGED); /* again */
	assert_true(o.left.flags & SEGMENT_FIN);
	limit.ack = FIRST + 1000;
	assert_due(&o, FIRST + 1000);
	assert_int_equal(o.left.seq, UNA + 1);
	assert_int_equal(o.left.flags, SEGMENT_ACK);
}

static void test_keepalive_leaves(void **state)
{
	struct segment s = pure(FIRST, 8000);
	struct out o;

	(void)state;
	leave(&o, &s);
	s.ack += 1000;
	assert_int_equal(leave(&o, &s), CLAMP_DROP);
	s.seq = UNA - 1;
	for (int i = 0; i < 5; i++) {
		assert_int_equal(leave(&o, &s), CLAMP_CHANGED);
		assert_int_equal(o.left.ack, FIRST);
	}
	/* the client has not looked at what it acknowledges */
	assert_int_equal(c.told, FIRST);
}

/* What comes before the first packet that the client looks at tells nothing. */
static void test_probe_tells_nothing(void **state)
{
	struct segment s = pure(FIRST + 1000, 8000);
	struct out o;

	(void)state;
	s.seq = UNA - 1;
	s.payload = (const uint8_t *)"";
	s.length = 1;
	assert_int_equal(leave(&o, &s), CLAMP_CHANGED);
	assert_false(c.spoken);
	s = pure(FIRST + 1000, 8000);
	assert_int_equal(leave(&o, &s), CLAMP_CHANGED);
	assert_int_equal(o.left.ack, FIRST);
	assert_true(c.spoken);
}

static void test_sack_comes_back_at_the_end(void **state)
{
	struct segment s = pure(FIRST, 8000);
	struct out o;

	(void)state;
	leave(&o, &s);
	s = pure(FIRST + 1000, 8000);
	s.sack_block = true;
	s.sack_start = FIRST + 2000;
	s.sack_end = FIRST + 3000;
	assert_int_equal(leave(&o, &s), CLAMP_DROP);
	s.length = 1;
	s.payload = (const uint8_t *)"x";
	assert_int_equal(leave(&o, &s), CLAMP_CHANGED);
	assert_false(o.left.sack_block);
	assert_true(o.left.timestamps);
	assert_int_equal(o.left.ts_value, 7);
	limit.ack += 999;
	assert_due(&o, FIRST + 999);
	assert_false(o.left.sack_block);
	limit.ack++;
	assert_due(&o, FIRST + 1000);
	assert_true(o.left.sack_block);
	assert_int_equal(o.left.sack_start, FIRST + 2000);
}

/* The limit waits for more than the first window can bring. */
static void test_window_that_is_used_up_grows(void **state)
{
	struct segment s = pure(FIRST, 8000);
	struct out o;

	(void)state;
	leave(&o, &s);
	s = pure(FIRST + 3000, 8000);
	assert_int_equal(leave(&o, &s), CLAMP_DROP);
	s = pure(FIRST + 6000, 8000);
	assert_int_equal(leave(&o, &s), CLAMP_CHANGED);
	assert_int_equal(o.left.ack, FIRST);
	assert_int_equal(edge(&o.left), FIRST + 14000);
	assert_int_equal(leave(&o, &s), CLAMP_DROP);
}

/* No more than the header's 16 bits can say. */
static void test_window_ends_where_it_cannot_be_said(void **state)
{
	const uint32_t most = 65535u << SCALE;
	struct segment s = pure(FIRST, most);
	struct out o;

	(void)state;
	leave(&o, &s);
	s = pure(FIRST + 500000, most);
	assert_int_equal(leave(&o, &s), CLAMP_DROP);
	s.length = 1;
	s.payload = (const uint8_t *)"x";
	assert_int_equal(leave(&o, &s), CLAMP_CHANGED);
	assert_int_equal(o.left.window, 65535);
}

static void test_patience_at_its_end(void **state)
{
	struct segment s = pure(FIRST, 8000), again = from_client(FIRST);
	struct out o;

	(void)state;
	leave(&o, &s);
	s = pure(FIRST + 1000, 8000);
	assert_int_equal(leave(&o, &s), CLAMP_DROP);
	for (int i = 0; i < 3; i++) {
		clamp_repeated(&c, &again);
		assert_int_equal(leave(&o, &s), CLAMP_CHANGED);
		assert_int_equal(o.left.ack, FIRST);
		assert_int_equal(o.left.window, 0);
		assert_int_equal(leave(&o, &s), CLAMP_DROP);
	}
	/* so it stays until there is progress */
	s.length = 1;
	s.payload = (const uint8_t *)"x";
	assert_int_equal(leave(&o, &s), CLAMP_CHANGED);
	assert_int_equal(o.left.window, 0);
	limit.ack += 400;
	assert_due(&o, FIRST + 400);
	assert_int_equal(edge(&o.left), FIRST + 9000);
	s.seq += 1;
	assert_int_equal(leave(&o, &s), CLAMP_CHANGED);
	assert_true(o.left.window);
}

/* A probe for a lost tail is no timeout, and one who has not heard what was
 * said hears it again. */
static void test_others_who_repeat(void **state)
{
	struct segment s = pure(FIRST, 8000);
	struct segment tail = from_client(FIRST + 500);
	struct segment unheard = from_client(FIRST);
	struct out o;

	(void)state;
	leave(&o, &s);
	s = pure(FIRST + 1000, 8000);
	assert_int_equal(leave(&o, &s), CLAMP_DROP);
	clamp_repeated(&c, &tail);
	assert_int_equal(leave(&o, &s), CLAMP_DROP);
	limit.ack += 500;
	assert_due(&o, FIRST + 500);
	clamp_repeated(&c, &unheard); /* that was lost */
	assert_int_equal(leave(&o, &s), CLAMP_CHANGED);
	assert_int_equal(o.left.ack, FIRST + 500);
	assert_true(o.left.window);
}

static void test_headers_too_long(void **state)
{
	uint8_t packet[SEGMENT_HEADERS_REST], small[30];
	struct segment s = pure(FIRST, 8000);
	struct out o;

	(void)state;
	leave(&o, &s);
	assert_int_equal(segment_strip(small, sizeof(small), o.packet, o.len),
			 -EMSGSIZE);
	assert_int_equal(segment_strip(packet, sizeof(packet), o.packet, 10),
			 -EBADMSG);
	segment_set_ack(packet, 0, 1, 1, false); /* no packet: nothing */
}

/* A kernel has sent less than its other end has acknowledged. */
static void assert_told(const struct segment *s, uint32_t sent, uint32_t ack,
			uint32_t edge)
{
	uint8_t packet[SEGMENT_HEADERS_REST];
	int len = segment_build(s, packet, sizeof(packet));
	struct segment is, told;

	assert_true(len > 0);
	assert_int_equal(segment_parse(&is, packet, len, false), 0);
	assert_int_equal(clamp_in(sent, 7, &is, packet, len), ack != s->ack);
	assert_true(segment_is_sound(packet, len));
	assert_int_equal(segment_parse(&told, packet, len, false), 0);
	assert_int_equal(told.ack, ack);
	assert_int_equal(told.ack + (told.window << 7), edge);
	assert_int_equal(told.seq, s->seq);
	assert_int_equal(told.ts_echo, s->ts_echo);
}

static void test_end_that_is_ahead(void **state)
{
	struct segment s = pure(0, 0);
	uint32_t wide;

	(void)state;
	s.window = 1000;
	s.ack = 1u << 31; /* at the far side of the circle, too */
	wide = s.ack + (1000 << 7);
	assert_told(&s, s.ack, s.ack, wide);
	assert_told(&s, s.ack + 5, s.ack, wide);
	/* the window ends where it did, as exactly as that can be said */
	assert_told(&s, s.ack - (64 << 7), s.ack - (64 << 7), wide);
	s.window = 0;
	assert_told(&s, s.ack - (64 << 7), s.ack - (64 << 7), s.ack);
	s.window = UINT16_MAX;
	assert_told(&s, s.ack - (64 << 7), s.ack - (64 << 7),
		    s.ack - (64 << 7) + (UINT16_MAX << 7));
	s.flags |= SEGMENT_SYN; /* there is nothing to be ahead of */
	assert_told(&s, s.ack - 1, s.ack, s.ack + (UINT16_MAX << 7));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(test_##name, begin)
	const struct CMUnitTest tests[] = {
		T(what_is_done_passes),
		T(syn_and_rst_pass),
		T(pure_ack_waits_for_the_limit),
		T(own_ack_is_made_once),
		T(data_leaves_with_less),
		T(fin_of_ours_leaves),
		T(keepalive_leaves),
		T(probe_tells_nothing),
		T(sack_comes_back_at_the_end),
		T(window_that_is_used_up_grows),
		T(window_ends_where_it_cannot_be_said),
		T(patience_at_its_end),
		T(others_who_repeat),
		T(headers_too_long),
		T(end_that_is_ahead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
