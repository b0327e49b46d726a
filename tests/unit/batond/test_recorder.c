// SPDX-License-Identifier: GPL-2.0-only
/* Reading rings that are written meanwhile. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "baton/abi.h"
#include "lib/recorder.h"

#define CPUS 2
#define SLOTS 4
#define OWNER 7

static struct baton_record_ring ring[CPUS];
static struct baton_record record[CPUS * SLOTS];
static struct baton_record_frame frame[CPUS * SLOTS];
static uint16_t wanted[BATON_MAX_OWNERS];
static struct recorded found[CPUS * SLOTS];

static const struct recorder recorder = {
	.ring = ring,
	.record = record,
	.frame = frame,
	.cpus = CPUS,
	.slots = SLOTS,
};

static int setup(void **state)
{
	(void)state;
	memset(ring, 0, sizeof(ring));
	memset(record, 0, sizeof(record));
	memset(wanted, 0, sizeof(wanted));
	wanted[OWNER] = 1;
	return 0;
}

/* As the data plane writes: its number is in `seq`, and in the frame. */
static struct baton_record *write_one(int cpu, uint16_t owner)
{
	uint64_t n = ring[cpu].next++;
	struct baton_record *r = &record[cpu * SLOTS + n % SLOTS];

	*r = (struct baton_record){ .owner = owner, .seq = n, .length = 100 };
	memset(frame[cpu * SLOTS + n % SLOTS].byte, (int)n, 100);
	r->sequence = n + 1;
	return r;
}

static void expect_found(size_t n, const uint32_t *numbers)
{
	assert_int_equal(recorder_read(&recorder, wanted, found), n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(found[i].record.seq, numbers[i]);
}

#define EXPECT_FOUND(...)                                                      \
	expect_found(sizeof((uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t),   \
		     (uint32_t[]){ __VA_ARGS__ })

static void test_nothing(void **state)
{
	(void)state;
	expect_found(0, NULL);
}

static void test_in_order(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		write_one(0, OWNER);
	EXPECT_FOUND(0, 1, 2);
	write_one(1, OWNER);
	EXPECT_FOUND(0, 1, 2, 0);
	assert_int_equal(found[3].slot, SLOTS);
}

static void test_the_newest_of_a_full_ring(void **state)
{
	(void)state;
	for (int i = 0; i < 3 * SLOTS + 1; i++)
		write_one(0, OWNER);
	EXPECT_FOUND(9, 10, 11, 12);
}

static void test_only_who_is_wanted(void **state)
{
	(void)state;
	write_one(0, OWNER + 1);
	write_one(0, OWNER);
	write_one(0, 0);
	EXPECT_FOUND(1);
	write_one(0, BATON_MAX_OWNERS); /* whoever wrote that */
	EXPECT_FOUND(1);
}

/* Claimed, and its last word not written yet. */
static void test_one_that_is_being_written(void **state)
{
	(void)state;
	write_one(0, OWNER);
	write_one(0, OWNER)->sequence = 0;
	write_one(0, OWNER);
	EXPECT_FOUND(0, 2);
	/* the same when the slot held another before */
	write_one(0, OWNER);
	write_one(0, OWNER)->sequence -= SLOTS;
	EXPECT_FOUND(2, 3);
}

/* Claimed by the next, of which nothing is written: the last word still says
 * what it said. */
static void test_one_that_is_about_to_be_written_over(void **state)
{
	(void)state;
	for (int i = 0; i < SLOTS; i++)
		write_one(0, OWNER);
	ring[0].next++;
	EXPECT_FOUND(1, 2, 3);
}

static void test_frame(void **state)
{
	uint8_t copy[BATON_RECORD_FRAME], expected[100];

	(void)state;
	for (int i = 0; i < SLOTS; i++)
		write_one(1, OWNER);
	EXPECT_FOUND(0, 1, 2, 3);
	for (int i = 0; i < SLOTS; i++) {
		memset(expected, i, sizeof(expected));
		assert_int_equal(recorder_frame(&recorder, &found[i], copy), 0);
		assert_memory_equal(copy, expected, sizeof(expected));
	}
	/* Another claims the first's place; the second's is as it was. */
	ring[1].next++;
	assert_int_equal(recorder_frame(&recorder, &found[0], copy), -ESTALE);
	assert_int_equal(recorder_frame(&recorder, &found[1], copy), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
		TEST(test_nothing),
		TEST(test_in_order),
		TEST(test_the_newest_of_a_full_ring),
		TEST(test_only_who_is_wanted),
		TEST(test_one_that_is_being_written),
		TEST(test_one_that_is_about_to_be_written_over),
		TEST(test_frame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
