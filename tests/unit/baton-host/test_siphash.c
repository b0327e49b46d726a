// SPDX-License-Identifier: GPL-2.0-only
/* SipHash and the authenticator of probes, against libsodium's. */
#include "siphash.h"

#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/probe_key.h"
#include "probe_mac.h"

static uint64_t reference(const void *key, const void *message, size_t len)
{
	unsigned char hash[crypto_shorthash_BYTES];
	uint64_t word;

	crypto_shorthash(hash, message, len, key);
	memcpy(&word, hash, sizeof(word));
	return le64toh(word);
}

static void every_length(void **state)
{
	__u64 word[40], key[2];
	int n, round;

	(void)state;
	for (n = 0; n <= 40; n++) {
		for (round = 0; round < 50; round++) {
			randombytes_buf(key, sizeof(key));
			randombytes_buf(word, sizeof(word));
			assert_int_equal(siphash(key, word, n),
					 reference(key, word, 8 * n));
		}
	}
}

static void mac_covers_all_but_itself(void **state)
{
	struct baton_probe probe;
	unsigned char *byte = (unsigned char *)&probe;
	__u64 key[2];
	__be64 mac;
	size_t i;

	(void)state;
	randombytes_buf(key, sizeof(key));
	randombytes_buf(&probe, sizeof(probe));
	mac = probe_mac(key, &probe);
	assert_int_equal(be64toh(mac),
			 reference(key, &probe, BATON_PROBE_COVERED));
	for (i = 0; i < sizeof(probe); i++) {
		byte[i] ^= 1;
		if (i < offsetof(struct baton_probe, mac))
			assert_int_not_equal(probe_mac(key, &probe), mac);
		else
			assert_int_equal(probe_mac(key, &probe), mac);
		byte[i] ^= 1;
	}
}

static void key_as_text(void **state)
{
	static const char good[] = " 000102030405060708090A0b0c0d0e0F\n";
	static const unsigned char bytes[16] = { 0, 1, 2,  3,  4,  5,  6,  7,
						 8, 9, 10, 11, 12, 13, 14, 15 };
	static const char *const bad[] = {
		"",
		"\n",
		"000102030405060708090a0b0c0d0e0",
		"000102030405060708090a0b0c0d0e0f0",
		"000102030405060708090a0b0c0d0e0g",
		"00010203040506070 090a0b0c0d0e0f0",
		"0001020304050607-8090a0b0c0d0e0f",
	};
	struct probe_key key;
	size_t i;

	(void)state;
	assert_int_equal(probe_key_parse(&key, good, strlen(good)), 0);
	assert_memory_equal(&key, bytes, sizeof(bytes));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(probe_key_parse(&key, bad[i], strlen(bad[i])),
				 -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length),
		cmocka_unit_test(mac_covers_all_but_itself),
		cmocka_unit_test(key_as_text),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
