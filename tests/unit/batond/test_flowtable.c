// SPDX-License-Identifier: GPL-2.0-only
/*
 * The flow table's slots and the hash that chooses buckets: what flowtable.h
 * and hash.h promise to one thread. test_flowtable_race.c has several.
 */
#include <arpa/inet.h>
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

#define NOW 1000

static const __u64 seed[4] = { 0x8a5cd789635d2dffULL, 0x121fd2155c472f96ULL,
			       0x7b4d3f1e0c6a9852ULL, 0x3e9b7cd04f1a6583ULL };

/* A key of n words, as many of it as there are. */
static void key4(__u64 *key, uint32_t client, uint16_t port, uint16_t service)
{
	union baton_flow4_words w = { .key = { htonl(client), htons(port),
					       service } };

	key[0] = w.word[0];
}

static void key6(__u64 *key, const uint32_t client[4], uint16_t port,
		 uint16_t service)
{
	union baton_flow6_words w = { .key = { .port = htons(port),
					       .service = service } };

	for (int i = 0; i < 4; i++)
		w.key.client[i] = htonl(client[i]);
	w.key.tag = baton_flow_tag(w.key.client);
	memcpy(key, w.word, sizeof(w.word));
}

static void key_of(__u64 *key, int n, uint32_t i)
{
	const uint32_t client[4] = { 0x20010db8, 0, 0, i };

	if (n == 1)
		key4(key, 0x0a000000 + i, 40000, 1);
	else
		key6(key, client, 40000, 1);
}

static __u64 flow_of(uint16_t owner, uint8_t state, uint8_t flags,
		     uint16_t seen)
{
	union baton_flow_word w = {
		.flow = { .owner = owner,
			  .state = state,
			  .flags = flags,
			  .seen = seen },
	};

	return w.word;
}

static void for_both_widths(void (*test)(int n))
{
	test(1);
	test(3);
}

/* --- one bucket ----------------------------------------------------------- */

static __u64 bucket[BATON_FLOW_SLOTS * BATON_FLOW_WORDS(3)];

static bool find(int n, uint32_t i, struct baton_found *found)
{
	__u64 key[3];

	key_of(key, n, i);
	*found = (struct baton_found){ 0 };
	return baton_bucket_find(bucket, key, n, found);
}

static bool claim(int n, uint32_t i, __u64 flow)
{
	__u64 key[3];

	key_of(key, n, i);
	return baton_bucket_claim(bucket, key, n, flow);
}

static bool displace(int n, uint32_t i, __u64 flow)
{
	__u64 key[3];

	key_of(key, n, i);
	return baton_bucket_displace(bucket, key, n, flow, NOW);
}

static void assert_flow(int n, uint32_t i, __u64 flow)
{
	struct baton_found found;

	assert_true(find(n, i, &found));
	assert_int_equal(found.seen, flow);
}

static void insert_find_free(int n)
{
	struct baton_found found;

	memset(bucket, 0, sizeof(bucket));
	assert_false(find(n, 1, &found));
	for (uint32_t i = 1; i <= BATON_FLOW_SLOTS; i++)
		assert_true(claim(n, i, flow_of(i, 0, 0, NOW)));
	assert_false(claim(n, 9, flow_of(9, 0, 0, NOW)));
	for (uint32_t i = 1; i <= BATON_FLOW_SLOTS; i++)
		assert_flow(n, i, flow_of(i, 0, 0, NOW));
	assert_false(find(n, 9, &found));

	/* free one: the others stay, another takes its place */
	assert_true(find(n, 2, &found));
	assert_true(baton_slot_free(found.slot, n, found.seen));
	assert_false(find(n, 2, &found));
	assert_flow(n, 1, flow_of(1, 0, 0, NOW));
	assert_true(claim(n, 9, flow_of(9, 0, 0, NOW)));
	assert_flow(n, 9, flow_of(9, 0, 0, NOW));
	assert_flow(n, 3, flow_of(3, 0, 0, NOW));
}

static void test_insert_find_free(void **state)
{
	(void)state;
	for_both_widths(insert_find_free);
}

/* What was computed from an old flow comes to nothing. */
static void old_news(int n)
{
	__u64 first = flow_of(1, 0, 0, NOW), second = flow_of(1, 2, 1, NOW);
	struct baton_found found;

	memset(bucket, 0, sizeof(bucket));
	claim(n, 1, first);
	assert_true(find(n, 1, &found));
	assert_true(baton_slot_update(found.slot, n, found.seen, second));
	assert_flow(n, 1, second);
	assert_false(baton_slot_update(found.slot, n, found.seen, first));
	assert_false(baton_slot_free(found.slot, n, found.seen));
	assert_flow(n, 1, second);
	assert_true(baton_slot_free(found.slot, n, second));
	assert_false(baton_slot_update(found.slot, n, second, first));
	assert_false(find(n, 1, &found));
}

static void test_updates_of_old_flows_fail(void **state)
{
	(void)state;
	for_both_widths(old_news);
}

