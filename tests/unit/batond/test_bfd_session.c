// SPDX-License-Identifier: GPL-2.0-only
/* The sessions with all hosts: whose a packet is, how they begin and end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batond/bfd_session.h"

#define MS 1000000ULL
#define S 1000000000ULL
#define START (1000 * S)

static const struct bfd_settings plain = { 10000, 10000, 3, { 0 } };
static struct bfd_sessions *s;
static uint64_t now;

/* --- what a round does ------------------------------------------------------- */

static struct {
	struct addr to;
	struct bfd_packet packet;
} sent[BATON_MAX_HOSTS];
static size_t nr_sent;
static int send_error;

static struct {
	uint16_t host;
	enum bfd_change change;
} told[BATON_MAX_HOSTS];
static size_t nr_told, nr_sessions_told;

static int on_send(void *arg, const struct addr *to, const void *data,
		   size_t len)
{
	(void)arg;
	assert_true(nr_sent < BATON_MAX_HOSTS);
	sent[nr_sent].to = *to;
	assert_int_equal(bfd_packet_read(&sent[nr_sent++].packet, data, len),
			 BFD_TAKEN);
	return send_error;
}

static uint32_t on_random(void *arg)
{
	(void)arg;
	return 0;
}

static void on_change(void *arg, uint16_t host, enum bfd_change change,
		      uint64_t at)
{
	(void)arg;
	assert_int_equal(at, now);
	told[nr_told].host = host;
	told[nr_told++].change = change;
}

static void on_session(void *arg, uint16_t host, uint64_t at)
{
	(void)arg;
	(void)host;
	(void)at;
	nr_sessions_told++;
}

static const struct bfd_round ops = { on_send, on_random, on_change, on_session,
				      NULL };

static uint64_t a_round(void)
{
	nr_sent = 0;
	nr_told = 0;
	nr_sessions_told = 0;
	return bfd_sessions_round(s, &ops, now, 0);
}

/* --- what the test does ------------------------------------------------------- */

static struct addr at(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(&a, text), 0);
	return a;
}

static void add(uint16_t host, const char *address)
{
	struct addr a = at(address);

	bfd_sessions_set(s, host, &a, &plain, 0x1234567890abcdef, now, 0);
}

static struct bfd *session(uint16_t host)
{
	return &s->host[host].session;
}

static struct bfd_packet says(enum bfd_state state, uint32_t discriminator)
{
	return (struct bfd_packet){
		.state = state,
		.multiplier = 3,
		.my_discriminator = 77,
		.your_discriminator = discriminator,
		.min_tx = 10000,
		.min_rx = 10000,
	};
}

static uint16_t take(const char *from, int ttl, struct bfd_packet p,
		     enum bfd_change *change)
{
	uint8_t data[BFD_PACKET_MAX];
	const struct bfd_datagram d = { .data = data,
					.len = bfd_packet_write(&p, data),
					.from = at(from),
					.ttl = ttl };

	return bfd_sessions_take(s, &d, now, change);
}

static void be_up(uint16_t host, const char *address)
{
	enum bfd_change change;

	assert_int_equal(take(address, 255, says(BFD_DOWN, 0), &change), host);
	assert_int_equal(take(address, 255,
			      says(BFD_UP, session(host)->discriminator),
			      &change),
			 host);
	assert_int_equal(change, BFD_WENT_UP);
}

static int setup(void **state)
{
	(void)state;
	now = START;
	send_error = 0;
	s = calloc(1, sizeof(*s));
	add(1, "10.0.0.1");
	add(2, "2001:db8::2");
	add(3, "10.0.0.3");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(s);
	return 0;
}

/* --- whose packet is it? ------------------------------------------------------- */

static void test_discriminators_are_of_one_host(void **state)
{
	(void)state;
	for (uint16_t i = 1; i <= 3; i++) {
		assert_int_not_equal(session(i)->discriminator, 0);
		assert_int_equal(session(i)->discriminator & 0xffff, i);
		/* and not to be guessed */
		assert_int_not_equal(session(i)->discriminator >> 16, 0);
	}
}

