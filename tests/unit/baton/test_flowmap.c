// SPDX-License-Identifier: GPL-2.0-only
/* The flow table's library over memory of the test's own. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "baton/flowtable.h"
#include "baton/ring.h"
#include "lib/flowmap.h"

#define BUCKETS 64
#define SLOTS (BUCKETS * BATON_FLOW_SLOTS)

static int setup(void **state)
{
	struct flowmap *m = calloc(1, sizeof(*m));

	m->clock = -1;
	m->meta = (struct baton_meta){
		.magic = BATON_MAGIC,
		.abi = BATON_ABI,
		.flow4_buckets = BUCKETS,
		.flow6_buckets = BUCKETS,
		.seed = { 0x1234567, 0x89abcde, 0xf012345, 0x6789abc },
		.ring_size = 16381,
		.stamp_shift = 8,
		.hz = 250,
	};
	m->table[FLOWMAP_4] = (struct flowmap_table){
		calloc(BUCKETS, sizeof(struct baton_flow4_bucket)), BUCKETS, 1
	};
	m->table[FLOWMAP_6] = (struct flowmap_table){
		calloc(BUCKETS, sizeof(struct baton_flow6_bucket)), BUCKETS, 3
	};
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	struct flowmap *m = *state;

	free(m->table[FLOWMAP_4].words);
	free(m->table[FLOWMAP_6].words);
	free(m);
	return 0;
}

/* The i-th of many different keys. */
static struct flowmap_key key_of(int family, uint32_t i)
{
	struct flowmap_key k = { .port = i % 60000 + 1, .service = 1 + i % 3 };

	k.client.family = family;
	k.client.word[0] = htonl(0x0a000000 + i);
	if (family == 6)
		k.client.word[3] = htonl(~i);
	return k;
}

static struct baton_flow flow_of(uint16_t owner, uint8_t flags)
{
	return (struct baton_flow){ .owner = owner,
				    .state = BATON_FLOW_ESTABLISHED,
				    .flags = flags,
				    .seen = 100 };
}

static void assert_same_key(const struct flowmap_key *a,
			    const struct flowmap_key *b)
{
	assert_true(addr_equal(&a->client, &b->client));
	assert_int_equal(a->port, b->port);
	assert_int_equal(a->service, b->service);
}

static void test_insert_find_update_free(void **state)
{
	struct flowmap *m = *state;

	for (int family = 4; family <= 6; family += 2) {
		struct flowmap_key key = key_of(family, 7), decoded;
		struct baton_flow flow = flow_of(3, BATON_FLOW_CONFIRMED);
		struct flowmap_slot slot, old;

		assert_false(flowmap_find(m, &key, &slot));
		assert_int_equal(flowmap_insert(m, &key, &flow, 100), 0);
		assert_int_equal(flowmap_insert(m, &key, &flow, 100), -EEXIST);
		assert_true(flowmap_find(m, &key, &slot));
		assert_memory_equal(&slot.flow, &flow, sizeof(flow));
		assert_int_equal(flowmap_service(&slot), key.service);
		flowmap_decode(&slot, &decoded);
		assert_same_key(&decoded, &key);

		old = slot;
		flow.owner = 4;
		assert_true(flowmap_update(&slot, &flow));
		/* what was read before is not true any more */
		assert_false(flowmap_update(&old, &flow));
		assert_false(flowmap_free(&old));
		assert_true(flowmap_find(m, &key, &slot));
		assert_int_equal(slot.flow.owner, 4);
		assert_true(flowmap_free(&slot));
		assert_false(flowmap_find(m, &key, &slot));
	}
}

struct census {
	uint32_t seen, stop_at;
	int family;
	bool found[SLOTS];
};

static int count(const struct flowmap_slot *slot, void *arg)
{
	struct census *c = arg;
	struct flowmap_key key, expected;
	uint32_t i;

	flowmap_decode(slot, &key);
	i = ntohl(key.client.word[0]) - 0x0a000000;
	assert_true(i < SLOTS);
	expected = key_of(c->family, i);
	assert_same_key(&key, &expected);
	assert_false(c->found[i]);
	c->found[i] = true;
	c->seen++;
	return c->stop_at && c->seen == c->stop_at ? 42 : 0;
}

static void test_walk(void **state)
{
	struct flowmap *m = *state;
	struct baton_flow flow = flow_of(1, BATON_FLOW_CONFIRMED);

	for (int family = 4; family <= 6; family += 2) {
		struct flowmap_key any = key_of(family, 0);
		const struct flowmap_table *t = flowmap_table(m, &any.client);
		struct census whole = { .family = family };
		struct census parts = { .family = family };
		struct census some = { .family = family, .stop_at = 5 };
		uint32_t i;

		for (i = 0; i < SLOTS / 2; i++) {
			struct flowmap_key key = key_of(family, i);

			assert_int_equal(flowmap_insert(m, &key, &flow, 0), 0);
		}
		assert_int_equal(flowmap_walk(t, 0, UINT32_MAX, count, &whole),
				 0);
		assert_int_equal(whole.seen, SLOTS / 2);
		for (i = 0; i < BUCKETS + 7; i += 7)
			flowmap_walk(t, i, 7, count, &parts);
		assert_int_equal(parts.seen, SLOTS / 2);
		assert_int_equal(flowmap_walk(t, 0, BUCKETS, count, &some), 42);
		assert_int_equal(some.seen, 5);
		assert_int_equal(flowmap_walk(t, BUCKETS, 1, count, NULL), 0);
	}
}

