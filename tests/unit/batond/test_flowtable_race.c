// SPDX-License-Identifier: GPL-2.0-only
/*
 * The flow table under several threads, on a table so small that everything
 * collides: CPUs that record, update and displace flows, and a controller
 * that frees them.
 *
 * Keys are made so that the parts of different keys make other keys, and all
 * IPv6 keys share their first word: a key read half before and half after its
 * slot changed hands would be found with a stranger's owner.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "baton/flowtable.h"
#include "baton/hash.h"

#define BUCKETS 16
#define SIDE 24 /* keys are SIDE * SIDE */
#define ROUNDS 1000000
#define CPUS 3

struct table {
	int n;
	__u64 words[BUCKETS * BATON_FLOW_SLOTS * BATON_FLOW_WORDS(3)];
	int finished; /* CPUs */
};

struct cpu {
	struct table *table;
	uint64_t rng;
	uint64_t claimed, displaced, strangers, updated;
};

struct sweeper {
	struct table *table;
	uint64_t freed;
};

static const __u64 seed[2] = { 0x8a5cd789635d2dffULL, 0x121fd2155c472f96ULL };

static uint32_t draw(uint64_t *rng, uint32_t n)
{
	*rng ^= *rng >> 12;
	*rng ^= *rng << 25;
	*rng ^= *rng >> 27;
	return (*rng * 0x2545f4914f6cdd1dULL >> 32) % n;
}

/* Key (a, b) of the square. The owner follows from the key. */
static void make_key(__u64 *key, int n, uint32_t a, uint32_t b)
{
	if (n == 1) {
		key[0] = (a + 1ULL) << 32 | (b + 1);
	} else {
		key[0] = 0x0001000000000001ULL;
		key[1] = a + 1;
		key[2] = b + 1;
	}
}

static uint16_t owner_of(const __u64 *key, int n)
{
	uint32_t a = n == 1 ? key[0] >> 32 : key[1];
	uint32_t b = n == 1 ? (uint32_t)key[0] : key[2];

	return a * (SIDE + 1) + b;
}

static __u64 *slot_at(struct table *t, uint32_t i)
{
	return &t->words[i * BATON_FLOW_WORDS(t->n)];
}

static __u64 *bucket_at(struct table *t, uint32_t i)
{
	return slot_at(t, i * BATON_FLOW_SLOTS);
}

/* Move on in life, to be displaced or freed sooner or later. */
static __u64 next_flow(uint64_t *rng, __u64 word)
{
	union baton_flow_word w = { .word = word };

	w.flow.state = draw(rng, BATON_NR_FLOW_STATES);
	w.flow.flags = draw(rng, 4) ? 0 : BATON_FLOW_CONFIRMED;
	w.flow.seen = draw(rng, 4);
	return w.word;
}

static void handle_packet(struct cpu *cpu, int n, const __u64 *key)
{
	struct table *t = cpu->table;
	__u64 hash = baton_hash(seed, key, n);
	__u64 *first = bucket_at(t, baton_bucket1(hash, BUCKETS));
	__u64 *second = bucket_at(t, baton_bucket2(hash, BUCKETS));
	union baton_flow_word w = { .flow = { .owner = owner_of(key, n) } };
	struct baton_found found = { 0 };
	int claimed;

	if (baton_bucket_find(first, key, n, &found) ||
	    baton_bucket_find(second, key, n, &found)) {
		__u64 was = found.seen;

		if (!was)
			return;
		w.word = was;
		cpu->strangers += w.flow.owner != owner_of(key, n);
		cpu->updated += baton_slot_update(found.slot, n, was,
						  next_flow(&cpu->rng, was));
		return;
	}
	claimed = baton_bucket_claim(first, key, n, w.word);
	if (!claimed)
		claimed = baton_bucket_claim(second, key, n, w.word);
	if (claimed)
		cpu->claimed += claimed == 1;
	else if (baton_bucket_displace(first, key, n, w.word, 4) ||
		 baton_bucket_displace(second, key, n, w.word, 4))
		cpu->displaced++;
}