static void test_the_first_packet_is_of_its_sender(void **state)
{
	enum bfd_change change;

	(void)state;
	assert_int_equal(take("10.0.0.3", 255, says(BFD_DOWN, 0), &change), 3);
	assert_int_equal(take("2001:db8::2", 255, says(BFD_DOWN, 0), &change),
			 2);
	assert_int_equal(session(3)->state, BFD_INIT);
	assert_int_equal(session(2)->state, BFD_INIT);
	assert_int_equal(session(1)->state, BFD_DOWN);
}

/* {from, TTL, session that it names, which host's counter, why not} */
static void test_who_is_not_heard(void **state)
{
	uint32_t first = session(1)->discriminator;
	const struct {
		const char *from;
		int ttl;
		uint32_t discriminator;
		uint16_t host;
		enum bfd_discard why;
	} cases[] = {
		{ "10.0.0.1", 254, first, 1, BFD_DISCARD_TTL },
		{ "10.0.0.1", -1, first, 1, BFD_DISCARD_TTL },
		{ "10.0.0.9", 254, first, 0, BFD_DISCARD_TTL },
		{ "10.0.0.3", 255, first, 1, BFD_DISCARD_SOURCE },
		{ "10.0.0.9", 255, first, 1, BFD_DISCARD_SOURCE },
		{ "2001:db8::2", 255, first, 1, BFD_DISCARD_SOURCE },
		{ "10.0.0.1", 255, first ^ 0x10000, 1, BFD_DISCARD_NO_SESSION },
		{ "10.0.0.1", 255, first + 3, 1, BFD_DISCARD_NO_SESSION },
		{ "10.0.0.9", 255, 0xffffffff, 0, BFD_DISCARD_NO_SESSION },
		{ "10.0.0.9", 255, 0, 0, BFD_DISCARD_NO_SESSION },
		{ "::ffff:10.0.0.1", 255, 0, 0, BFD_DISCARD_NO_SESSION },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t *counter = cases[i].host
					    ? &session(cases[i].host)
						       ->discarded[cases[i].why]
					    : &s->discarded[cases[i].why];
		uint64_t before = *counter;
		enum bfd_change change;

		assert_int_equal(take(cases[i].from, cases[i].ttl,
				      says(BFD_DOWN, cases[i].discriminator),
				      &change),
				 0);
		assert_int_equal(*counter, before + 1);
		assert_int_equal(session(1)->received, 0);
	}
}

static void test_many_hosts(void **state)
{
	char text[32];

	(void)state;
	for (uint16_t i = 4; i < BATON_MAX_HOSTS; i++) {
		snprintf(text, sizeof(text), "10.%u.%u.1", 1 + i / 256,
			 i % 256);
		add(i, text);
	}
	assert_int_equal(s->nr, BATON_MAX_HOSTS - 1);
	for (uint16_t i = 4; i < BATON_MAX_HOSTS; i++) {
		enum bfd_change change;

		snprintf(text, sizeof(text), "10.%u.%u.1", 1 + i / 256,
			 i % 256);
		assert_int_equal(take(text, 255, says(BFD_DOWN, 0), &change),
				 i);
	}
	a_round();
	assert_int_equal(nr_sent, BATON_MAX_HOSTS - 1);
	now += 10 * S;
	for (uint16_t i = 1; i < BATON_MAX_HOSTS; i += 2)
		bfd_sessions_clear(s, i, now);
	now += 10 * S;
	a_round();
	assert_int_equal(s->nr, (BATON_MAX_HOSTS - 1) / 2);
}

/* --- beginning and end --------------------------------------------------------- */

static void test_verdicts_are_told(void **state)
{
	(void)state;
	a_round();
	assert_int_equal(nr_sent, 3);
	be_up(1, "10.0.0.1");
	a_round();
	assert_int_equal(nr_sessions_told, 1);
	for (int i = 0; i < 3 && !nr_told; i++) {
		now += 10 * MS;
		a_round();
	}
	assert_int_equal(nr_told, 1);
	assert_int_equal(told[0].host, 1);
	assert_int_equal(told[0].change, BFD_WENT_DOWN);
	assert_int_equal(nr_sessions_told, 1);
	a_round();
	assert_int_equal(nr_told, 0);
	assert_int_equal(nr_sessions_told, 0);
}

