// SPDX-License-Identifier: GPL-2.0-only
/* What a configuration means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "baton/probe.h"
#include "config_text.h"

static void test_defaults(void **state)
{
	static const char *const empty[] = {
		"",
		"# nothing\n",
		"{}",
		"~",
		"switch:\nports:\nhosts: []\nguards: ~\ntimeouts: {}\n",
		"switch: {flows: , mode: null, bpffs: ~}\n",
	};
	struct config c;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(empty) / sizeof(empty[0]); i++) {
		expect_good(&c, empty[i]);
		assert_string_equal(c.bpffs, "/sys/fs/bpf/baton");
		assert_string_equal(c.control, "/run/baton/batond.sock");
		assert_string_equal(c.state, "/var/lib/baton");
		assert_int_equal(c.flows4, 4000000);
		assert_int_equal(c.flows6, 1000000);
		assert_int_equal(c.ring_size, 16381);
		assert_int_equal(c.mode, XDP_AUTO);
		assert_true(c.fence);
		assert_null(c.probe_key_file);
		assert_int_equal(c.probe_port, BATON_PROBE_PORT);
		assert_int_equal(c.icmp_per_second, 1000);
		assert_int_equal(c.startup_grace_ms, 3000);
		assert_int_equal(c.max_down_percent, 60);
#define X(name, seconds) assert_int_equal(c.timeouts.name, seconds);
		CONFIG_TIMEOUTS(X)
#undef X
		config_free(&c);
	}
}

static void test_values(void **state)
{
	struct config_service *s;
	struct config_owner *o;
	struct config_host *h;
	char text[ADDR_TEXT];
	struct config c;

	(void)state;
	expect_good(&c, "switch:\n"
			"  flows: 2048\n"
			"  mode: native\n"
			"  fence: no\n"
			"  address6: 2001:db8::1\n"
			"  probe-key: '/etc/a key'\n"
			"ports:\n"
			"- interface: eth1\n"
			"  mode: generic\n"
			"hosts:\n"
			"- name: a\n"
			"  address: 10.0.1.2\n"
			"  forward: gue\n"
			"  interface: eth1\n"
			"  mac: 02:00:00:00:01:02\n"
			"  vlan: 100\n"
			"  gue-port: 6081\n"
			"  priority: 7\n"
			"  capacity: 9\n"
			"  profile: slow\n"
			"  lease: yes\n"
			"  maintenance: yes\n"
			"- {name: b, address: \"2001:db8::b\", probe: off}\n"
			"owners:\n"
			"- name: web-a\n"
			"  host: a\n"
			"  standbys: [b]\n"
			"  policy: least-loaded\n"
			"  drain: yes\n"
			"services:\n"
			"- name: web\n"
			"  vip: 192.0.2.10\n"
			"  protocol: tcp\n"
			"  port: any\n"
			"  affinity: client\n"
			"  application: nginx\n"
			"  owners: [{name: web-a, weight: 2}]\n"
			"- {name: vpn, vip: 192.0.2.10, protocol: ipsec, "
			"owners: [web-a]}\n"
			"detection:\n"
			"  profile: vm\n"
			"  startup-grace: 1.5s\n"
			"  profiles:\n"
			"  - {name: slow, interval: 0.5ms, multiplier: 4, "
			"up-after: "
			"2}\n"
			"guards:\n"
			"  min-move-interval: 250ms\n"
			"  max-down: 75%\n"
			"  maintenance: yes\n"
			"  dry-run: yes\n"
			"  dampening: {half-life: 90s, penalty: 500, suppress: "
			"3000, reuse: 700, max: 10m}\n"
			"timeouts:\n"
			"  tcp-established: 2h\n"
			"  udp-opening: 1m\n");
	assert_int_equal(c.flows4, 2048);
	assert_int_equal(c.mode, XDP_NATIVE);
	assert_false(c.fence);
	assert_string_equal(addr_format(&c.address6, text), "2001:db8::1");
	assert_string_equal(c.probe_key_file, "/etc/a key");
	assert_int_equal(c.line, 1);
	assert_int_equal(c.nr_ports, 1);
	assert_string_equal(c.ports[0].interface, "eth1");
	assert_int_equal(c.ports[0].mode, XDP_GENERIC);
	assert_int_equal(c.ports[0].line, 8);

	h = config_host(&c, "a");
	assert_ptr_equal(h, &c.hosts[0]);
	assert_string_equal(addr_format(&h->address, text), "10.0.1.2");
	assert_int_equal(h->forward, BATON_FORWARD_GUE);
	assert_string_equal(h->interface, "eth1");
	assert_memory_equal(h->mac, "\2\0\0\0\1\2", 6);
	assert_int_equal(h->vlan, 100);
	assert_int_equal(h->gue_port, 6081);
	assert_int_equal(h->priority, 7);
	assert_int_equal(h->capacity, 9);
	assert_int_equal(h->detect, CONFIG_DETECT_PROBE);
	assert_int_equal(h->line, 11);
	assert_true(h->lease);
	assert_true(h->maintenance);
	assert_int_equal(config_profile(&c, h)->interval, 500000);
	assert_int_equal(config_profile(&c, h)->multiplier, 4);
	assert_int_equal(config_profile(&c, h)->up_after, 2);

	h = config_host(&c, "b");
	assert_int_equal(h->address.family, 6);
	assert_int_equal(h->forward, BATON_FORWARD_L2);
	assert_int_equal(h->priority, 100);
	assert_int_equal(h->capacity, 100);
	assert_int_equal(h->gue_port, 6080);
	assert_int_equal(h->detect, CONFIG_DETECT_NONE);
	assert_int_equal(config_profile(&c, h)->interval, 50000000);
	assert_false(h->lease);
	assert_false(h->maintenance);

	o = config_owner(&c, "web-a");
	assert_string_equal(o->host, "a");
	assert_string_equal(o->standbys[0], "b");
	assert_string_equal(o->standbys[1], "");
	assert_int_equal(o->policy, BATON_STANDBY_LEAST_LOADED);
	assert_true(o->drain);

	s = config_service(&c, "web");
	assert_int_equal(s->protocol, IPPROTO_TCP);
	assert_int_equal(s->port, 0);
	assert_true(s->client_hash);
	assert_int_equal(s->nr_owners, 1);
	assert_int_equal(s->owners[0].weight, 2);
	assert_string_equal(s->application, "nginx");
	s = config_service(&c, "vpn");
	assert_int_equal(s->protocol, CONFIG_IPSEC);
	assert_int_equal(s->owners[0].weight, 1);
	assert_string_equal(s->application, "");
	assert_null(config_service(&c, "dns"));

	assert_int_equal(c.startup_grace_ms, 1500);
	assert_int_equal(c.min_move_interval_ms, 250);
	assert_int_equal(c.max_down_percent, 75);
	assert_true(c.maintenance);
	assert_true(c.dry_run);
	assert_int_equal(c.dampening.half_life_ms, 90000);
	assert_int_equal(c.dampening.penalty, 500);
	assert_int_equal(c.dampening.suppress, 3000);
	assert_int_equal(c.dampening.reuse, 700);
	assert_int_equal(c.dampening.max_ms, 600000);
	assert_int_equal(c.timeouts.tcp_established, 7200);
	assert_int_equal(c.timeouts.udp_opening, 60);
	assert_int_equal(c.timeouts.ipsec, 3600);
	config_free(&c);
}

/* The built-in profiles, and that one may be defined anew. */
static void test_profiles(void **state)
{
	struct config_host h = { 0 };
	struct config c;

	(void)state;
	expect_good(&c, "detection: {profiles: [{name: vm, interval: "
			"100ms}]}\n");
	assert_int_equal(config_profile(&c, &h)->interval, 10000000);
	assert_int_equal(config_profile(&c, &h)->multiplier, 3);
	assert_int_equal(config_profile(&c, &h)->up_after, 10);
	strcpy(h.profile, "fast");
	assert_int_equal(config_profile(&c, &h)->interval, 3300000);
	strcpy(h.profile, "vm");
	assert_int_equal(config_profile(&c, &h)->interval, 100000000);
	strcpy(h.profile, "none");
	assert_null(config_profile(&c, &h));
	config_free(&c);
}

