// SPDX-License-Identifier: GPL-2.0-only
/* Questions to a standby that does not have what it says it has. That an honest
 * one always answers right: test_message.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "baton-proxy/audit.h"

enum { SERVICE = 2, KEPT = 100000 };

static struct replica owner, standby;
static uint8_t bytes[KEPT];

static struct conn *add(struct replica *r)
{
	const struct tuple t = { .local = { 1 },
				 .remote = { 2 },
				 .local_port = 80,
				 .remote_port = 1000,
				 .family = 4 };
	struct conn *c = replica_add(r, SERVICE, &t);

	assert_non_null(c);
	for (int i = 0; i < NR_SIDES; i++) {
		struct track *track = &c->side[i].track;

		track->seq_in = 5000 + i;
		track->seq_out = 6000 + i;
		track->limit = REPLICA_ROOM_STANDBY;
		assert_int_equal(track_append(track, bytes, KEPT), 0);
	}
	return c;
}

static int set_up(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = i * 7;
	return replica_init(&owner, 1) || replica_init(&standby, 2);
}

static int tear_down(void **state)
{
	(void)state;
	replica_free(&owner);
	replica_free(&standby);
	return 0;
}

static enum audit_verdict ask(uint16_t service, uint64_t random)
{
	uint8_t answer[AUDIT_ANSWER];
	struct audit a = { .nonce = { random } };
	ssize_t len;

	audit_ask(&a, owner.conns[SERVICE], random);
	len = audit_answer(&standby, service, a.question, sizeof(a.question),
			   answer);
	assert_true(len > 0);
	return audit_check(&a, answer, len);
}

static void test_all_of_it(void **state)
{
	(void)state;
	add(&owner);
	add(&standby);
	for (uint64_t i = 0; i < 1000; i++)
		assert_int_equal(ask(SERVICE, i * 12347), AUDIT_RIGHT);
}

static void test_none_of_it(void **state)
{
	(void)state;
	add(&owner);
	assert_int_equal(ask(SERVICE, 1), AUDIT_LACKS);
	add(&standby);
	assert_int_equal(ask(SERVICE + 1, 1), AUDIT_LACKS);
	track_trim(&standby.conns[SERVICE]->side[SERVER].track, KEPT);
	assert_int_equal(ask(SERVICE, 1), AUDIT_LACKS);
}

/* What is asked covers most of what is kept here: no byte escapes for long. */
static void test_some_byte_is_wrong(void **state)
{
	struct conn *c;
	unsigned int wrong = 0;

	(void)state;
	add(&owner);
	c = add(&standby);
	c->side[CLIENT].track.bytes[KEPT / 2] ^= 1;
	for (uint64_t i = 0; i < 100; i++)
		wrong += ask(SERVICE, i * 12347) == AUDIT_WRONG;
	assert_in_range(wrong, 50, 100);
}

static void test_numbers_are_wrong(void **state)
{
	struct conn *c;

	(void)state;
	add(&owner);
	c = add(&standby);
	c->side[SERVER].track.seq_out++;
	assert_int_equal(ask(SERVICE, 1), AUDIT_WRONG);
}

/* An answer that is remembered answers no other question. */
static void test_answer_again(void **state)
{
	uint8_t answer[AUDIT_ANSWER];
	struct audit a = { .nonce = { 1 } }, b = { .nonce = { 2 } };

	(void)state;
	add(&standby);
	audit_ask(&a, add(&owner), 1);
	audit_ask(&b, owner.conns[SERVICE], 1);
	assert_int_equal(audit_answer(&standby, SERVICE, a.question,
				      sizeof(a.question), answer),
			 AUDIT_ANSWER);
	assert_int_equal(audit_check(&b, answer, sizeof(answer)), AUDIT_OTHER);
	memcpy(answer, b.nonce, sizeof(b.nonce));
	assert_int_equal(audit_check(&b, answer, sizeof(answer)), AUDIT_WRONG);
}

static void test_questions_that_are_none(void **state)
{
	uint8_t answer[AUDIT_ANSWER];
	struct audit a = { 0 };

	(void)state;
	add(&standby);
	audit_ask(&a, add(&owner), 1);
	for (size_t n = 0; n < sizeof(a.question); n++)
		assert_int_equal(audit_answer(&standby, SERVICE, a.question, n,
					      answer),
				 -EBADMSG);
	a.question[64] = 0xff; /* a length that nobody asks for */
	assert_int_equal(audit_answer(&standby, SERVICE, a.question,
				      sizeof(a.question), answer),
			 -EBADMSG);
	for (size_t n = 0; n < sizeof(answer); n++)
		assert_int_not_equal(audit_check(&a, answer, n), AUDIT_RIGHT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_all_of_it),
		TEST(test_none_of_it),
		TEST(test_some_byte_is_wrong),
		TEST(test_numbers_are_wrong),
		TEST(test_answer_again),
		TEST(test_questions_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