/* Fill every slot, so that each key's both buckets are full. */
static uint32_t fill(struct flowmap *m, int family, uint8_t flags)
{
	struct baton_flow flow = flow_of(1, flags);
	uint32_t i, used = 0;

	for (i = 0; used < SLOTS && i < 100 * SLOTS; i++) {
		struct flowmap_key key = key_of(family, i);

		/* unconfirmed ones would displace each other */
		flow.flags = BATON_FLOW_CONFIRMED;
		used += !flowmap_insert(m, &key, &flow, 100);
	}
	assert_int_equal(used, SLOTS);
	for (uint32_t k = 0; k < i; k++) {
		struct flowmap_key key = key_of(family, k);
		struct flowmap_slot slot;

		if (!flowmap_find(m, &key, &slot))
			continue;
		flow.flags = flags;
		assert_true(flowmap_update(&slot, &flow));
	}
	return i;
}

static void test_full_of_confirmed(void **state)
{
	struct flowmap *m = *state;

	for (int family = 4; family <= 6; family += 2) {
		uint32_t next = fill(m, family, BATON_FLOW_CONFIRMED);
		struct baton_flow flow = flow_of(2, BATON_FLOW_CONFIRMED);
		struct flowmap_key key = key_of(family, next);
		struct flowmap_slot slot;

		assert_int_equal(flowmap_insert(m, &key, &flow, 100), -ENOSPC);
		assert_false(flowmap_find(m, &key, &slot));
	}
}

static void test_unconfirmed_gives_way(void **state)
{
	struct flowmap *m = *state;

	for (int family = 4; family <= 6; family += 2) {
		uint32_t next = fill(m, family, 0);
		struct baton_flow flow = flow_of(2, 0);
		struct flowmap_key key = key_of(family, next);
		struct flowmap_slot slot;

		assert_int_equal(flowmap_insert(m, &key, &flow, 100), 0);
		assert_true(flowmap_find(m, &key, &slot));
		assert_int_equal(slot.flow.owner, 2);
	}
}

/* A key without a flow, as another CPU leaves it for a moment. */
static void test_slot_being_recorded(void **state)
{
	struct flowmap *m = *state;
	struct flowmap_key key = key_of(4, 1);
	struct baton_flow flow = flow_of(1, 0);
	struct census c = { .family = 4 };
	struct flowmap_slot slot;

	assert_int_equal(flowmap_insert(m, &key, &flow, 0), 0);
	assert_true(flowmap_find(m, &key, &slot));
	slot.words[slot.n] = 0;
	assert_true(flowmap_find(m, &key, &slot));
	assert_int_equal(slot.flow.owner, 0);
	assert_int_equal(flowmap_insert(m, &key, &flow, 0), -EEXIST);
	flowmap_walk(&m->table[FLOWMAP_4], 0, BUCKETS, count, &c);
	assert_int_equal(c.seen, 1);
	assert_true(flowmap_free(&slot));
	assert_false(flowmap_find(m, &key, &slot));
}

static void test_age(void **state)
{
	struct flowmap *m = *state;

	assert_int_equal(flowmap_age(10, 10), 0);
	assert_int_equal(flowmap_age(10, 3), 7);
	assert_int_equal(flowmap_age(3, 0xfffe), 5); /* it wraps */
	assert_int_equal(flowmap_age(10, 11), 0); /* stamped a moment later */
	assert_true(flowmap_seconds(&m->meta, 1000) > 1023.9);
	assert_true(flowmap_seconds(&m->meta, 1000) < 1024.1);
}

static void test_ring(void **state)
{
	struct flowmap *m = *state;
	uint32_t ring_size = m->meta.ring_size, spread = 0;
	struct flowmap_key a = key_of(4, 5), b = a;
	bool hit[16] = { 0 };
	__u64 words[3];

	b.port++;
	for (int family = 4; family <= 6; family += 2)
		for (uint32_t i = 0; i < 1000; i++) {
			struct flowmap_key key = key_of(family, i);
			uint32_t index =
				flowmap_ring_index(&m->meta, &key, false);

			assert_true(index < ring_size);
			hit[(uint64_t)index * 16 / ring_size] = true;
		}
	for (int i = 0; i < 16; i++)
		spread += hit[i];
	assert_int_equal(spread, 16);
	/* by address alone, connections of a client go together */
	assert_int_equal(flowmap_ring_index(&m->meta, &a, true),
			 flowmap_ring_index(&m->meta, &b, true));
	assert_int_not_equal(flowmap_ring_index(&m->meta, &a, false),
			     flowmap_ring_index(&m->meta, &b, false));
	/* as the XDP program does it */
	assert_int_equal(flowmap_encode(&a, words), 1);
	assert_int_equal(flowmap_ring_index(&m->meta, &a, false),
			 baton_ring_index(m->meta.seed, words, 1, ring_size));
}

static void test_no_clock(void **state)
{
	uint16_t now;

	assert_int_equal(flowmap_now(*state, &now), -ENOENT);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_insert_find_update_free),
		TEST(test_walk),
		TEST(test_full_of_confirmed),
		TEST(test_unconfirmed_gives_way),
		TEST(test_slot_being_recorded),
		TEST(test_age),
		TEST(test_ring),
		TEST(test_no_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