/* What stands beside each other without a quarrel. */
static void test_allowed(void **state)
{
	static const char *const texts[] = {
		/* an exact port beside `any`, and UDP beside TCP */
		SERVICES WEB "\n"
			     "- {name: w1, vip: 192.0.2.1, protocol: tcp, "
			     "port: any, owners: [web-b]}\n"
			     "- {name: w2, vip: 192.0.2.1, protocol: udp, "
			     "port: 80, owners: [web-b]}\n",
		/* IPsec takes its two UDP ports, others may have the rest */
		SERVICES IPSEC "\n"
			       "- {name: w1, vip: 192.0.2.1, protocol: udp, "
			       "port: any, owners: [web-b]}\n"
			       "- {name: w2, vip: 192.0.2.1, protocol: tcp, "
			       "port: 500, owners: [web-b]}\n"
			       "- {name: w3, vip: 192.0.2.2, protocol: udp, "
			       "port: 500, owners: [web-b]}\n",
		/* tunnels through one router */
		HOSTS "- {name: c, address: 10.0.0.3, forward: ipip, "
		      "mac: 02:00:00:00:00:01}\n"
		      "- {name: d, address: 10.0.0.4, forward: gue, "
		      "mac: 02:00:00:00:00:01}\n",
		/* JSON */
		"{\"hosts\": [{\"name\": \"a\", \"address\": \"10.0.0.1\", "
		"\"probe\": false, \"vlan\": 5, \"interface\": null}]}",
		"ports: [{interface: eth0.5}, {interface: \"a\\\\b\"}]\n",
	};
	struct config c;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		expect_good(&c, texts[i]);
		config_free(&c);
	}
}

