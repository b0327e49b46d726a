// SPDX-License-Identifier: GPL-2.0-only
/* BFD packets as bytes, and whatever else may arrive at their port. */
#include "bfd_peer.h"

#include <stdlib.h>

/* What reading and writing must agree on. */
static const struct bfd_packet all = {
	.state = BFD_UP,
	.diag = BFD_DIAG_SIGNALED_DOWN,
	.poll = true,
	.final = true,
	.demand = true,
	.authenticated = true,
	.multiplier = 200,
	.my_discriminator = 0xf1020304,
	.your_discriminator = 0xf5060708,
	.min_tx = 0xf90a0b0c,
	.min_rx = 0xfd0e0f10,
	.min_echo_rx = 0xf1121314,
	.auth_type = BFD_AUTH_SHA1,
	.key_id = 200,
	.sequence = 0xf5161718,
};

static void assert_back(const struct bfd_packet *p)
{
	uint8_t data[BFD_PACKET_MAX];
	struct bfd_packet read;
	size_t len = bfd_packet_write(p, data);

	assert_int_equal(bfd_packet_read(&read, data, len), BFD_TAKEN);
	assert_memory_equal(&read, p, sizeof(read));
}

static void test_what_is_written_is_read(void **state)
{
	struct bfd_packet p = all;

	(void)state;
	assert_back(&p);
	p.poll = false;
	assert_back(&p);
	p.final = false;
	assert_back(&p);
	p.demand = false;
	assert_back(&p);
	p.auth_type = BFD_AUTH_METICULOUS_SHA1;
	assert_back(&p);
	p.authenticated = false;
	p.auth_type = p.key_id = p.sequence = 0;
	for (int i = 0; i < BFD_NR_STATES; i++) {
		p.state = i;
		assert_back(&p);
	}
}

/*
 * Up, multiplier 3, discriminators 01020304 and 0a0b0c0d, 10 and 20 ms;
 * meticulous SHA1 with key 7, "a secret", and sequence fffffffe. The digest is
 * what Python's hashlib makes of it.
 */
static const uint8_t example[BFD_PACKET_MAX] = {
	0x20, 0xc4, 0x03, 0x34, 0x01, 0x02, 0x03, 0x04, 0x0a, 0x0b, 0x0c,
	0x0d, 0x00, 0x00, 0x27, 0x10, 0x00, 0x00, 0x4e, 0x20, 0x00, 0x00,
	0x00, 0x00, 0x05, 0x1c, 0x07, 0x00, 0xff, 0xff, 0xff, 0xfe, 0x40,
	0x4e, 0xd6, 0x4d, 0x1a, 0xeb, 0xd3, 0x0b, 0x61, 0x35, 0x77, 0x46,
	0x2b, 0xf0, 0xa7, 0xdc, 0x77, 0x34, 0x56, 0x31,
};

static void test_bytes(void **state)
{
	const struct bfd_packet p = { .state = BFD_UP,
				      .multiplier = 3,
				      .my_discriminator = 0x01020304,
				      .your_discriminator = 0x0a0b0c0d,
				      .min_tx = 10000,
				      .min_rx = 20000,
				      .authenticated = true,
				      .auth_type = BFD_AUTH_METICULOUS_SHA1,
				      .key_id = 7,
				      .sequence = 0xfffffffe };
	uint8_t data[BFD_PACKET_MAX];
	struct bfd_key other = key;

	(void)state;
	assert_int_equal(bfd_packet_write(&p, data), sizeof(data));
	assert_true(bfd_auth_sign(data, &key));
	assert_memory_equal(data, example, sizeof(data));
	assert_true(bfd_auth_is_right(data, &key));
	other.secret[19] = 1;
	assert_false(bfd_auth_is_right(data, &other));
	for (size_t i = 0; i < 8 * sizeof(data); i++) {
		data[i / 8] ^= 1 << i % 8;
		assert_false(bfd_auth_is_right(data, &key));
		data[i / 8] ^= 1 << i % 8;
	}
}