static void test_the_next_round_is_when_it_is_due(void **state)
{
	(void)state;
	a_round();
	assert_int_equal(a_round(), START + S);
	be_up(1, "10.0.0.1");
	a_round();
	assert_int_equal(a_round(), START + 10 * MS);
}

static void test_what_is_not_sent_is_counted(void **state)
{
	(void)state;
	send_error = -1;
	a_round();
	assert_int_equal(s->host[1].unsent, 1);
	assert_int_equal(session(1)->sent, 0);
	send_error = 0;
	now += S;
	a_round();
	assert_int_equal(session(1)->sent, 1);
}

static void test_one_that_ends_says_so(void **state)
{
	enum bfd_change change;

	(void)state;
	be_up(1, "10.0.0.1");
	a_round();
	bfd_sessions_clear(s, 1, now);
	a_round();
	assert_int_equal(nr_sent, 1);
	assert_int_equal(sent[0].packet.state, BFD_ADMIN_DOWN);
	/* Whatever it answers, nobody is told. */
	assert_int_equal(take("10.0.0.1", 255, says(BFD_DOWN, 0), &change), 0);
	now += 29 * MS;
	a_round();
	assert_true(s->host[1].active);
	now += MS;
	a_round();
	assert_false(s->host[1].active);
	assert_int_equal(nr_told, 0);
	assert_int_equal(s->nr, 2);
	take("10.0.0.1", 255, says(BFD_DOWN, 0), &change);
	assert_int_equal(s->discarded[BFD_DISCARD_NO_SESSION], 1);
}

static void test_it_may_begin_again_before_it_has_ended(void **state)
{
	uint32_t was = session(1)->discriminator;
	struct addr a = at("10.0.0.1");

	(void)state;
	be_up(1, "10.0.0.1");
	bfd_sessions_clear(s, 1, now);
	bfd_sessions_set(s, 1, &a, &plain, 99, now, 0);
	assert_int_equal(s->nr, 3);
	assert_int_equal(session(1)->state, BFD_DOWN);
	assert_int_not_equal(session(1)->discriminator, was);
	be_up(1, "10.0.0.1");
}

static void test_the_same_host_again_keeps_its_session(void **state)
{
	struct bfd_settings wide = plain;
	struct addr a = at("10.0.0.1");

	(void)state;
	be_up(1, "10.0.0.1");
	add(1, "10.0.0.1");
	assert_int_equal(session(1)->state, BFD_UP);
	wide.min_tx = 20000;
	bfd_sessions_set(s, 1, &a, &wide, 0, now, 0);
	assert_int_equal(session(1)->state, BFD_UP);
	assert_true(session(1)->polling);
}

static void test_another_address_is_another_session(void **state)
{
	enum bfd_change change;

	(void)state;
	be_up(1, "10.0.0.1");
	add(1, "10.0.0.7");
	assert_int_equal(session(1)->state, BFD_DOWN);
	assert_int_equal(take("10.0.0.1", 255, says(BFD_DOWN, 0), &change), 0);
	be_up(1, "10.0.0.7");
	/* An address that moves on to another id */
	add(9, "10.0.0.7");
	assert_false(s->host[1].active);
	be_up(9, "10.0.0.7");
	assert_int_equal(s->nr, 3);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(discriminators_are_of_one_host),
		T(the_first_packet_is_of_its_sender),
		T(who_is_not_heard),
		T(many_hosts),
		T(verdicts_are_told),
		T(the_next_round_is_when_it_is_due),
		T(what_is_not_sent_is_counted),
		T(one_that_ends_says_so),
		T(it_may_begin_again_before_it_has_ended),
		T(the_same_host_again_keeps_its_session),
		T(another_address_is_another_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
