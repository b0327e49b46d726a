// SPDX-License-Identifier: GPL-2.0-only
/* Who sent a message, and to whom. */
#include <errno.h>

#include "members.h"

static uint8_t bytes[200];

static void seal(int from, int to)
{
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = draw(256);
	own_auth_seal(keys[from][to].send, bytes, sizeof(bytes));
}

static bool verify(int at, int from)
{
	return own_auth_verify(keys[at][from].receive, bytes, sizeof(bytes));
}

static void only_the_one_for_the_other(void **state)
{
	(void)state;
	keys_make();
	for (int from = 0; from < MEMBERS; from++)
		for (int to = 0; to < MEMBERS; to++) {
			if (from == to)
				continue;
			seal(from, to);
			for (int at = 0; at < MEMBERS; at++)
				for (int of = 0; of < MEMBERS; of++)
					if (at != of)
						assert_int_equal(
							verify(at, of),
							at == to && of == from);
		}
}

static void every_bit_counts(void **state)
{
	(void)state;
	seal(0, 1);
	for (size_t i = 0; i < 8 * sizeof(bytes); i++) {
		bytes[i / 8] ^= 1 << i % 8;
		assert_false(verify(1, 0));
		bytes[i / 8] ^= 1 << i % 8;
	}
	assert_true(verify(1, 0));
}

static void keys_that_are_none(void **state)
{
	uint8_t seed[OWN_KEY_LEN] = { 7 }, public[OWN_KEY_LEN];
	struct own_keys k;

	(void)state;
	own_auth_public(public, seed);
	assert_int_equal(own_auth_keys(&k, seed, public), -EKEYREJECTED);
	/* no point of the curve, and one of small order */
	memset(public, 0xee, sizeof(public));
	assert_int_equal(own_auth_keys(&k, seed, public), -EKEYREJECTED);
	memset(public, 0, sizeof(public));
	public[0] = 1;
	assert_int_equal(own_auth_keys(&k, seed, public), -EKEYREJECTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_one_for_the_other),
		cmocka_unit_test(every_bit_counts),
		cmocka_unit_test(keys_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
