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
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
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
	uint64_t claimed, displaced, found, strangers, updated;
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

	if (baton_bucket_find(first, key, n, &found) ||
	    baton_bucket_find(second, key, n, &found)) {
		__u64 was = found.seen;

		if (!was)
			return;
		w.word = was;
		cpu->found++;
		cpu->strangers += w.flow.owner != owner_of(key, n);
		cpu->updated += baton_slot_update(found.slot, n, was,
						  next_flow(&cpu->rng, was));
		return;
	}
	if (baton_bucket_claim(first, key, n, w.word) ||
	    baton_bucket_claim(second, key, n, w.word))
		cpu->claimed++;
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

static uint32_t count_twins(struct table *t)
{
	uint32_t twins = 0;

	for (uint32_t i = 0; i < BUCKETS * BATON_FLOW_SLOTS; i++)
		for (uint32_t j = 0; j < i; j++)
			twins += slot_at(t, i)[0] &&
				 !memcmp(slot_at(t, i), slot_at(t, j),
					 t->n * sizeof(__u64));
	return twins;
}

static void race(int n)
{
	struct table table = { .n = n };
	struct sweeper sweeper = { .table = &table };
	struct cpu cpu[CPUS];
	pthread_t thread[CPUS], controller;
	uint64_t claimed = 0;

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
		/* it was a race indeed */
		assert_true(cpu[i].claimed && cpu[i].displaced);
		assert_true(cpu[i].found > cpu[i].updated);
		claimed += cpu[i].claimed;
	}
	assert_true(sweeper.freed);
	assert_int_equal(count_used(&table), claimed - sweeper.freed);
	if (getenv("BATON_SHOW"))
		print_message("n %d used %u twins %u, claimed %lu freed %lu "
			      "found %lu upd %lu disp %lu\n",
			      n, count_used(&table), count_twins(&table),
			      claimed, sweeper.freed, cpu[0].found,
			      cpu[0].updated, cpu[0].displaced);
	assert_int_equal(count_twins(&table), 0);
}

static void test_ipv4(void **state)
{
	(void)state;
	race(1);
}

static void test_ipv6(void **state)
{
	(void)state;
	race(3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4),
		cmocka_unit_test(test_ipv6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