/* A slot that is being filled: found, nothing to go by, not displaced. */
static void half_written(int n)
{
	struct baton_found found;

	memset(bucket, 0, sizeof(bucket));
	claim(n, 1, 0);
	assert_true(find(n, 1, &found));
	assert_int_equal(found.seen, 0);
	assert_false(displace(n, 2, flow_of(2, 0, 0, NOW)));
	/* the sweep frees it if nobody ever fills it */
	assert_true(baton_slot_free(found.slot, n, 0));
	assert_false(find(n, 1, &found));
}

static void test_slot_without_flow(void **state)
{
	(void)state;
	for_both_widths(half_written);
}

static void displaced_one(int n, const __u64 flows[BATON_FLOW_SLOTS],
			  int victim)
{
	struct baton_found found;
	__u64 mine = flow_of(9, 0, 0, NOW);

	memset(bucket, 0, sizeof(bucket));
	for (uint32_t i = 0; i < BATON_FLOW_SLOTS; i++)
		claim(n, i + 1, flows[i]);
	assert_int_equal(displace(n, 9, mine), victim >= 0);
	for (int i = 0; i < BATON_FLOW_SLOTS; i++) {
		if (i == victim)
			assert_false(find(n, i + 1, &found));
		else
			assert_flow(n, i + 1, flows[i]);
	}
	if (victim >= 0)
		assert_flow(n, 9, mine);
	else
		assert_false(find(n, 9, &found));
}

