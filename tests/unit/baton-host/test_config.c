// SPDX-License-Identifier: GPL-2.0-only
/* The configuration of baton-host: what is read, and what is said of mistakes. */
#include <errno.h>
#include <netinet/in.h>
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

/* of a switch */
#define KEY "switch-key: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
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
	assert_true(c.lease);
	assert_true(config_needs_egress(&c));
	assert_int_equal(c.nr_lease_interfaces, 0);
	assert_false(c.leave_on_exit);
	assert_string_equal(c.heartbeats, "/run/baton-host/heartbeat.sock");
	assert_int_equal(c.nr_applications, 0);
	config_free(&c);
}

static void applications(void **state)
{
	const struct config_application *a;
	struct config c;

	(void)state;
	read_good(&c, MINIMUM "vips: [192.0.2.10]\n"
			      "lease: no\n"
			      "applications:\n"
			      "- {name: web, limit: 30ms}\n"
			      "- {name: page, limit: 3s, check: http, address: "
			      "\"::1\",\n"
			      "   port: 8080, path: /up, status: 204, rise: 1, "
			      "fall: 9,\n"
			      "   interval: 100ms, timeout: 50ms}\n"
			      "- {name: db, limit: 3s, check: command,\n"
			      "   command: [/bin/ask, \"a b\"], pidfile: "
			      "/run/db.pid,\n"
			      "   silence: {vip: 192.0.2.10, protocol: udp, "
			      "port: 53}}\n");
	assert_int_equal(c.nr_applications, 3);
	a = c.applications;
	assert_int_equal(a->check, APP_HEARTBEAT);
	assert_int_equal(a->limit_ms, 30);
	assert_null(a->user);
	assert_int_equal(a->silence.vip.family, 0);
	a++;
	assert_int_equal(a->check, APP_HTTP);
	assert_int_equal(a->address.family, 6);
	assert_int_equal(a->port, 8080);
	assert_string_equal(a->path, "/up");
	assert_int_equal(a->status, 204);
	assert_int_equal(a->rise, 1);
	assert_int_equal(a->fall, 9);
	assert_int_equal(a->interval_ms, 100);
	assert_int_equal(a->timeout_ms, 50);
	a++;
	assert_int_equal(a->nr_command, 2);
	assert_string_equal(a->command[1].text, "a b");
	assert_string_equal(a->pidfile, "/run/db.pid");
	assert_int_equal(a->rise, 2);
	assert_int_equal(a->fall, 3);
	assert_int_equal(a->silence.vip.family, 4);
	assert_int_equal(a->silence.protocol, IPPROTO_UDP);
	assert_int_equal(a->silence.port, 53);
	assert_true(config_needs_egress(&c)); /* for that, not for a lease */
	config_free(&c);

	read_good(&c, MINIMUM "lease: no\n");
	assert_false(config_needs_egress(&c));
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

#define APP MINIMUM "applications:\n- {"
#define ONE_MORE "{name: a, limit: 1s}, {name: b, limit: 1s}, "
#define TWICE(text) text text

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
	{ MINIMUM "node-key: /k\n", "f:", "switch-key" },
	{ MINIMUM "node-key: /k\nswitch-key: abc=\n", "f:4:", "baton key" },
	{ MINIMUM "gue-port: 65536\n", "f:3:", "65535" },
	{ MINIMUM "vips: [300.0.0.1]\n", "f:3:", "300.0.0.1" },
	{ MINIMUM "vips: [224.0.0.1]\n", "f:3:", "unicast" },
	{ MINIMUM "vips: [\"::1\"]\n", "f:3:", "unicast" },
	{ MINIMUM "vips:\n- 192.0.2.1\n- 192.0.2.1\n", "f:5:", "twice" },
	{ MINIMUM "vips: [10.0.1.1]\n", "f:3:", "10.0.1.1 is given twice" },
	{ MINIMUM "manage-vips: maybe\n", "f:3:", "yes" },
	{ MINIMUM "managed-vips: yes\n", "f:3:", "manage-vips" },
	{ MINIMUM "interface: eth0\n", "f:3:", "interface" },
	{ APP "name: web}\n", "f:4:", "limit" },
	{ APP "limit: 30ms}\n", "f:4:", "name" },
	{ APP "name: web, limit: 30}\n", "f:4:", "30" },
	{ APP "name: web, limit: 1ms}\n", "f:4:", "5ms" },
	{ APP "name: a b, limit: 30ms}\n", "f:4:", "a b" },
	{ APP "name: web, limit: 30ms, check: ping}\n", "f:4:", "http" },
	{ APP "name: web, limit: 3s, check: tcp, port: 80}\n",
	  "f:4:", "address" },
	{ APP "name: web, limit: 3s, check: http, address: 10.0.0.1}\n",
	  "f:4:", "port" },
	{ APP "name: web, limit: 3s, check: http, address: 10.0.0.1, "
	      "port: 80, path: up}\n",
	  "f:4:", "starts with /" },
	{ APP "name: web, limit: 3s, check: http, address: 10.0.0.1, "
	      "port: 80, status: 20}\n",
	  "f:4:", "100" },
	{ APP "name: web, limit: 3s, check: command}\n",
	  "f:4:", "command: is missing" },
	{ APP "name: web, limit: 3s, check: command, command: [ls]}\n",
	  "f:4:", "a path that starts with /" },
	{ APP "name: web, limit: 3s, check: process}\n", "f:4:", "pidfile" },
	{ APP "name: web, limit: 2s, check: process, pidfile: /x, "
	      "interval: 2s}\n",
	  "f:4:", "between two good checks" },
	{ APP "name: web, limit: 2s, check: tcp, address: 10.0.0.1, "
	      "port: 80}\n",
	  "f:4:", "between two good checks" },
	{ APP "name: web, limit: 3s, rise: 0}\n", "f:4:", "100" },
	{ APP "name: web, limit: 3s}\n- {name: web, limit: 3s}\n",
	  "f:5:", "line 4" },
	{ APP "name: web, limit: 3s, silence: {port: 80}}\n",
	  "f:4:", "vip: is missing" },
	{ APP "name: web, limit: 3s, silence: {vip: 192.0.2.10}}\n",
	  "f:4:", "in vips:" },
	{ APP "name: web, limit: 3s, silence: {protocol: icmp}}\n",
	  "f:4:", "udp" },
	{ MINIMUM "applications: [" TWICE(TWICE(ONE_MORE)) ONE_MORE "]\n",
	  "f:3:", "8" },
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
		{ MINIMUM, MINIMUM "lease: no\n", "lease" },
		{ MINIMUM, MINIMUM "lease-interfaces: [eth9]\n", "lease" },
		{ MINIMUM, MINIMUM "leave-on-exit: yes\n", "leave-on-exit" },
		{ MINIMUM, MINIMUM "heartbeats: /run/y\n", "heartbeats" },
		{ MINIMUM, MINIMUM "node-key: /k\n" KEY, "node-key" },
		{ MINIMUM "node-key: /k\n" KEY, MINIMUM "node-key: /l\n" KEY,
		  "node-key" },
		{ MINIMUM, MINIMUM "ownership-port: 9\n", "ownership-port" },
		{ MINIMUM, MINIMUM "control: /run/z\n", "control" },
		{ APP "name: a, limit: 1s}\n", APP "name: a, limit: 1s}\n",
		  NULL },
		{ APP "name: a, limit: 1s}\n", APP "name: a, limit: 2s}\n",
		  "applications" },
		{ APP "name: a, limit: 1s}\n", MINIMUM, "applications" },
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
		cmocka_unit_test(applications),
		cmocka_unit_test(everything),
		cmocka_unit_test(mistakes_are_explained),
		cmocka_unit_test(all_mistakes_at_once),
		cmocka_unit_test(what_a_reload_cannot_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
