// SPDX-License-Identifier: GPL-2.0-only
/* Probes as bytes: what is made, and what is believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <endian.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "batond/probe_wire.h"

static const struct probe_secret ours = { .key = "sixteen bytes..",
					  .session = 0x1122334455667788 };

enum { HOST = 0x0102, SEQUENCE = 77 };

static const struct probe_ask ask = { .host = HOST,
				      .sequence = SEQUENCE,
				      .now = 123456789,
				      .stamp = 0x5566778899,
				      .lease = 27000,
				      .owner = 0xcafe,
				      .epoch = 9,
				      .plays = true };

static void sign(struct baton_probe *p, const struct probe_secret *secret)
{
	crypto_shorthash((unsigned char *)&p->mac, (const unsigned char *)p,
			 BATON_PROBE_COVERED, secret->key);
	/* The hash is a little-endian number, the wire is big-endian. */
	p->mac = htobe64(le64toh(p->mac));
}

/* What a host makes of a probe. */
static struct baton_probe answer(const struct probe_secret *secret,
				 uint8_t word)
{
	struct baton_probe p;

	probe_make(&p, secret, &ask);
	p.type = BATON_PROBE_ANSWER;
	p.word = word;
	p.stamp = htobe64(424242);
	p.app[1] = (struct baton_probe_app){ .tag = htobe32(7),
					     .age = htobe16(31),
					     .state = BATON_APP_FAILED };
	sign(&p, secret);
	return p;
}

static enum probe_verdict judge(const struct baton_probe *p, size_t len)
{
	struct probe_answer a;
	enum probe_verdict verdict;
	/* Allocated to size, so that reading beyond is noticed. */
	void *data = malloc(len ?: 1);

	assert_non_null(data);
	memcpy(data, p, len);
	verdict = probe_judge(&a, &ours, data, len);
	free(data);
	return verdict;
}

static void test_a_probe_has_its_fields(void **state)
{
	struct baton_probe p, signed_again;

	(void)state;
	probe_make(&p, &ours, &ask);
	assert_int_equal(be32toh(p.magic), BATON_PROBE_MAGIC);
	assert_int_equal(p.type, BATON_PROBE_ASK);
	assert_int_equal(p.word, 0);
	assert_int_equal(be16toh(p.host), HOST);
	assert_int_equal(be64toh(p.session), ours.session);
	assert_int_equal(be64toh(p.sequence), SEQUENCE);
	assert_int_equal(be64toh(p.sent), 123456789);
	assert_int_equal(be64toh(p.stamp), ask.stamp);
	assert_int_equal(be32toh(p.lease), ask.lease);
	assert_int_equal(be32toh(p.owner), ask.owner);
	assert_int_equal(be32toh(p.epoch), ask.epoch);
	assert_int_equal(p.plays, 1);
	signed_again = p;
	sign(&signed_again, &ours);
	assert_memory_equal(&p, &signed_again, sizeof(p));
}

static void test_good_answers(void **state)
{
	(void)state;
	for (uint8_t word = 0; word < BATON_NR_HOST_WORDS; word++) {
		struct baton_probe p = answer(&ours, word);
		struct probe_answer a;

		assert_int_equal(probe_judge(&a, &ours, &p, sizeof(p)),
				 PROBE_GOOD);
		assert_int_equal(a.host, HOST);
		assert_int_equal(a.sequence, SEQUENCE);
		assert_int_equal(a.word, word);
		assert_int_equal(a.type, BATON_PROBE_ANSWER);
		assert_int_equal(a.clock, 424242);
		assert_int_equal(a.owner, ask.owner);
		assert_int_equal(a.epoch, ask.epoch);
		assert_true(a.plays);
		assert_int_equal(a.app[1].tag, 7);
		assert_int_equal(a.app[1].age, 31);
		assert_int_equal(a.app[1].state, BATON_APP_FAILED);
		assert_int_equal(a.app[0].state, BATON_APP_NONE);
	}
}

static void test_other_lengths(void **state)
{
	struct {
		struct baton_probe p;
		char more[16];
	} data = { .p = answer(&ours, BATON_WORD_UP) };

	(void)state;
	for (size_t len = 0; len <= sizeof(data); len++)
		assert_int_equal(judge(&data.p, len), len == sizeof(data.p)
							      ? PROBE_GOOD
							      : PROBE_ALIEN);
}

/* Whichever bit is flipped: no answer, or not one of ours. */
static void test_every_bit_counts(void **state)
{
	const struct baton_probe good = answer(&ours, BATON_WORD_UP);

	(void)state;
	for (size_t bit = 0; bit < 8 * sizeof(good); bit++) {
		struct baton_probe p = good;
		bool head;

		((uint8_t *)&p)[bit / 8] ^= 1 << bit % 8;
		head = p.magic != good.magic || (p.type != BATON_PROBE_ANSWER &&
						 p.type != BATON_PROBE_WORD);
		assert_int_equal(judge(&p, sizeof(p)),
				 head ? PROBE_ALIEN : PROBE_FORGED);
	}
}

static void test_signed_but_wrong(void **state)
{
	struct probe_secret other_key = ours, other_session = ours;
	struct baton_probe p;

	(void)state;
	other_key.key[15] ^= 1;
	p = answer(&other_key, BATON_WORD_UP);
	assert_int_equal(judge(&p, sizeof(p)), PROBE_FORGED);

	other_session.session++;
	p = answer(&other_session, BATON_WORD_UP);
	assert_int_equal(judge(&p, sizeof(p)), PROBE_STALE);

	p = answer(&ours, BATON_NR_HOST_WORDS);
	assert_int_equal(judge(&p, sizeof(p)), PROBE_FORGED);
	p = answer(&ours, UINT8_MAX);
	assert_int_equal(judge(&p, sizeof(p)), PROBE_FORGED);

	/* A probe that comes back as it went is no answer. */
	probe_make(&p, &ours, &ask);
	assert_int_equal(judge(&p, sizeof(p)), PROBE_ALIEN);
	for (int type = 0; type <= UINT8_MAX; type++) {
		p.type = type;
		sign(&p, &ours);
		assert_int_equal(judge(&p, sizeof(p)),
				 type == BATON_PROBE_ANSWER ||
						 type == BATON_PROBE_WORD
					 ? PROBE_GOOD
					 : PROBE_ALIEN);
	}
	p = answer(&ours, BATON_WORD_UP);
	p.app[7].state = BATON_NR_APP_STATES;
	sign(&p, &ours);
	assert_int_equal(judge(&p, sizeof(p)), PROBE_FORGED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_probe_has_its_fields),
		cmocka_unit_test(test_good_answers),
		cmocka_unit_test(test_other_lengths),
		cmocka_unit_test(test_every_bit_counts),
		cmocka_unit_test(test_signed_but_wrong),
	};

	return sodium_init() < 0 ? 1
				 : cmocka_run_group_tests(tests, NULL, NULL);
}
