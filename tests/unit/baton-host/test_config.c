// SPDX-License-Identifier: GPL-2.0-only
/* The configuration of baton-host: what is read, and what is said of mistakes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "baton-host/config.h"
#include "baton/host.h"
#include "baton/probe.h"

#define MINIMUM                                                                \
	"interface: eth0\n"                                                    \
	"switches: [10.0.1.1]\n"

static void read_good(struct config *c, const char *text)
{
	struct config_errors e = { 0 };
	int err = config_parse(c, "f", text, strlen(text), &e);

	if (err)
		fail_msg("%d: %s", err, e.text);
	config_errors_free(&e);
}

static void defaults(void **state)
{
	struct config c;

	(void)state;
	read_good(&c, MINIMUM);
	assert_int_equal(c.nr_interfaces, 1);
	assert_string_equal(c.interfaces[0].name, "eth0");
	assert_int_equal(c.mode, XDP_AUTO);
	assert_string_equal(c.bpffs, "/sys/fs/bpf/baton-host");
	assert_null(c.probe_key);
	assert_int_equal(c.probe_port, BATON_PROBE_PORT);
	assert_int_equal(c.gue_port, BATON_GUE_PORT);
	assert_int_equal(c.nr_switches, 1);
	assert_int_equal(c.nr_vips, 0);
	assert_false(c.manage_vips);
	config_free(&c);
}

static void everything(void **state)
{
	struct config c;
	char text[ADDR_TEXT];

	(void)state;
	read_good(&c, "interfaces: [eth0, eth1]\n"
		      "mode: generic\n"
		      "bpffs: /run/x\n"
		      "probe-key: /etc/key\n"
		      "probe-port: 1\n"
		      "gue-port: off\n"
		      "switches:\n"
		      "  - 10.0.1.1\n"
		      "  - \"2001:db8:1::1\"\n"
		      "vips: [192.0.2.10, \"2001:db8:2::10\"]\n"
		      "manage-vips: yes\n");
	assert_int_equal(c.nr_interfaces, 2);
	assert_string_equal(c.interfaces[1].name, "eth1");
	assert_int_equal(c.mode, XDP_GENERIC);
	assert_string_equal(c.bpffs, "/run/x");
	assert_string_equal(c.probe_key, "/etc/key");
	assert_int_equal(c.probe_port, 1);
	assert_int_equal(c.gue_port, 0);
	assert_int_equal(c.nr_switches, 2);
	assert_string_equal(addr_format(&c.switches[1].addr, text), "2001:db8:"
								    "1::1");
	assert_int_equal(c.nr_vips, 2);
	assert_string_equal(addr_format(&c.vips[0].addr, text), "192.0.2.10");
	assert_true(c.manage_vips);
	config_free(&c);
}

/* What a mistake is answered with: where, and words that must be in it. */
static const struct {
	const char *text, *where, *says;
} mistakes[] = {
	{ "switches: [10.0.1.1]\n", "f:", "no interface" },
	{ "interface: eth0\n", "f:", "switches" },
	{ "interface: eth0\nswitches: []\n", "f:", "switches" },
	{ MINIMUM "interfaces: [eth1]\n", "f:3:", "one of them" },
	{ "interfaces: [a, b, a]\nswitches: [10.0.1.1]\n", "f:1:", "twice" },
	{ "interfaces:\n- a\n- a/b\nswitches: [10.0.1.1]\n", "f:3:", "a/b" },
	{ MINIMUM "mode: fast\n", "f:3:", "generic" },
	{ MINIMUM "bpffs: here\n", "f:3:", "starts with /" },
	{ MINIMUM "probe-key: 0102\n", "f:3:", "starts with /" },
	{ MINIMUM "probe-port: 0\n", "f:3:", "65535" },
	{ MINIMUM "gue-port: 65536\n", "f:3:", "65535" },
	{ MINIMUM "vips: [300.0.0.1]\n", "f:3:", "300.0.0.1" },
	{ MINIMUM "vips: [224.0.0.1]\n", "f:3:", "unicast" },
	{ MINIMUM "vips: [\"::1\"]\n", "f:3:", "unicast" },
	{ MINIMUM "vips:\n- 192.0.2.1\n- 192.0.2.1\n", "f:5:", "twice" },
	{ MINIMUM "vips: [10.0.1.1]\n", "f:3:", "10.0.1.1 is given twice" },
	{ MINIMUM "manage-vips: maybe\n", "f:3:", "yes" },
	{ MINIMUM "managed-vips: yes\n", "f:3:", "manage-vips" },
	{ MINIMUM "interface: eth0\n", "f:3:", "interface" },
};

static void mistakes_are_explained(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		const char *text = mistakes[i].text;
		struct config_errors e = { 0 };
		struct config c;

		if (config_parse(&c, "f", text, strlen(text), &e) != -EINVAL)
			fail_msg("accepted:\n%s", text);
		if (!e.text ||
		    strncmp(e.text, mistakes[i].where,
			    strlen(mistakes[i].where)) ||
		    !strstr(e.text, mistakes[i].says))
			fail_msg("%s\n\"%s\", \"%s\" expected of\n%s",
				 e.text ? e.text : "nothing said",
				 mistakes[i].where, mistakes[i].says, text);
		config_errors_free(&e);
		config_free(&c);
	}
}

static void all_mistakes_at_once(void **state)
{
	static const char text[] = "interface: eth0\n"
				   "switches: [10.0.1.1, 10.0.1.1]\n"
				   "interfaces: [eth1]\n";
	struct config_errors e = { 0 };
	struct config c;

	(void)state;
	assert_int_equal(config_parse(&c, "f", text, sizeof(text) - 1, &e),
			 -EINVAL);
	assert_int_equal(e.count, 2);
	config_errors_free(&e);
	config_free(&c);
}

static void what_a_reload_cannot_do(void **state)
{
	static const struct {
		const char *from, *to, *key;
	} cases[] = {
		{ MINIMUM, MINIMUM, NULL },
		{ MINIMUM, MINIMUM "probe-port: 9\nvips: [192.0.2.1]\n", NULL },
		{ MINIMUM, "interfaces: [eth0]\nswitches: [10.0.1.2]\n", NULL },
		{ MINIMUM, MINIMUM "mode: native\n", "mode" },
		{ MINIMUM, MINIMUM "bpffs: /run/x\n", "bpffs" },
		{ MINIMUM, "interface: eth1\nswitches: [10.0.1.1]\n",
		  "interfaces" },
		{ MINIMUM, "interfaces: [eth0, eth1]\nswitches: [10.0.1.1]\n",
		  "interfaces" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config from, to;
		const char *key;

		read_good(&from, cases[i].from);
		read_good(&to, cases[i].to);
		key = config_needs_restart(&from, &to);
		if (cases[i].key)
			assert_string_equal(key, cases[i].key);
		else
			assert_null(key);
		config_free(&from);
		config_free(&to);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(everything),
		cmocka_unit_test(mistakes_are_explained),
		cmocka_unit_test(all_mistakes_at_once),
		cmocka_unit_test(what_a_reload_cannot_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
