// SPDX-License-Identifier: GPL-2.0-only
/* Who is asked when, what an answer is, and the segments that are sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "baton-proxy/probe_endpoint.h"

#define MS 1000000ULL
#define START (1000 * MS)
#define THEIRS 1000 /* initial sequence numbers */
#define OURS 0xffffff00
#define N 200

static const struct probe_rule rule = { 20 * MS, 500 * MS, 4 };
static const struct tuple tuple = { .family = 4,
				    .local_port = 443,
				    .remote_port = 50000 };

static struct track tracks[N];
static struct probe all[N], *list[N], *due[N], *over;
static struct probes p;

static int set_up(void **state)
{
	(void)state;
	probes_init(&p, &rule);
	for (int i = 0; i < N; i++) {
		struct track *t = &tracks[i];

		track_init(t);
		t->opened_in = t->opened_out = t->answered = true;
		t->timestamps = t->sack = true;
		t->seq_in = THEIRS;
		t->seq_out = OURS;
		t->mss_out = 1440;
		t->scale_in = 7;
		t->scale_out = 3;
		t->received = 50;
		t->acked = 300;
		t->ts_value = 11;
		t->ts_echo = 22;
		all[i] = (struct probe){ .track = t, .tuple = &tuple };
		list[i] = &all[i];
	}
	return 0;
}

static struct segment answer(uint32_t ack)
{
	return (struct segment){ .flags = SEGMENT_ACK,
				 .seq = THEIRS + 51,
				 .ack = ack,
				 .window = 10 };
}

static struct segment proof(uint32_t ack)
{
	struct segment s = answer(ack);

	s.sack_block = true;
	s.sack_start = OURS + 300;
	s.sack_end = OURS + 301;
	return s;
}

/* --- who, and when --- */

static void test_heavy_ones_first(void **state)
{
	size_t n;

	(void)state;
	for (int i = 0; i < N; i++)
		all[i].weight = i * 7919 % N;
	probes_start(&p, list, N, START);
	assert_int_equal(probes_next(&p), START);
	n = probes_due(&p, START, due, 30, &over);
	assert_int_equal(n, 30);
	n += probes_due(&p, START, due + n, N, &over);
	assert_int_equal(n, N);
	for (int i = 0; i < N; i++)
		assert_int_equal(due[i]->weight, N - 1 - i);
	assert_null(over);
	assert_int_equal(probes_next(&p), START + 20 * MS);
	assert_int_equal(probes_due(&p, START + 20 * MS - 1, due, N, &over), 0);
}

static void test_repetitions_and_the_deadline(void **state)
{
	static const uint64_t at[] = { 0, 20, 60, 140 };

	(void)state;
	probes_start(&p, list, 1, START);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(probes_next(&p), START + at[i] * MS);
		assert_int_equal(probes_due(&p, probes_next(&p), due, N, &over),
				 1);
		assert_null(over);
	}
	assert_int_equal(probes_next(&p), START + 500 * MS);
	assert_int_equal(probes_due(&p, START + 500 * MS, due, N, &over), 0);
	assert_ptr_equal(over, &all[0]);
	assert_null(over->next);
	assert_int_equal(over->state, PROBE_SILENT);
	assert_int_equal(p.waiting, 0);
	assert_int_equal(probes_next(&p), UINT64_MAX);
}

/* A probe that waits for its turn for too long is not sent at all. */
static void test_a_late_caller(void **state)
{
	(void)state;
	probes_start(&p, list, N, START);
	assert_int_equal(probes_due(&p, START + 600 * MS, due, N, &over), 0);
	for (int i = 0; i < N; i++, over = over->next)
		assert_int_equal(over->state, PROBE_SILENT);
	assert_null(over);
}

