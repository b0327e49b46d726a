// SPDX-License-Identifier: GPL-2.0-only
/* Settings that the agent writes while the program uses them. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "baton-host/apply.h"
#include "baton/probe.h"

static void settings_follow_the_configuration(void **state)
{
	struct config c = { .probe_port = 7790, .gue_port = 6080 };
	struct probe_key key = { { 1, 2 } };
	struct baton_host_settings s = {
		.abi = BATON_HOST_ABI,
		.flags = BATON_HOST_ARP_SET,
		.word = BATON_WORD_DRAINING,
		.arp_ignore_was = 3,
	};

	(void)state;
	apply_settings(&s, &c, &key);
	assert_int_equal(s.flags, BATON_HOST_ARP_SET | BATON_HOST_PROBES);
	assert_memory_equal(s.key, key.word, sizeof(s.key));
	assert_int_equal(s.probe_port, htons(7790));
	assert_int_equal(s.gue_port, htons(6080));

	c.gue_port = 0;
	apply_settings(&s, &c, NULL);
	assert_int_equal(s.flags, BATON_HOST_ARP_SET);
	assert_int_equal(s.key[0], 0);
	assert_int_equal(s.key[1], 0);
	assert_int_equal(s.gue_port, 0);

	/* What the operator said, and what the agent noted, outlive it. */
	assert_int_equal(s.word, BATON_WORD_DRAINING);
	assert_int_equal(s.abi, BATON_HOST_ABI);
	assert_int_equal(s.arp_ignore_was, 3);
}

static void addresses_survive_being_keys(void **state)
{
	static const char *const texts[] = { "192.0.2.10", "2001:db8::1" };
	struct baton_host_address key;
	struct addr a, b;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(addr_parse(&a, texts[i]), 0);
		memset(&key, 0xff, sizeof(key));
		pins_key(&a, &key);
		assert_int_equal(key.family, a.family);
		pins_addr(&key, &b);
		assert_true(addr_equal(&a, &b));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings_follow_the_configuration),
		cmocka_unit_test(addresses_survive_being_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