static void test_file(void **state)
{
	char path[] = "/tmp/test_config.XXXXXX";
	struct config_errors e = { 0 };
	struct config c;
	int fd;

	(void)state;
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "switch:\n  flows: 5\n", 19), 19);
	assert_int_equal(config_read(&c, path, &e), -EINVAL);
	assert_int_equal(strncmp(e.text, path, strlen(path)), 0);
	assert_non_null(strstr(e.text, ":2: switch: flows: "));
	config_errors_free(&e);

	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(config_read(&c, path, &e), 0);
	config_free(&c);

	assert_int_equal(ftruncate(fd, (4 << 20) + 1), 0);
	assert_int_equal(config_read(&c, path, &e), -EINVAL);
	assert_non_null(strstr(e.text, "at most 4 MiB"));
	config_errors_free(&e);
	close(fd);
	unlink(path);

	assert_int_equal(config_read(&c, path, &e), -ENOENT);
	assert_int_equal(e.count, 1);
	assert_non_null(strstr(e.text, path));
	config_errors_free(&e);
}

/* The example that ships; tests run at the top of the tree. */
#define EXAMPLE "docs/example.yaml"

static void test_example(void **state)
{
	struct config_errors e = { 0 };
	struct config c;

	(void)state;
	if (config_read(&c, EXAMPLE, &e))
		fail_msg("%s", e.text);
	assert_true(c.nr_ports && c.nr_hosts && c.nr_owners && c.nr_services);
	config_free(&c);
}

/* The example in the manual, between its first .Bd and .Ed */
#define MANUAL "docs/man/baton.yaml.5"

static void test_manual(void **state)
{
	static char text[1 << 16];
	char *begin, *end;
	struct config c;
	FILE *f;

	(void)state;
	f = fopen(MANUAL, "r");
	assert_non_null(f);
	assert_true(fread(text, 1, sizeof(text) - 1, f) > 0);
	fclose(f);
	begin = strstr(text, "\n.Bd");
	assert_non_null(begin);
	begin = strchr(begin + 1, '\n');
	end = strstr(begin, "\n.Ed");
	assert_non_null(end);
	*end = '\0';
	expect_good(&c, begin);
	assert_int_equal(c.nr_services, 1);
	config_free(&c);
}

/* What a host does not say of BFD, detection: says; of auth: all or nothing. */
static void test_bfd(void **state)
{
	struct config_bfd b;
	struct config c;

	(void)state;
	expect_good(&c, "hosts:\n"
			"- {name: a, address: 10.0.0.1, detect: bfd}\n"
			"- name: b\n"
			"  address: 10.0.0.2\n"
			"  detect: bfd\n"
			"  bfd: {min-tx: 50ms, multiplier: 7,\n"
			"    auth: {type: sha1, key-file: /k2}}\n"
			"- name: c\n"
			"  address: 10.0.0.3\n"
			"  detect: bfd\n"
			"  bfd: {auth: {type: none}}\n"
			"detection:\n"
			"  bfd:\n"
			"    min-rx: 3.3ms\n"
			"    auth: {type: meticulous-sha1, id: 9,\n"
			"      key-file: /k1}\n");
	b = config_bfd(&c, config_host(&c, "a"));
	assert_int_equal(b.min_tx, 10000);
	assert_int_equal(b.min_rx, 3300);
	assert_int_equal(b.multiplier, 3);
	assert_int_equal(b.auth.type, CONFIG_BFD_METICULOUS_SHA1);
	assert_int_equal(b.auth.id, 9);
	assert_string_equal(b.auth.key_file, "/k1");
	b = config_bfd(&c, config_host(&c, "b"));
	assert_int_equal(b.min_tx, 50000);
	assert_int_equal(b.min_rx, 3300);
	assert_int_equal(b.multiplier, 7);
	assert_int_equal(b.auth.type, CONFIG_BFD_SHA1);
	assert_int_equal(b.auth.id, 0);
	assert_string_equal(b.auth.key_file, "/k2");
	b = config_bfd(&c, config_host(&c, "c"));
	assert_int_equal(b.auth.type, CONFIG_BFD_NONE);
	assert_null(b.auth.key_file);
	config_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bfd),	cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_values),	cmocka_unit_test(test_profiles),
		cmocka_unit_test(test_allowed), cmocka_unit_test(test_file),
		cmocka_unit_test(test_example), cmocka_unit_test(test_manual),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