static void test_taking_out(void **state)
{
	(void)state;
	probes_start(&p, list, 3, START);
	probes_remove(&p, list[1]);
	probes_remove(&p, list[1]);
	assert_int_equal(p.waiting, 2);
	assert_int_equal(probes_due(&p, START, due, N, NULL), 2);
	probes_remove(&p, due[1]);
	probes_remove(&p, due[0]);
	assert_int_equal(p.waiting, 0);
	assert_int_equal(probes_next(&p), UINT64_MAX);
	probes_start(&p, list, 3, START);
	assert_int_equal(probes_due(&p, START, due, N, NULL), 3);
}

/* --- what an answer is --- */

static void test_a_proof_is_believed_at_once(void **state)
{
	struct segment s = proof(OURS + 1 + 400);

	(void)state;
	probes_start(&p, list, 2, START);
	assert_false(probe_in(&p, list[0], &s)); /* nobody has asked */
	probes_due(&p, START, due, N, NULL);
	assert_true(probe_in(&p, list[0], &s));
	assert_int_equal(list[0]->state, PROBE_ANSWERED);
	assert_true(list[0]->proven);
	assert_int_equal(list[0]->ack, OURS + 1 + 400);
	assert_int_equal(list[0]->window, 10 << 7);
	assert_int_equal(p.waiting, 1);
	s.ack++;
	assert_false(probe_in(&p, list[0], &s));
	assert_int_equal(list[0]->ack, OURS + 1 + 400);
	assert_int_equal(probes_due(&p, START + 20 * MS, due, N, NULL), 1);
	assert_ptr_equal(due[0], list[1]);
}

/* What was under way when the old owner died is older than the answer. */
static void test_what_proves_nothing_waits(void **state)
{
	struct segment s = answer(OURS + 1 + 350);

	(void)state;
	tracks[0].sack = false;
	probes_start(&p, list, 1, START);
	probes_due(&p, START, due, N, &over);
	assert_false(probe_in(&p, list[0], &s));
	assert_int_equal(probes_due(&p, START + 20 * MS, due, N, &over), 1);
	s = answer(OURS + 1 + 450);
	assert_false(probe_in(&p, list[0], &s));
	s = answer(OURS + 1 + 440); /* overtaken */
	assert_false(probe_in(&p, list[0], &s));
	assert_int_equal(probes_due(&p, START + 60 * MS, due, N, &over), 0);
	assert_ptr_equal(over, list[0]);
	assert_int_equal(over->state, PROBE_ANSWERED);
	assert_false(over->proven);
	assert_int_equal(over->ack, OURS + 1 + 450);
}

/* What comes twice, or was on its way for long, is not the newest word. */
static void test_what_is_replayed_is_not_believed(void **state)
{
	struct segment s = answer(OURS + 1 + 350);

	(void)state;
	tracks[0].timestamps = false;
	probes_start(&p, list, 1, START);
	probes_due(&p, START, due, N, &over);
	s.length = 9;
	assert_false(probe_in(&p, list[0], &s));
	assert_int_equal(probes_due(&p, START + 20 * MS, due, N, &over), 1);
	assert_int_equal(probes_due(&p, START + 60 * MS, due, N, &over), 1);
	assert_null(over);
}

/* Who echoes the probe's timestamp has had it; nobody else is believed. */
static void test_an_echo_is_a_proof(void **state)
{
	struct segment s = answer(OURS + 1 + 400);

	(void)state;
	probes_start(&p, list, 1, START);
	probes_due(&p, START, due, N, &over);
	s.timestamps = true;
	s.ts_echo = 22;
	assert_false(probe_in(&p, list[0], &s));
	assert_int_equal(probes_due(&p, START + 20 * MS, due, N, &over), 1);
	assert_int_equal(probes_due(&p, START + 60 * MS, due, N, &over), 1);
	assert_null(over);
	s.ts_echo = 23;
	assert_true(probe_in(&p, list[0], &s));
	assert_int_equal(list[0]->state, PROBE_ANSWERED);
}