/* One byte that is wrong, and why; `len`: 0 for the whole packet. */
static const struct {
	uint8_t at, value;
	uint8_t len;
	enum bfd_discard why;
} wrong[] = {
	{ 0, 0x00, 0, BFD_DISCARD_VERSION },
	{ 0, 0x40, 0, BFD_DISCARD_VERSION },
	{ 0, 0xe0, 0, BFD_DISCARD_VERSION },
	{ 1, 0xc5, 0, BFD_DISCARD_MULTIPOINT },
	{ 2, 0, 0, BFD_DISCARD_MULTIPLIER },
	{ 3, 0, 0, BFD_DISCARD_LENGTH },
	{ 3, 23, 0, BFD_DISCARD_LENGTH },
	{ 3, 24, 0, BFD_DISCARD_LENGTH }, /* no room for what bit A says */
	{ 3, 25, 0, BFD_DISCARD_LENGTH },
	{ 3, 51, 0, BFD_DISCARD_LENGTH },
	{ 3, 53, 0, BFD_DISCARD_LENGTH }, /* more than there is */
	{ 3, 255, 0, BFD_DISCARD_LENGTH },
	{ 4, 0, 0, BFD_DISCARD_MY_DISCRIMINATOR },
	{ 8, 0, 0, BFD_DISCARD_YOUR_DISCRIMINATOR },
	{ 25, 0, 0, BFD_DISCARD_LENGTH }, /* the section's own length */
	{ 25, 1, 0, BFD_DISCARD_LENGTH },
	{ 25, 27, 0, BFD_DISCARD_LENGTH },
	{ 25, 29, 0, BFD_DISCARD_LENGTH },
	{ 1, 0xc4, 1, BFD_DISCARD_LENGTH },
	{ 1, 0xc4, 23, BFD_DISCARD_LENGTH },
	{ 1, 0xc4, 51, BFD_DISCARD_LENGTH },
	{ 1, 0xc4, 0, BFD_TAKEN }, /* nothing is wrong with this one */
	{ 1, 0xc0, 0, BFD_TAKEN }, /* nor with what bit A does not announce */
};

static void test_each_fault(void **state)
{
	bool seen[BFD_NR_DISCARDS] = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		size_t len = wrong[i].len ?: sizeof(example);
		uint8_t *data = malloc(len); /* of this size, for ASan */
		struct bfd_packet p;

		memcpy(data, example, len);
		if (wrong[i].at < len)
			data[wrong[i].at] = wrong[i].value;
		/* A discriminator is zero as a whole. */
		if (wrong[i].at == 4 || wrong[i].at == 8)
			memset(data + wrong[i].at, 0, 4);
		assert_int_equal(bfd_packet_read(&p, data, len), wrong[i].why);
		seen[wrong[i].why] = true;
		free(data);
	}
	for (int i = BFD_DISCARD_VERSION; i <= BFD_DISCARD_YOUR_DISCRIMINATOR;
	     i++)
		assert_true(seen[i]);
	assert_int_equal(bfd_packet_read(NULL, example, 0), BFD_DISCARD_LENGTH);
}

static void test_down_needs_no_session(void **state)
{
	(void)state;
	for (int i = 0; i < BFD_NR_STATES; i++) {
		bool without = i == BFD_DOWN || i == BFD_ADMIN_DOWN;
		struct bfd_packet p = says(i);
		uint8_t data[BFD_PACKET_MAX];
		size_t len;

		p.your_discriminator = 0;
		len = bfd_packet_write(&p, data);
		assert_int_equal(bfd_packet_read(&p, data, len),
				 without ? BFD_TAKEN
					 : BFD_DISCARD_YOUR_DISCRIMINATOR);
	}
}

/* --- 6.7.4: authentication ------------------------------------------------------ */

static struct bfd_settings keyed(enum bfd_auth_type type)
{
	struct bfd_settings s = plain;

	s.key = key;
	s.key.type = type;
	return s;
}

static struct bfd_packet signed_packet(uint32_t sequence)
{
	struct bfd_packet p = says(BFD_UP);

	p.authenticated = true;
	p.auth_type = b.settings.key.type;
	p.key_id = b.settings.key.id;
	p.sequence = sequence;
	return p;
}

static enum bfd_discard hear_sequence(uint32_t sequence)
{
	enum bfd_change change;

	return hear(signed_packet(sequence), &change);
}

