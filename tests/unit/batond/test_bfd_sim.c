// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two sessions back to back over a link that loses, delays and doubles
 * packets, each in a loop that the scheduler may treat badly: many seeded
 * simulations of what must hold whatever happens.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "batond/bfd.h"

#define US 1000ULL
#define MS 1000000ULL
#define S 1000000000ULL
#define START (1000 * S)
#define NEVER UINT64_MAX
#define QUEUE 256
#define SEEDS 300

struct flight {
	uint64_t arrives;
	uint8_t data[BFD_PACKET_MAX];
	size_t len;
};

struct node {
	struct bfd bfd;
	struct flight queue[QUEUE];
	size_t n;
	uint64_t blocked; /* until then it does not run */
	unsigned int stalls_per_1000; /* turns of its loop */
	bool deaf; /* while it is stalled: nothing is kept for it either */
	bool dead;
	uint64_t deaths, dies_at; /* of the other, as it says */
	uint64_t late_turns; /* with the other silent for the whole time */
};

static struct sim {
	struct node node[2];
	uint64_t now, rng;
	unsigned int lost_per_1000, doubled_per_1000;
	uint64_t slowest; /* on the way */
	bool cut;
} sim;

/* xorshift64* (Vigna 2014) */
static uint64_t draw(uint64_t from, uint64_t to)
{
	sim.rng ^= sim.rng >> 12;
	sim.rng ^= sim.rng << 25;
	sim.rng ^= sim.rng >> 27;
	return from + sim.rng * 0x2545f4914f6cdd1dULL % (to - from + 1);
}

static const struct bfd_settings settings[] = {
	{ 10000, 10000, 3, { BFD_AUTH_METICULOUS_SHA1, 1, "of both" } },
	{ 10000, 10000, 3, { BFD_AUTH_METICULOUS_SHA1, 1, "of both" } },
};

static void sim_init(uint64_t seed)
{
	memset(&sim, 0, sizeof(sim));
	sim.rng = (seed + 1) * 0x9e3779b97f4a7c15ULL;
	sim.now = START;
	sim.slowest = 300 * US;
	for (int i = 0; i < 2; i++) {
		bfd_init(&sim.node[i].bfd, &settings[i], 100 + i,
			 draw(0, UINT32_MAX), START, 0);
		sim.node[i].blocked = START + draw(0, S);
	}
}

static void put(struct node *to, const uint8_t *data, size_t len)
{
	struct flight *f = &to->queue[to->n++];

	assert_true(to->n <= QUEUE);
	f->arrives = sim.now + draw(20 * US, sim.slowest);
	if (to->deaf && f->arrives < to->blocked)
		to->n--;
	f->len = len;
	memcpy(f->data, data, len);
}

static void transmit(struct node *from, struct node *to)
{
	uint8_t data[BFD_PACKET_MAX];
	struct bfd_packet p;
	size_t len;

	if (!bfd_transmit(&from->bfd, sim.now, draw(0, UINT32_MAX), &p))
		return;
	bfd_sent(&from->bfd, sim.now);
	len = bfd_packet_write(&p, data);
	assert_true(bfd_auth_sign(data, &from->bfd.settings.key));
	if (sim.cut || to->dead || draw(0, 999) < sim.lost_per_1000)
		return;
	put(to, data, len);
	if (draw(0, 999) < sim.doubled_per_1000)
		put(to, data, len);
}

/* Everything that has arrived, in the order in which it did. */
static struct flight *first(struct node *n)
{
	struct flight *f = NULL;

	for (size_t i = 0; i < n->n; i++)
		if (!f || n->queue[i].arrives < f->arrives)
			f = &n->queue[i];
	return f;
}

static void note(struct node *n, enum bfd_change change)
{
	if (change != BFD_WENT_DOWN)
		return;
	n->deaths++;
	n->dies_at = sim.now;
}

static void drain(struct node *n)
{
	struct flight *f;

	while ((f = first(n)) && f->arrives <= sim.now) {
		enum bfd_change change;
		struct bfd_packet p;

		assert_int_equal(bfd_packet_read(&p, f->data, f->len),
				 BFD_TAKEN);
		bfd_receive(&n->bfd, &p, f->data, sim.now, &change);
		note(n, change);
		*f = n->queue[--n->n];
	}
}

static uint64_t wakes(struct node *n)
{
	struct flight *f = first(n);
	uint64_t at = bfd_deadline(&n->bfd);

	if (n->dead)
		return NEVER;
	at = f && f->arrives < at ? f->arrives : at;
	at = at > n->blocked ? at : n->blocked;
	return at > sim.now ? at : sim.now;
}

/* As the prober does: time, packets, verdict, packets. */
static void turn(struct node *n, struct node *other)
{
	uint64_t heard = n->bfd.heard;

	n->late_turns += n->bfd.state == BFD_UP && heard &&
			 sim.now - heard > bfd_detect_time(&n->bfd);
	drain(n);
	note(n, bfd_check(&n->bfd, sim.now));
	transmit(n, other);
}

static void run(uint64_t until, bool (*enough)(void))
{
	while (!enough || !enough()) {
		uint64_t at[] = { wakes(&sim.node[0]), wakes(&sim.node[1]) };
		int i = at[1] < at[0];

		if (at[i] > until)
			break;
		sim.now = at[i];
		if (sim.now > sim.node[i].blocked &&
		    draw(0, 999) < sim.node[i].stalls_per_1000) {
			sim.node[i].blocked = sim.now + draw(15 * MS, 95 * MS);
			continue;
		}
		turn(&sim.node[i], &sim.node[!i]);
		sim.node[i].blocked = sim.now + 20 * US; /* a turn's work */
	}
	if (sim.now < until && !(enough && enough()))
		sim.now = until;
}

