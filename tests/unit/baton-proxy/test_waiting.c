// SPDX-License-Identifier: GPL-2.0-only
/* Packets that wait for the standby, and for the switch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "baton-proxy/waiting.h"

#define MOST 10000

static struct waiting_list l;
static char fate[MOST]; /* by id: '-' waits, '>' has gone, 'x' was dropped */
static bool open_alone, open_stored;
static const char group[2], conn[3];

static void settle(void *arg, const struct queued *one, bool go)
{
	assert_ptr_equal(arg, &l);
	assert_int_equal(fate[one->id], '-');
	fate[one->id] = go ? '>' : 'x';
	if (one->changed)
		assert_memory_equal(one->packet, "changed", 7);
}

static bool gate(void *arg, const void *of, bool stored)
{
	(void)arg;
	return of == &group[1] || (stored ? open_stored : open_alone);
}

static int setup(void **state)
{
	(void)state;
	l = (struct waiting_list){ .settle = settle, .gate = gate, .arg = &l };
	memset(fate, '-', sizeof(fate));
	open_alone = open_stored = true;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	waiting_free(&l);
	return 0;
}

/* Its bytes are gone when it comes to its turn. */
static void add(uint32_t id, uint64_t sequence, bool may_go, int of)
{
	uint8_t bytes[] = "changed";
	struct queued q = { .id = id,
			    .packet = bytes,
			    .len = sizeof(bytes),
			    .changed = id % 2 };

	assert_int_equal(
		waiting_add(&l, &q, sequence, may_go, &conn[of], &group[0]), 0);
	memset(bytes, 0, sizeof(bytes));
}

static void let_go(uint32_t id, bool stored, int of)
{
	uint8_t bytes[] = "changed";
	struct queued q = { .id = id,
			    .packet = bytes,
			    .len = sizeof(bytes),
			    .changed = id % 2 };

	waiting_let_go(&l, &q, stored, &conn[of], &group[0]);
	memset(bytes, 0, sizeof(bytes));
}

static void assert_fates(const char *expected)
{
	assert_memory_equal(fate, expected, strlen(expected));
}

static void by_sequence(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 5; i++)
		add(i, 10 + i, true, 0);
	waiting_release(&l, 9);
	assert_fates("-----");
	waiting_release(&l, 12);
	assert_fates(">>>--");
	waiting_release(&l, 20);
	assert_fates(">>>>>");
}

/* One that needs less than those that have come before does not wait for them; of
 * two that need the same the order remains. */
static void not_behind_what_needs_more(void **state)
{
	(void)state;
	add(0, 12, true, 0);
	add(1, 14, true, 0);
	add(2, 11, true, 1);
	add(3, 12, true, 1);
	waiting_release(&l, 11);
	assert_fates("-->-");
	assert_int_equal(l.ring[l.head & (l.size - 1)].one.id, 0);
	waiting_release(&l, 12);
	assert_fates(">->>");
	waiting_release(&l, 14);
	assert_fates(">>>>");
}

static void who_has_no_standby(void **state)
{
	(void)state;
	add(0, 10, true, 0);
	add(1, 11, false, 0);
	add(2, 12, true, 1);
	waiting_withdraw(&l, &conn[0]);
	assert_fates(">x-");
	waiting_give_up(&l);
	assert_fates(">x>");
}

static void the_gate_is_closed(void **state)
{
	(void)state;
	open_alone = false;
	add(0, 10, true, 0);
	add(1, 11, true, 1);
	waiting_give_up(&l);
	let_go(2, false, 0);
	let_go(3, true, 0);
	assert_fates("--->");
	assert_int_equal(l.nr_aside, 3);
	waiting_retry(&l);
	assert_fates("--->");
	open_alone = true;
	waiting_retry(&l);
	assert_fates(">>>>");
	assert_int_equal(l.nr_aside, 0);
}

/* Stored by the standby, but there is another that is still waited for. */
static void who_else_is_waited_for(void **state)
{
	(void)state;
	open_alone = open_stored = false;
	add(0, 10, true, 0);
	add(1, 11, true, 1);
	waiting_release(&l, 11);
	assert_fates("--");
	waiting_withdraw(&l, &conn[0]); /* nor has the standby it any more */
	open_stored = true;
	waiting_retry(&l);
	assert_fates("->");
	waiting_give_up(&l);
	open_alone = true;
	waiting_retry(&l);
	assert_fates(">>");
}

/* What waits for the switch goes sooner with a standby that has it. */
static void another_standby(void **state)
{
	(void)state;
	open_alone = false;
	add(0, 10, true, 0);
	add(1, 10, true, 1);
	waiting_give_up(&l);
	waiting_resume(&l, &conn[0], 3);
	waiting_release(&l, 2);
	assert_fates("--");
	waiting_release(&l, 3);
	assert_fates(">-");
	waiting_disown(&l, &group[0]);
	assert_fates(">x");
}

static void another_owner(void **state)
{
	(void)state;
	open_alone = false;
	add(0, 10, true, 0);
	add(1, 11, true, 0);
	waiting_withdraw(&l, &conn[0]);
	add(2, 12, true, 0);
	waiting_disown(&l, &group[1]);
	assert_fates("---");
	waiting_disown(&l, &group[0]);
	assert_fates("xxx");
	waiting_release(&l, 20);
	waiting_give_up(&l);
	assert_int_equal(l.nr + l.nr_aside, 0);
}

/* The kernel holds no more; who is dropped is sent again. */
static void there_is_no_room(void **state)
{
	uint32_t held = 0;

	(void)state;
	open_alone = false;
	for (uint32_t i = 0; i < MOST; i++)
		let_go(i, false, 0);
	for (uint32_t i = 0; i < MOST; i++)
		held += fate[i] == '-';
	assert_int_equal(held, 8192);
	assert_int_equal(fate[MOST - 1], 'x');
	open_alone = true;
	waiting_retry(&l);
	assert_int_equal(fate[0], '>');
}

static void without_a_gate(void **state)
{
	(void)state;
	l.gate = NULL;
	let_go(0, false, 0);
	add(1, 10, true, 0);
	waiting_give_up(&l);
	assert_fates(">>");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(by_sequence),
		T(not_behind_what_needs_more),
		T(who_has_no_standby),
		T(the_gate_is_closed),
		T(who_else_is_waited_for),
		T(another_standby),
		T(another_owner),
		T(there_is_no_room),
		T(without_a_gate),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