/* {type, sequence after 5, is it taken?}, with a multiplier of 3 */
static const struct {
	uint8_t type;
	uint32_t sequence;
	enum bfd_discard why;
} sequences[] = {
	{ BFD_AUTH_SHA1, 4, BFD_DISCARD_AUTH_SEQUENCE },
	{ BFD_AUTH_SHA1, 5, BFD_TAKEN },
	{ BFD_AUTH_SHA1, 14, BFD_TAKEN },
	{ BFD_AUTH_SHA1, 15, BFD_DISCARD_AUTH_SEQUENCE },
	{ BFD_AUTH_METICULOUS_SHA1, 4, BFD_DISCARD_AUTH_SEQUENCE },
	{ BFD_AUTH_METICULOUS_SHA1, 5, BFD_DISCARD_AUTH_SEQUENCE },
	{ BFD_AUTH_METICULOUS_SHA1, 6, BFD_TAKEN },
	{ BFD_AUTH_METICULOUS_SHA1, 14, BFD_TAKEN },
	{ BFD_AUTH_METICULOUS_SHA1, 15, BFD_DISCARD_AUTH_SEQUENCE },
};

static void test_sequences(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++) {
		struct bfd_settings s = keyed(sequences[i].type);

		begin(&s);
		assert_int_equal(hear_sequence(5), BFD_TAKEN);
		assert_int_equal(hear_sequence(sequences[i].sequence),
				 sequences[i].why);
		/* They go round. */
		begin(&s);
		assert_int_equal(hear_sequence(0xffffffff), BFD_TAKEN);
		assert_int_equal(hear_sequence(sequences[i].sequence - 6),
				 sequences[i].why);
	}
}

static void test_a_forged_sequence_says_nothing(void **state)
{
	struct bfd_settings s = keyed(BFD_AUTH_METICULOUS_SHA1);
	struct bfd_packet p;
	uint8_t data[BFD_PACKET_MAX];
	enum bfd_change change;

	(void)state;
	begin(&s);
	p = signed_packet(0x80000000);
	bfd_packet_write(&p, data);
	assert_int_equal(bfd_receive(&b, &p, data, now, &change),
			 BFD_DISCARD_AUTH_DIGEST);
	assert_int_equal(hear_sequence(5), BFD_TAKEN);
}

/* Twice the detection time, and any number may be the first again (6.8.1). */
static void test_silence_forgets_the_sequence(void **state)
{
	struct bfd_settings s = keyed(BFD_AUTH_METICULOUS_SHA1);

	(void)state;
	begin(&s);
	hear_sequence(1000);
	for (int i = 0; i < 5; i++)
		bfd_check(&b, now += 10 * MS);
	assert_int_equal(hear_sequence(3), BFD_DISCARD_AUTH_SEQUENCE);
	bfd_check(&b, now += 10 * MS);
	assert_int_equal(hear_sequence(3), BFD_TAKEN);
}

static void test_wrong_authentication(void **state)
{
	struct bfd_settings s = keyed(BFD_AUTH_METICULOUS_SHA1);
	enum bfd_change change;
	struct bfd_packet p;

	(void)state;
	begin(&s);
	assert_int_equal(hear(says(BFD_DOWN), &change),
			 BFD_DISCARD_AUTH_MISSING);
	p = signed_packet(1);
	p.auth_type = BFD_AUTH_SHA1;
	assert_int_equal(hear(p, &change), BFD_DISCARD_AUTH_TYPE);
	p.auth_type = 1; /* a simple password */
	assert_int_equal(hear(p, &change), BFD_DISCARD_AUTH_TYPE);
	p = signed_packet(1);
	p.key_id++;
	assert_int_equal(hear(p, &change), BFD_DISCARD_AUTH_KEY);
	begin(&plain);
	p = says(BFD_DOWN);
	p.authenticated = true;
	p.auth_type = BFD_AUTH_SHA1;
	assert_int_equal(hear(p, &change), BFD_DISCARD_AUTH_UNEXPECTED);
	assert_int_equal(b.discarded[BFD_DISCARD_AUTH_UNEXPECTED], 1);
	assert_int_equal(b.received, 0);
}

