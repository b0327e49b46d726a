// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "batond/maglev.h"

#define SIZE 16381
#define MOST 100

static struct maglev_member members[MOST];
static char names[MOST][24];
static uint16_t ring[SIZE], other[SIZE];

/* n members of weight 1 with ids 1..n */
static int setup(void **state)
{
	(void)state;
	for (int i = 0; i < MOST; i++) {
		snprintf(names[i], sizeof(names[i]), "owner-%d", i);
		members[i] = (struct maglev_member){
			.id = i + 1,
			.weight = 1,
			.name = names[i],
		};
	}
	return 0;
}

static uint32_t share(const uint16_t *r, uint16_t id)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < SIZE; i++)
		count += r[i] == id;
	return count;
}

/* With equal weights the members take turns, so nobody is 2 ahead. */
static void test_equal_weights(void **state)
{
	(void)state;
	for (int n = 1; n <= MOST; n += 9) {
		assert_int_equal(maglev_fill(ring, SIZE, members, n), 0);
		for (int i = 0; i < n; i++)
			assert_in_range(share(ring, i + 1), SIZE / n,
					SIZE / n + 1);
		assert_int_equal(share(ring, 0), 0);
	}
}

/*
 * After k rounds a member of weight w has had floor(k * w / heaviest) turns,
 * and the last round may be incomplete: within 2 of its proportion.
 */
static void test_weights_are_proportions(void **state)
{
	static const uint32_t weights[][4] = {
		{ 1, 2, 3, 4 },
		{ 100, 1, 1, 1 },
		{ 7, 7, 13, 100 },
		{ UINT32_MAX, UINT32_MAX / 2, UINT32_MAX / 3, 1 },
	};

	(void)state;
	for (size_t t = 0; t < sizeof(weights) / sizeof(weights[0]); t++) {
		double sum = 0;

		for (int i = 0; i < 4; i++) {
			members[i].weight = weights[t][i];
			sum += weights[t][i];
		}
		assert_int_equal(maglev_fill(ring, SIZE, members, 4), 0);
		for (int i = 0; i < 4; i++) {
			double want = SIZE * (weights[t][i] / sum);
			double got = share(ring, i + 1);

			assert_true(got > want - 4 && got < want + 4);
		}
	}
}

static void test_zero_weight_gets_nothing(void **state)
{
	(void)state;
	members[1].weight = 0;
	assert_int_equal(maglev_fill(ring, SIZE, members, 3), 0);
	assert_int_equal(share(ring, 2), 0);
	assert_int_equal(share(ring, 1) + share(ring, 3), SIZE);

	/* and leaves no trace in the others' entries */
	members[1] = members[2];
	assert_int_equal(maglev_fill(other, SIZE, members, 2), 0);
	assert_memory_equal(ring, other, sizeof(ring));
}

static void test_nobody(void **state)
{
	(void)state;
	memset(ring, 0xff, sizeof(ring));
	assert_int_equal(maglev_fill(ring, SIZE, members, 0), 0);
	assert_int_equal(share(ring, 0), SIZE);

	memset(ring, 0xff, sizeof(ring));
	members[0].weight = 0;
	assert_int_equal(maglev_fill(ring, SIZE, members, 1), 0);
	assert_int_equal(share(ring, 0), SIZE);
}

static void test_order_does_not_matter(void **state)
{
	(void)state;
	members[3].weight = 5;
	assert_int_equal(maglev_fill(ring, SIZE, members, 10), 0);
	for (int i = 0; i < 5; i++) {
		struct maglev_member m = members[i];

		members[i] = members[9 - i];
		members[9 - i] = m;
	}
	assert_int_equal(maglev_fill(other, SIZE, members, 10), 0);
	assert_memory_equal(ring, other, sizeof(ring));
}

/* The ring hangs on names: another id changes the entries, not the places. */
static void test_ids_do_not_matter(void **state)
{
	(void)state;
	assert_int_equal(maglev_fill(ring, SIZE, members, 10), 0);
	for (int i = 0; i < 10; i++)
		members[i].id += 1000;
	assert_int_equal(maglev_fill(other, SIZE, members, 10), 0);
	for (int i = 0; i < SIZE; i++)
		assert_int_equal(other[i], ring[i] + 1000);
}

/* Entries that change hands although both hands were and are members. */
static uint32_t disruption(int n, int removed)
{
	struct maglev_member less[MOST];
	uint32_t moved = 0;
	int m = 0;

	for (int i = 0; i < n; i++)
		if (i != removed)
			less[m++] = members[i];
	assert_int_equal(maglev_fill(ring, SIZE, members, n), 0);
	assert_int_equal(maglev_fill(other, SIZE, less, m), 0);
	for (int i = 0; i < SIZE; i++)
		moved += ring[i] != other[i] && ring[i] != removed + 1;
	return moved;
}

/*
 * The removed member's entries must go elsewhere. Beyond them, an entry that
 * falls free is taken earlier by one member, which leaves what it had taken
 * instead to another, and so on. These chains are short while the ring has
 * over 100 entries per member, which is what the paper sizes it for: allow
 * them 2 % of the ring. Hashing modulo n would move (n - 1) / n of it.
 */
static void test_removal_moves_few_others(void **state)
{
	static const int sizes[] = { 2, 3, 10, 50, 100 };

	(void)state;
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
		for (int i = 0; i < sizes[s]; i++)
			assert_true(disruption(sizes[s], i) < SIZE / 50);
}

static void test_size_must_be_prime(void **state)
{
	static const uint32_t bad[] = { 0, 1, 4, 9, 100, 16383, 16129 };
	static const uint32_t good[] = { 2, 3, 5, 127, 16381 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(maglev_fill(ring, bad[i], members, 3),
				 -EINVAL);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(maglev_fill(ring, good[i], members, 3), 0);
		for (uint32_t j = 0; j < good[i]; j++)
			assert_in_range(ring[j], 1, 3);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_equal_weights, setup),
		cmocka_unit_test_setup(test_weights_are_proportions, setup),
		cmocka_unit_test_setup(test_zero_weight_gets_nothing, setup),
		cmocka_unit_test_setup(test_nobody, setup),
		cmocka_unit_test_setup(test_order_does_not_matter, setup),
		cmocka_unit_test_setup(test_ids_do_not_matter, setup),
		cmocka_unit_test_setup(test_removal_moves_few_others, setup),
		cmocka_unit_test_setup(test_size_must_be_prime, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
