// SPDX-License-Identifier: GPL-2.0-only
/*
 * A ring so small that it is written over all the time, and a reader: whatever
 * it takes for whole must be of one piece, header and frame.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

#include "baton/abi.h"
#include "lib/recorder.h"

#define SLOTS 8
#define OWNER 7
#define RECORDS 300000
#define SIZE 256 /* of a frame */

static struct baton_record_ring ring;
static struct baton_record record[SLOTS];
static struct baton_record_frame frame[SLOTS];
static int finished;

/* The order of the data plane's stores (bpf/record.h). */
static void write_one(uint64_t n)
{
	struct baton_record *r = &record[n % SLOTS];

	__atomic_fetch_add(&ring.next, 1, __ATOMIC_SEQ_CST);
	for (int i = 0; i < SIZE; i++)
		*(volatile __u8 *)&frame[n % SLOTS].byte[i] = n;
	*(volatile __u64 *)&r->time = n;
	*(volatile __u16 *)&r->owner = OWNER;
	*(volatile __u32 *)&r->seq = n;
	*(volatile __u32 *)&r->ack = ~n;
	*(volatile __u16 *)&r->length = SIZE;
	__atomic_store_n(&r->sequence, n + 1, __ATOMIC_RELEASE);
}

static void *writer(void *arg)
{
	(void)arg;
	for (uint64_t n = 0; n < RECORDS; n++) {
		write_one(n);
		/* A pause now and then, for the reader to find some whole. */
		if (n % 64 == 0)
			sched_yield();
	}
	__atomic_store_n(&finished, 1, __ATOMIC_RELEASE);
	return NULL;
}

static bool is_of_one_piece(const struct baton_record *r)
{
	return r->sequence == r->time + 1 && r->seq == (uint32_t)r->time &&
	       r->ack == (uint32_t)~r->time && r->length == SIZE;
}

static bool is_its_frame(const struct baton_record *r, const uint8_t *bytes)
{
	for (int i = 0; i < SIZE; i++)
		if (bytes[i] != (uint8_t)r->time)
			return false;
	return true;
}

static void test_whatever_is_read_is_whole(void **state)
{
	static const struct recorder recorder = {
		.ring = &ring,
		.record = record,
		.frame = frame,
		.cpus = 1,
		.slots = SLOTS,
	};
	static uint16_t wanted[BATON_MAX_OWNERS];
	struct recorded found[SLOTS];
	uint8_t bytes[BATON_RECORD_FRAME];
	uint64_t records = 0, frames = 0, torn = 0;
	bool last = false;
	pthread_t thread;

	(void)state;
	wanted[OWNER] = 1;
	assert_int_equal(pthread_create(&thread, NULL, writer, NULL), 0);
	while (!last) {
		size_t n;

		/* Once more after the end: then all of them are there. */
		last = __atomic_load_n(&finished, __ATOMIC_ACQUIRE);
		n = recorder_read(&recorder, wanted, found);
		for (size_t i = 0; i < n; i++) {
			const struct baton_record *r = &found[i].record;

			records++;
			torn += !is_of_one_piece(r);
			if (recorder_frame(&recorder, &found[i], bytes))
				continue;
			frames++;
			torn += !is_its_frame(r, bytes);
		}
		if (last)
			assert_int_equal(n, SLOTS);
	}
	pthread_join(thread, NULL);
	assert_true(records >= SLOTS && frames >= SLOTS);
	assert_int_equal(torn, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whatever_is_read_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