/* Each packet of ours has a number of its own, and is what it says. */
static void test_ours_are_signed(void **state)
{
	struct bfd_settings s = keyed(BFD_AUTH_METICULOUS_SHA1);

	(void)state;
	begin(&s);
	for (uint32_t i = 1; i < 10; i++) {
		struct bfd_packet p = due();

		assert_true(p.authenticated);
		assert_int_equal(p.auth_type, BFD_AUTH_METICULOUS_SHA1);
		assert_int_equal(p.key_id, 7);
		assert_int_equal(p.sequence, 100 + i);
		now = b.next_tx;
	}
}

/* --- bad input ------------------------------------------------------------------ */

#define FORGERIES 100000

static void random_bytes(uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		data[i] = rand();
}

/* What a session is, but for what it has counted. */
static struct bfd without_counters(void)
{
	struct bfd copy = b;

	memset(copy.discarded, 0, sizeof(copy.discarded));
	return copy;
}

static void be_up_with_key(void)
{
	struct bfd_settings s = keyed(BFD_AUTH_METICULOUS_SHA1);
	struct bfd_packet p;
	enum bfd_change change;

	begin(&s);
	p = signed_packet(1000);
	p.state = BFD_INIT;
	hear(p, &change);
	assert_int_equal(hear_sequence(1002), BFD_TAKEN);
}

static enum bfd_discard offer(const uint8_t *data, size_t len)
{
	uint8_t *exact = malloc(len ?: 1);
	struct bfd_packet p;
	enum bfd_change change;
	enum bfd_discard why;

	memcpy(exact, data, len);
	why = bfd_packet_read(&p, exact, len);
	if (!why)
		why = bfd_receive(&b, &p, exact, now, &change);
	free(exact);
	return why;
}

static size_t genuine(uint8_t data[BFD_PACKET_MAX], uint32_t sequence)
{
	struct bfd_packet p = signed_packet(sequence);
	size_t len;

	p.state = rand() % BFD_NR_STATES;
	p.poll = rand() & 1;
	p.min_rx = rand();
	len = bfd_packet_write(&p, data);
	assert_true(bfd_auth_sign(data, &b.settings.key));
	return len;
}

/* Truncated, changed in places, replayed, or noise: none of it is taken, and
 * the session is as it was. */
static void test_forgeries(void **state)
{
	struct bfd before;

	(void)state;
	srand(1);
	be_up_with_key();
	assert_int_equal(b.state, BFD_UP);
	before = without_counters();
	for (int i = 0; i < FORGERIES; i++) {
		uint8_t data[2 * BFD_PACKET_MAX];
		struct bfd after;
		size_t len;

		switch (i % 4) {
		case 0: /* of any session that it could be of */
			len = rand() % sizeof(data);
			random_bytes(data, len);
			break;
		case 1:
			len = rand() % genuine(data, 1003 + rand() % 9);
			break;
		case 2:
			len = genuine(data, 1003 + rand() % 9);
			data[rand() % len] ^= 1 << rand() % 8;
			break;
		default:
			len = genuine(data, 1002 - rand() % 100000);
			break;
		}
		assert_int_not_equal(offer(data, len), BFD_TAKEN);
		after = without_counters();
		assert_memory_equal(&after, &before, sizeof(after));
	}
	/* One that is right is. */
	assert_int_equal(hear_sequence(1003), BFD_TAKEN);
}

/* The ablation of the above: without a key, one packet is enough. */
static void test_without_a_key_a_forgery_is_believed(void **state)
{
	struct bfd_packet p = says(BFD_DOWN);
	uint8_t data[BFD_PACKET_MAX];

	(void)state;
	come_up();
	assert_int_equal(offer(data, bfd_packet_write(&p, data)), BFD_TAKEN);
	assert_int_equal(b.state, BFD_DOWN);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(test_##name, setup)
	const struct CMUnitTest tests[] = {
		T(what_is_written_is_read),
		T(bytes),
		T(each_fault),
		T(down_needs_no_session),
		T(sequences),
		T(a_forged_sequence_says_nothing),
		T(silence_forgets_the_sequence),
		T(wrong_authentication),
		T(ours_are_signed),
		T(forgeries),
		T(without_a_key_a_forgery_is_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