static void displacement(int n)
{
	const uint8_t ok = BATON_FLOW_CONFIRMED;
	const uint8_t fin = BATON_FLOW_FIN_CLIENT;
	const __u64 old = flow_of(1, BATON_FLOW_OPENING, 0, NOW - 30);
	const __u64 older = flow_of(1, BATON_FLOW_ESTABLISHED, fin, NOW - 31);
	const __u64 wrapped = flow_of(1, BATON_FLOW_OPENING, 0, NOW + 1);
	const __u64 fresh = flow_of(1, BATON_FLOW_ANSWERED, 0, NOW);
	const __u64 closed = flow_of(1, BATON_FLOW_CLOSED, 0, NOW);
	const __u64 over = flow_of(1, BATON_FLOW_CLOSED, ok, NOW);
	const __u64 live = flow_of(1, BATON_FLOW_ESTABLISHED, ok, NOW - 9999);
	const __u64 ending = flow_of(1, BATON_FLOW_CLOSING, ok, NOW - 9999);
	const struct {
		__u64 flows[BATON_FLOW_SLOTS];
		int victim;
	} table[] = {
		{ { live, live, ending, live }, -1 },
		{ { live, fresh, live, live }, 1 },
		{ { old, fresh, older, fresh }, 2 },
		{ { old, closed, older, fresh }, 1 },
		{ { wrapped, live, live, over }, 3 },
		{ { old, older, wrapped, fresh }, 2 },
		{ { live, old, ending, fresh }, 1 },
		{ { fresh, fresh, fresh, fresh }, 0 },
		{ { live, 0, live, live }, -1 },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		displaced_one(n, table[i].flows, table[i].victim);
}

static void test_who_is_displaced(void **state)
{
	(void)state;
	for_both_widths(displacement);
}

/* --- the hash ------------------------------------------------------------- */

#define CELLS 4096
#define PER_CELL 64
static uint32_t cell[3][CELLS];

/* Is chi-square within 6 standard deviations above its mean, or below it? */
static bool is_even(const uint32_t *counts)
{
	const double mean = CELLS - 1, variance = 2 * mean;
	double over = -mean;

	for (int i = 0; i < CELLS; i++) {
		double d = (double)counts[i] - PER_CELL;

		over += d * d / PER_CELL;
	}
	return over < 0 || over * over < 36 * variance;
}

/* The nth member of a family of keys that real clients might form. */
typedef int pattern(__u64 *key, uint32_t i);

static int addresses4(__u64 *key, uint32_t i)
{
	key4(key, 0x0a000000 + i, 40000, 1);
	return 1;
}

static int networks4(__u64 *key, uint32_t i)
{
	key4(key, i << 12 | 7, 40000, 1);
	return 1;
}

static int ports4(__u64 *key, uint32_t i)
{
	key4(key, 0xc0a80000 + (i >> 14), 1024 + (i & 0x3fff), 1);
	return 1;
}

static int services4(__u64 *key, uint32_t i)
{
	key4(key, 0xc0a80000 + (i >> 10), 5000, i & 0x3ff);
	return 1;
}

/* IPv6: counting in each word of the address, and in the port. */
static int count6(__u64 *key, uint32_t i, int word)
{
	uint32_t client[4] = { 0x20010db8, 0x12, 0, 1 };

	client[word] += i;
	key6(key, client, 40000, 1);
	return 3;
}

static int prefixes6(__u64 *key, uint32_t i)
{
	return count6(key, i, 0);
}

static int networks6(__u64 *key, uint32_t i)
{
	return count6(key, i, 1);
}

static int middles6(__u64 *key, uint32_t i)
{
	return count6(key, i, 2);
}

static int addresses6(__u64 *key, uint32_t i)
{
	return count6(key, i, 3);
}

static int ports6(__u64 *key, uint32_t i)
{
	const uint32_t client[4] = { 0x20010db8, 0, 0, i >> 14 };

	key6(key, client, 1024 + (i & 0x3fff), 1);
	return 3;
}

/* An address within a /64 that goes along with the port. */
static int correlated6(__u64 *key, uint32_t i)
{
	const uint32_t client[4] = { 0x20010db8, 0, i >> 14, i & 0x3fff };

	key6(key, client, i & 0x3fff, 1);
	return 3;
}

static void test_hash_spreads(void **state)
{
	static pattern *const patterns[] = { addresses4, networks4,  ports4,
					     services4,	 prefixes6,  networks6,
					     middles6,	 addresses6, ports6,
					     correlated6 };

	(void)state;
	for (size_t p = 0; p < sizeof(patterns) / sizeof(patterns[0]); p++) {
		memset(cell, 0, sizeof(cell));
		for (uint32_t i = 0; i < CELLS * PER_CELL; i++) {
			__u64 key[3];
			int n = patterns[p](key, i);
			__u64 hash = baton_hash(seed, key, n);
			__u32 first = baton_bucket1(hash, CELLS);
			__u32 second = baton_bucket2(hash, CELLS);

			cell[0][first]++;
			cell[1][second]++;
			/* both together: are they independent? */
			cell[2][first / 64 * 64 + second / 64]++;
		}
		for (int i = 0; i < 3; i++)
			if (!is_even(cell[i]))
				fail_msg("pattern %zu, choice %d", p, i);
	}
}

/* Whoever does not know the seed cannot tell which keys collide. */
static void test_no_collisions_by_construction(void **state)
{
	uint32_t client[4] = { 0x20010db8, 0x12, 0x34, 0x56 };
	const uint32_t other[4] = { 0x2a001450, 0x12, 0x34, 0x56 };
	__u64 a[3], b[3];

	(void)state;
	key6(a, client, 40000, 1);
	key6(b, other, 40000, 1);
	assert_int_not_equal(baton_hash(seed, a, 3), baton_hash(seed, b, 3));
	for (int bit = 0; bit < 192; bit++) {
		memcpy(b, a, sizeof(b));
		b[bit / 64] ^= 1ULL << bit % 64;
		assert_int_not_equal(baton_hash(seed, a, 3),
				     baton_hash(seed, b, 3));
		/* the same change in two words must not cancel out */
		b[(bit / 64 + 1) % 3] ^= 1ULL << bit % 64;
		assert_int_not_equal(baton_hash(seed, a, 3),
				     baton_hash(seed, b, 3));
	}
}

static void test_seed_matters(void **state)
{
	__u64 other[4], key[3];

	(void)state;
	for (int n = 1; n <= 3; n += 2) {
		key_of(key, n, 77);
		for (int i = 0; i < (n + 1) / 2; i++) {
			memcpy(other, seed, sizeof(other));
			other[i] ^= 1;
			assert_int_not_equal(baton_hash(seed, key, n),
					     baton_hash(other, key, n));
		}
	}
}

/* --- a table -------------------------------------------------------------- */

#define BUCKETS 32768

/* Fill a table; how many flows of a million find no free slot? */
static uint32_t overflow_ppm(int n, uint32_t flows)
{
	size_t words = BATON_FLOW_SLOTS * BATON_FLOW_WORDS(n);
	__u64 *table = calloc(BUCKETS, words * sizeof(*table));
	uint32_t lost = 0;
	__u64 key[3];

	assert_non_null(table);
	for (uint32_t i = 0; i < flows; i++) {
		__u64 hash, flow = flow_of(1, 0, 0, NOW);

		key_of(key, n, i);
		hash = baton_hash(seed, key, n);
		lost += !baton_bucket_claim(
				&table[baton_bucket1(hash, BUCKETS) * words],
				key, n, flow) &&
			!baton_bucket_claim(
				&table[baton_bucket2(hash, BUCKETS) * words],
				key, n, flow);
	}
	free(table);
	return (uint64_t)lost * 1000000 / flows;
}

/* The table is made with 3 buckets for every 4 flows that it is to hold. */
static void test_overflow_at_nominal_load(void **state)
{
	(void)state;
	for (int n = 1; n <= 3; n += 2)
		assert_in_range(overflow_ppm(n, BUCKETS / 3 * 4), 0, 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_insert_find_free),
		cmocka_unit_test(test_updates_of_old_flows_fail),
		cmocka_unit_test(test_slot_without_flow),
		cmocka_unit_test(test_who_is_displaced),
		cmocka_unit_test(test_hash_spreads),
		cmocka_unit_test(test_no_collisions_by_construction),
		cmocka_unit_test(test_seed_matters),
		cmocka_unit_test(test_overflow_at_nominal_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