/* Our clock goes on from what the end has seen, whoever said it last. */
static void test_a_proof_sets_the_clock(void **state)
{
	struct segment s = proof(OURS + 1 + 300);

	(void)state;
	s.timestamps = true;
	probes_start(&p, list, 2, START);
	probes_due(&p, START, due, N, &over);
	s.ts_echo = 2000;
	assert_true(probe_in(&p, list[0], &s));
	assert_int_equal(list[0]->track->ts_echo, 2000);
	s.ts_echo = 21; /* the end has not: never back */
	assert_true(probe_in(&p, list[1], &s));
	assert_int_equal(list[1]->track->ts_echo, 22);
}

static void test_what_is_no_answer(void **state)
{
	struct segment s = proof(OURS + 1 + 299); /* less than was known */

	(void)state;
	probes_start(&p, list, 1, START);
	probes_due(&p, START, due, N, NULL);
	assert_false(probe_in(&p, list[0], &s));
	s = proof(OURS + 1 + 400);
	s.flags = SEGMENT_PSH;
	assert_false(probe_in(&p, list[0], &s));
	s.flags = SEGMENT_SYN | SEGMENT_ACK;
	assert_false(probe_in(&p, list[0], &s));
	s = proof(OURS + 1 + 400);
	s.sack_end++; /* about something else */
	assert_false(probe_in(&p, list[0], &s));
	assert_int_equal(list[0]->state, PROBE_WAITING);
}

static void test_an_end_that_is_gone(void **state)
{
	struct segment s = { .flags = SEGMENT_RST, .seq = THEIRS + 51 };

	(void)state;
	probes_start(&p, list, 1, START);
	probes_due(&p, START, due, N, NULL);
	assert_int_equal(track_in(&tracks[0], &s, 300, false), TRACK_TAKEN);
	assert_true(probe_in(&p, list[0], &s));
	assert_int_equal(list[0]->state, PROBE_GONE);
}

/* --- what is sent --- */

static void test_segments(void **state)
{
	struct segment s;

	(void)state;
	probes_start(&p, list, 1, START);
	probe_segment(&s, list[0]);
	assert_int_equal(s.seq, OURS + 300); /* the last that it has for sure */
	assert_int_equal(s.length, 1);
	assert_int_equal(s.ack, THEIRS + 51);
	assert_int_equal(s.flags, SEGMENT_ACK);
	assert_int_equal(s.ts_value, 23); /* nobody has echoed it yet */
	assert_int_equal(s.ts_echo, 11);
	assert_int_equal(s.window, 65535 >> 3);

	probe_ack_segment(&s, &tracks[0], &tuple, OURS + 401, 99, 800);
	assert_int_equal(s.seq, OURS + 401);
	assert_int_equal(s.ack, THEIRS + 51);
	assert_int_equal(s.length, 0);
	assert_int_equal(s.ts_value, 99);
	assert_int_equal(s.window, 100);

	tracks[0].received = tracks[0].acked = 0;
	probe_syn_ack_segment(&s, &tracks[0], &tuple, 64240);
	assert_int_equal(s.seq, OURS);
	assert_int_equal(s.ack, THEIRS + 1);
	assert_int_equal(s.flags, SEGMENT_SYN | SEGMENT_ACK);
	assert_int_equal(s.mss, 1440);
	assert_int_equal(s.scale, 3);
	assert_true(s.sack && s.timestamps);
	assert_int_equal(s.window, 64240);

	probes_remove(&p, list[0]);
	probes_start(&p, list, 1, START); /* nothing sent yet but the SYN */
	probe_segment(&s, list[0]);
	assert_int_equal(s.seq, OURS);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_heavy_ones_first),
		TEST(test_repetitions_and_the_deadline),
		TEST(test_a_late_caller),
		TEST(test_taking_out),
		TEST(test_a_proof_is_believed_at_once),
		TEST(test_what_proves_nothing_waits),
		TEST(test_what_is_replayed_is_not_believed),
		TEST(test_an_echo_is_a_proof),
		TEST(test_a_proof_sets_the_clock),
		TEST(test_what_is_no_answer),
		TEST(test_an_end_that_is_gone),
		TEST(test_segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