static bool both_up(void)
{
	return sim.node[0].bfd.state == BFD_UP &&
	       sim.node[1].bfd.state == BFD_UP;
}

static bool settled(void)
{
	return both_up() && !sim.node[0].bfd.polling &&
	       !sim.node[1].bfd.polling;
}

static bool found_dead(void)
{
	return sim.node[0].deaths;
}

static void come_up(uint64_t seed)
{
	sim_init(seed);
	run(START + 20 * S, settled);
	assert_true(settled());
}

static void test_up_over_a_bad_link(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		sim_init(seed);
		sim.lost_per_1000 = 300;
		sim.doubled_per_1000 = 300;
		sim.slowest = 30 * MS; /* so that they overtake each other */
		run(START + 60 * S, both_up);
		assert_true(both_up());
	}
}

static void test_a_good_link_is_never_lost(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		come_up(seed);
		sim.doubled_per_1000 = 100;
		run(sim.now + 5 * S, NULL);
		for (int i = 0; i < 2; i++) {
			assert_int_equal(sim.node[i].bfd.downs, 0);
			assert_int_equal(sim.node[i].deaths, 0);
		}
		/* Each packet that came twice was taken once. */
		assert_true(
			sim.node[0].bfd.discarded[BFD_DISCARD_AUTH_SEQUENCE] >
			0);
		assert_true(sim.node[0].bfd.received <= sim.node[1].bfd.sent);
	}
}

static void test_intervals_change_without_a_loss(void **state)
{
	static const uint32_t choices[] = { 5000, 10000, 40000, 300000 };

	(void)state;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct bfd_settings s[] = { settings[0], settings[1] };

		come_up(seed);
		for (int i = 0; i < 6; i++) {
			int who = draw(0, 1);

			s[who].min_tx = choices[draw(0, 3)];
			s[who].min_rx = choices[draw(0, 3)];
			bfd_configure(&sim.node[who].bfd, &s[who]);
			run(sim.now + draw(0, 800 * MS), NULL);
		}
		run(sim.now + 2 * S, NULL);
		assert_true(settled());
		for (int i = 0; i < 2; i++) {
			const struct bfd *b = &sim.node[i].bfd;
			uint32_t fast = s[i].min_tx, slow = s[!i].min_rx;

			assert_int_equal(b->downs, 0);
			assert_int_equal(bfd_tx_interval(b),
					 fast > slow ? fast : slow);
			assert_int_equal(bfd_tx_interval(b),
					 bfd_rx_interval(&sim.node[!i].bfd));
		}
	}
}

/* Pauses here end sessions, but kill nobody. A detector that looks only at
 * the age of the last packet would have, as the same traces show. */
static void test_a_live_host_is_never_declared_dead(void **state)
{
	uint64_t lost = 0, naive = 0;

	(void)state;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		come_up(seed);
		sim.node[0].deaf = seed % 2;
		sim.node[0].stalls_per_1000 = draw(1, seed % 2 ? 10 : 60);
		run(sim.now + 10 * S, NULL);
		if (sim.node[0].deaths)
			fail_msg("seed %lu: dead", seed);
		lost += sim.node[0].bfd.downs;
		naive += sim.node[0].late_turns;
	}
	assert_true(lost > 0);
	assert_true(naive > 0);
}

static void test_a_dead_host_is_found_in_time(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		uint64_t died, took;

		come_up(seed);
		run(sim.now + draw(0, S), NULL);
		died = sim.now;
		sim.node[1].dead = true;
		run(NEVER - 1, found_dead);
		took = sim.node[0].dies_at - died;
		/* Between its last packet and its death was up to an interval. */
		assert_in_range(took, 20 * MS, 31 * MS);
	}
}

/* In spite of pauses, and although each of them may excuse it. */
static void test_a_dead_host_is_found_in_spite_of_stalls(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		uint64_t died;

		come_up(seed);
		sim.node[0].stalls_per_1000 = draw(0, 900);
		run(sim.now + draw(0, S), NULL);
		assert_int_equal(sim.node[0].deaths, 0);
		died = sim.now;
		sim.node[1].dead = true;
		run(NEVER - 1, found_dead);
		assert_true(sim.node[0].dies_at - died < 10 * S);
	}
}

static void test_a_cut_is_found_and_heals(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		come_up(seed);
		sim.cut = true;
		run(sim.now + 32 * MS, NULL);
		for (int i = 0; i < 2; i++) {
			assert_int_not_equal(sim.node[i].bfd.state, BFD_UP);
			assert_int_equal(sim.node[i].deaths, 1);
		}
		sim.cut = false;
		run(sim.now + 10 * S, both_up);
		assert_true(both_up());
		assert_int_equal(sim.node[0].bfd.verdict, BFD_ALIVE);
	}
}

static int setup(void **state)
{
	(void)state;
	return bfd_auth_open();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_up_over_a_bad_link),
		cmocka_unit_test(test_a_good_link_is_never_lost),
		cmocka_unit_test(test_intervals_change_without_a_loss),
		cmocka_unit_test(test_a_live_host_is_never_declared_dead),
		cmocka_unit_test(test_a_dead_host_is_found_in_time),
		cmocka_unit_test(test_a_dead_host_is_found_in_spite_of_stalls),
		cmocka_unit_test(test_a_cut_is_found_and_heals),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
