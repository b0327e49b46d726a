/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A session under test, and the host at its other end, which says what the
 * test wants it to.
 */
#ifndef TEST_BFD_PEER_H
#define TEST_BFD_PEER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "batond/bfd.h"

#define US 1000ULL
#define MS 1000000ULL
#define S 1000000000ULL
#define START (1000 * S)
#define OURS 0x01020304 /* discriminators */
#define THEIRS 0x0a0b0c0d

static struct bfd b;
static uint64_t now;

/* Intervals of a session with 10 ms x 3, in us */
static const struct bfd_settings plain = { 10000, 10000, 3, { 0 } };

static const struct bfd_key key = { BFD_AUTH_METICULOUS_SHA1, 7, "a secret" };

static inline struct bfd_packet says(enum bfd_state state)
{
	return (struct bfd_packet){
		.state = state,
		.multiplier = 3,
		.my_discriminator = THEIRS,
		.your_discriminator = OURS,
		.min_tx = 10000,
		.min_rx = 10000,
	};
}

/* Hand in a packet as the wire would, signed if the session wants that. */
static inline enum bfd_discard hear(struct bfd_packet p,
				    enum bfd_change *change)
{
	uint8_t data[BFD_PACKET_MAX];
	struct bfd_packet read;
	size_t len = bfd_packet_write(&p, data);
	enum bfd_discard discard;

	if (p.authenticated)
		assert_true(bfd_auth_sign(data, &b.settings.key));
	discard = bfd_packet_read(&read, data, len);
	*change = BFD_SAME;
	return discard ?: bfd_receive(&b, &read, data, now, change);
}

static inline enum bfd_change hear_state(enum bfd_state state)
{
	enum bfd_change change;

	assert_int_equal(hear(says(state), &change), BFD_TAKEN);
	return change;
}

/* The packet that is due now. */
static inline struct bfd_packet due(void)
{
	struct bfd_packet p;

	assert_true(bfd_transmit(&b, now, 0, &p));
	bfd_sent(&b, now);
	return p;
}

static inline void nothing_due(void)
{
	struct bfd_packet p;

	assert_false(bfd_transmit(&b, now, 0, &p));
}

static inline void begin(const struct bfd_settings *settings)
{
	now = START;
	bfd_init(&b, settings, OURS, 100, now, 0);
}

static inline int setup(void **state)
{
	(void)state;
	assert_int_equal(bfd_auth_open(), 0);
	begin(&plain);
	return 0;
}

/* A session that is up, with everything told. */
static inline void come_up(void)
{
	struct bfd_packet p = says(BFD_UP);
	enum bfd_change change;

	due();
	hear_state(BFD_DOWN);
	due();
	assert_int_equal(hear_state(BFD_INIT), BFD_WENT_UP);
	assert_true(due().poll);
	p.final = true;
	assert_int_equal(hear(p, &change), BFD_TAKEN);
	assert_int_equal(b.state, BFD_UP);
	assert_false(b.polling);
}

/* The next one by the clock. */
static inline struct bfd_packet turn(void)
{
	now = b.next_tx;
	return due();
}

/* Nothing is heard; check like a driver that is never late, up to `until`. */
static inline enum bfd_change listen_in_vain(uint64_t until)
{
	struct bfd_packet p;

	while (now < until) {
		uint64_t next = bfd_deadline(&b);
		enum bfd_change change;

		now = next > now ? next : now;
		now = now < until ? now : until;
		change = bfd_check(&b, now);
		if (change)
			return change;
		if (bfd_transmit(&b, now, 0, &p))
			bfd_sent(&b, now);
	}
	return BFD_SAME;
}

#endif
