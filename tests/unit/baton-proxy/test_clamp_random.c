// SPDX-License-Identifier: GPL-2.0-only
/* Random connections, in which nobody is ever told more than may be told, nor runs
 * out of window for it; and at the end all is told. */
#include "clamped.h"

#define ROUNDS 20000
#define STEPS 60

static uint64_t seed = 0x636c616d70;

static uint32_t below(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 32) % n;
}

/* The kernel, and the client as far as packets reach it: all do. */
struct world {
	uint32_t received; /* by the kernel, of the client's */
	uint32_t edge; /* of its window */
	uint32_t heard; /* acknowledged, as the client knows it */
	uint32_t heard_edge;
	uint32_t next; /* of ours */
	bool spoken;
	bool asked;
};

static void hear(struct world *w, const struct segment *left)
{
	bool more = seq_before(w->heard, left->ack) ||
		    seq_before(w->heard_edge, edge(left)) || left->length ||
		    left->flags & SEGMENT_FIN || !w->spoken || w->asked ||
		    seq_before(left->seq, w->next);

	assert_false(seq_before(limit.ack, left->ack));
	assert_false(seq_before(w->edge, edge(left)));
	assert_false(w->spoken && seq_before(left->ack, w->heard));
	/* one that says nothing new only when nothing is withheld */
	assert_true(more || left->ack == w->received);
	if (left->ack != w->received)
		assert_false(left->sack_block);
	if (!w->spoken || seq_before(w->heard, left->ack))
		w->heard = left->ack;
	if (!w->spoken || seq_before(w->heard_edge, edge(left)))
		w->heard_edge = edge(left);
	w->spoken = true;
	w->asked = false;
}

static void kernel_speaks(struct world *w)
{
	struct segment s = pure(w->received, w->edge - w->received);
	struct out o;

	s.seq = w->next;
	if (below(3) == 0) {
		s.length = below(100);
		s.payload = o.packet + 1000; /* whatever */
		memset(o.packet + 1000, 'x', 100);
	}
	if (below(4) == 0) {
		s.sack_block = true;
		s.sack_start = w->received + 100;
		s.sack_end = w->received + 200;
	}
	if (leave(&o, &s) == CLAMP_DROP) {
		assert_false(s.length);
		assert_false(w->asked);
		assert_true(seq_before(limit.ack, w->received));
		/* it is not to run out of window for that */
		assert_true(c.waiting ||
			    (int32_t)(w->heard_edge - w->received) >=
				    (int32_t)(w->edge - w->received) / 2 - 16);
	} else {
		hear(w, &o.left);
	}
	w->next += s.length;
}

static void due(struct world *w)
{
	struct segment s;
	struct out o;

	o.len = clamp_due(&c, &limit, o.packet);
	if (!o.len)
		return;
	assert_int_equal(segment_parse(&s, o.packet, o.len, false), 0);
	assert_int_equal(s.seq, w->next);
	leave(&o, &s);
	hear(w, &o.left);
}

/* Where the client must end, as far as it has been told. */
static uint32_t window(const struct world *w)
{
	return w->spoken ? w->heard_edge : w->edge;
}

static void step(struct world *w)
{
	switch (below(4)) {
	case 0: /* data arrives, and is read later */
		w->received +=
			(window(w) - w->received) * (uint64_t)below(101) / 100;
		kernel_speaks(w);
		break;
	case 1:
		w->edge += ((w->received + below(8000) - w->edge) & INT32_MAX) %
				   8000 &
			   -(1u << SCALE);
		kernel_speaks(w);
		break;
	case 2: /* some of it is done */
		limit.ack +=
			(w->received - limit.ack) * (uint64_t)below(101) / 100;
		due(w);
		break;
	case 3:
		if (w->spoken && seq_before(w->heard, w->received)) {
			struct segment s = from_client(w->heard);

			clamp_repeated(&c, &s);
			w->asked = true;
			kernel_speaks(w);
		}
	}
}

static void test_random(void **state)
{
	for (int i = 0; i < ROUNDS; i++) {
		struct world w = { .received = FIRST,
				   .edge = FIRST + 8000,
				   .next = UNA };

		begin(state);
		limit.una = UNA;
		for (int n = 0; n < STEPS; n++)
			step(&w);
		if (!w.spoken)
			continue;
		/* at the end all is done, and told */
		limit.ack = w.received;
		due(&w);
		if (c.begun && !seq_before(c.ack, w.received))
			assert_int_equal(w.heard, w.received);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