static void *run_cpu(void *arg)
{
	struct cpu *cpu = arg;
	int n = cpu->table->n;
	__u64 key[3];

	for (int i = 0; i < ROUNDS; i++) {
		make_key(key, n, draw(&cpu->rng, SIDE), draw(&cpu->rng, SIDE));
		/* constants, as in the programs */
		if (n == 1)
			handle_packet(cpu, 1, key);
		else
			handle_packet(cpu, 3, key);
	}
	__atomic_add_fetch(&cpu->table->finished, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

/* The controller frees one in four flows that it comes by. */
static void *run_sweeper(void *arg)
{
	struct sweeper *s = arg;
	struct table *t = s->table;
	uint64_t rng = 4711;

	while (__atomic_load_n(&t->finished, __ATOMIC_SEQ_CST) < CPUS) {
		for (uint32_t i = 0; i < BUCKETS * BATON_FLOW_SLOTS; i++) {
			__u64 *slot = slot_at(t, i);
			__u64 word = baton_load(&slot[t->n]);

			if (word && !draw(&rng, 4))
				s->freed += baton_slot_free(slot, t->n, word);
		}
	}
	return NULL;
}

/* At rest: what is in use is whole, and in a bucket of its key. */
static uint32_t count_used(struct table *t)
{
	int n = t->n;
	uint32_t used = 0;

	for (uint32_t i = 0; i < BUCKETS * BATON_FLOW_SLOTS; i++) {
		__u64 *slot = slot_at(t, i);
		union baton_flow_word w = { .word = slot[n] };
		uint32_t at = i / BATON_FLOW_SLOTS;
		__u64 hash;

		if (!slot[0]) {
			assert_int_equal(slot[n], 0);
			continue;
		}
		used++;
		assert_int_not_equal(slot[n], 0);
		assert_int_equal(w.flow.owner, owner_of(slot, n));
		hash = baton_hash(seed, slot, n);
		assert_true(at == baton_bucket1(hash, BUCKETS) ||
			    at == baton_bucket2(hash, BUCKETS));
	}
	return used;
}

static void race(int n)
{
	struct table table = { .n = n };
	struct sweeper sweeper = { .table = &table };
	struct cpu cpu[CPUS];
	pthread_t thread[CPUS], controller;
	uint64_t claimed = 0, displaced = 0, updated = 0;

	for (int i = 0; i < CPUS; i++) {
		cpu[i] = (struct cpu){ .table = &table, .rng = i + 1 };
		assert_int_equal(
			pthread_create(&thread[i], NULL, run_cpu, &cpu[i]), 0);
	}
	assert_int_equal(
		pthread_create(&controller, NULL, run_sweeper, &sweeper), 0);
	pthread_join(controller, NULL);
	for (int i = 0; i < CPUS; i++)
		pthread_join(thread[i], NULL);

	for (int i = 0; i < CPUS; i++) {
		assert_int_equal(cpu[i].strangers, 0);
		claimed += cpu[i].claimed;
		displaced += cpu[i].displaced;
		updated += cpu[i].updated;
	}
	assert_true(claimed && displaced && updated);
	assert_int_equal(count_used(&table), claimed - sweeper.freed);
}

static void test_race(void **state)
{
	(void)state;
	race(1);
	race(3);
}

/* --- the first packets of one connection on two CPUs at once -------------- */

#define MEETINGS 20000

struct meeting {
	int n;
	__u64 words[2 * BATON_FLOW_SLOTS * BATON_FLOW_WORDS(3)];
	int arrived; /* counts up: both come twice to each meeting */
};

/* Wait for the others without hogging the CPU that they may need. */
static void meet(struct meeting *m, int all)
{
	__atomic_add_fetch(&m->arrived, 1, __ATOMIC_SEQ_CST);
	for (int i = 0; __atomic_load_n(&m->arrived, __ATOMIC_SEQ_CST) < all;
	     i++)
		if (i > 1000)
			sched_yield();
}

/* The last to arrive is first to leave, by a little: even that out. */
static void linger(uint64_t *rng)
{
	for (volatile uint32_t i = draw(rng, 200); i; i--)
		;
}

static void first_packet(struct meeting *m)
{
	__u64 *second = &m->words[BATON_FLOW_SLOTS * BATON_FLOW_WORDS(m->n)];
	struct baton_found found;
	__u64 key[3];

	make_key(key, m->n, 7, 7);
	if (baton_bucket_find(m->words, key, m->n, &found) ||
	    baton_bucket_find(second, key, m->n, &found) ||
	    baton_bucket_claim(m->words, key, m->n, 1))
		return;
	baton_bucket_claim(second, key, m->n, 1);
}

/* Both buckets anew, with none to four others in the first. */
static void prepare(struct meeting *m, uint32_t others)
{
	__u64 key[3];

	memset(m->words, 0, sizeof(m->words));
	for (uint32_t i = 0; i < others; i++) {
		make_key(key, m->n, i, 8);
		baton_bucket_claim(m->words, key, m->n, 1);
	}
}

static int count_copies(const struct meeting *m)
{
	int copies = 0;
	__u64 key[3];

	make_key(key, m->n, 7, 7);
	for (int i = 0; i < 2 * BATON_FLOW_SLOTS; i++)
		copies += !memcmp(&m->words[i * BATON_FLOW_WORDS(m->n)], key,
				  m->n * sizeof(key[0]));
	return copies;
}

static void *run_other(void *arg)
{
	struct meeting *m = arg;
	uint64_t rng = 1;

	for (int i = 0; i < MEETINGS; i++) {
		meet(m, 4 * i + 2);
		linger(&rng);
		first_packet(m);
		meet(m, 4 * i + 4);
	}
	return NULL;
}

static void first_packets(int n)
{
	struct meeting m = { .n = n };
	pthread_t other;
	uint64_t rng = 2;
	int wrong = 0;

	assert_int_equal(pthread_create(&other, NULL, run_other, &m), 0);
	for (int i = 0; i < MEETINGS; i++) {
		prepare(&m, i % (BATON_FLOW_SLOTS + 1));
		meet(&m, 4 * i + 2);
		linger(&rng);
		first_packet(&m);
		meet(&m, 4 * i + 4);
		wrong += count_copies(&m) != 1;
	}
	pthread_join(other, NULL);
	assert_int_equal(wrong, 0);
}

static void test_first_packets_at_once(void **state)
{
	(void)state;
	first_packets(1);
	first_packets(3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_race),
		cmocka_unit_test(test_first_packets_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
