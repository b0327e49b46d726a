// SPDX-License-Identifier: GPL-2.0-only
/* What is written is read back as it was: generated configurations. */
#include "config_text.h"
#include "lib/link/link_key.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "batond/config_schema.h"

#define ROUNDS 500

static uint64_t random_state;

/* xorshift64* (Vigna 2016): the same sequence on every machine */
static uint32_t below(uint32_t n)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t)((random_state * 2685821657736338717ULL) >> 32) % n;
}

static bool maybe(void)
{
	return below(2);
}

/* Names that a careless writer would turn into something else */
static const char *const odd_names[] = {
	"-", "--", "---", "...", ".", "_",  "null", "yes", "no",   "on",
	"1", "01", "1.5", "-1",	 "a", "0x", "any",  "off", "true", "1e3",
};

#define NR_ODD (sizeof(odd_names) / sizeof(odd_names[0]))

static void make_name(char *name, size_t size, const char *kind, size_t i)
{
	if (i < NR_ODD && below(4))
		snprintf(name, size, "%s", odd_names[i]);
	else
		snprintf(name, size, "%s.%zu", kind, i);
}

static char *make_path(void)
{
	static const char *const paths[] = {
		"/a",	"/a b",		 "/a: b",     "/#",   "/a #b",
		"/'\"", "/\\n",		 "/\xc3\xa4", "/a  ", "/{[]},&*!|>%@`",
		"/ ",	"/\xe2\x80\xa8", "/- ",	      "/a:",
	};

	return strdup(paths[below(sizeof(paths) / sizeof(paths[0]))]);
}

static struct addr make_address(uint32_t n, bool v6)
{
	char text[ADDR_TEXT];
	struct addr a;

	if (v6)
		snprintf(text, sizeof(text), "2001:db8:%x::%s", n + 1,
			 n & 1 ? "" : "1");
	else
		snprintf(text, sizeof(text), "10.%u.%u.1", n >> 8, n & 0xff);
	assert_int_equal(addr_parse(&a, text), 0);
	return a;
}

static void *make_list(size_t n, size_t size)
{
	void *list = n ? calloc(n, size) : NULL;

	assert_true(list || !n);
	return list;
}

static void make_switch(struct config *c)
{
	static const uint32_t rings[] = { 251, 4093, 16381, 65537 };

	c->bpffs = make_path();
	c->control = make_path();
	c->state = make_path();
	c->probe_key_file = make_path();
	c->flows4 = maybe() ? 4000000 : 1024 + below(1 << 20);
	c->flows6 = maybe() ? 1000000 : 1024 + below(1 << 20);
	c->ring_size = rings[below(4)];
	c->record_packets = maybe() ? 8192 : 256 + below(1 << 16);
	c->mode = below(3);
	c->fence = maybe();
	c->icmp_per_second = maybe() ? 1000 : below(1000001);
	c->probe_port = 1 + below(65535);
	c->node_key_file = make_path();
	c->ownership_port = 1 + below(65535);
	if (maybe())
		c->address4 = make_address(0xff00, false);
	if (maybe())
		c->address6 = make_address(0xff00, true);
}

/* `all`: for hosts that do not say */
static struct config_bfd make_bfd(bool all)
{
	struct config_bfd b = { 0 };

	if (all || maybe())
		b.min_tx = 1000 + below(1000000);
	if (all || maybe())
		b.min_rx = 1000 + below(1000000);
	if (all || maybe())
		b.multiplier = 1 + below(50);
	if (maybe())
		return b;
	b.auth.type = CONFIG_BFD_NONE + below(3);
	b.auth.id = below(256);
	b.auth.key_file = make_path();
	return b;
}

static void make_detection(struct config *c)
{
	size_t i;

	c->bfd = make_bfd(true);

	c->nr_profiles = below(4);
	c->profiles = make_list(c->nr_profiles, sizeof(*c->profiles));
	for (i = 0; i < c->nr_profiles; i++) {
		struct config_profile *p = &c->profiles[i];

		make_name(p->name, sizeof(p->name), "p", i);
		p->p.interval = maybe() ? 3300000 : 100000 + below(1000000000);
		p->p.multiplier = 1 + below(15);
		p->p.up_after = 1 + below(1000);
	}
	strcpy(c->profile, c->nr_profiles ? c->profiles[0].name : "vm");
	c->startup_grace_ms = below(3600001);
	c->min_move_interval_ms = maybe() ? 0 : below(86400001);
	c->max_down_percent = 1 + below(100);
	c->maintenance = maybe();
	c->dry_run = maybe();
	c->dampening.half_life_ms = maybe() ? 0 : below(86400001);
	c->dampening.penalty = maybe() ? 1000 : 1 + below(1000);
	c->dampening.suppress = maybe() ? 4000 : 2000 + below(1000);
	c->dampening.reuse = maybe() ? 1500 : below(2000);
	c->dampening.max_ms = maybe() ? 300000 : below(86400001);
#define X(name, seconds)                                                       \
	c->timeouts.name = maybe() ? seconds : 1 + below(32400);
	CONFIG_TIMEOUTS(X)
#undef X
}

static char *make_key(uint8_t n)
{
	const struct link_public key = { { n, 1 } };
	char text[LINK_PUBLIC_TEXT];

	link_public_format(&key, text);
	return strdup(text);
}

static void make_hosts(struct config *c)
{
	size_t i;

	c->nr_ports = 1 + below(4);
	c->ports = make_list(c->nr_ports, sizeof(*c->ports));
	for (i = 0; i < c->nr_ports; i++) {
		strcpy(c->ports[i].interface, maybe() ? "eth" : "-*#'&,");
		c->ports[i].interface[2] = (char)('0' + i);
		c->ports[i].mode = below(3);
	}
	c->nr_hosts = 2 + below(30);
	c->hosts = make_list(c->nr_hosts, sizeof(*c->hosts));
	for (i = 0; i < c->nr_hosts; i++) {
		struct config_host *h = &c->hosts[i];

		make_name(h->name, sizeof(h->name), "h", i);
		h->address = make_address((uint32_t)i, maybe());
		h->forward = below(BATON_NR_FORWARDS);
		if (maybe())
			strcpy(h->interface,
			       c->ports[below((uint32_t)c->nr_ports)].interface);
		if (maybe())
			memcpy(h->mac, (uint8_t[6]){ 2, 0, 0, 0, 0, i }, 6);
		h->vlan = maybe() ? 0 : below(4095);
		if (maybe())
			h->key = make_key((uint8_t)i);
		h->gue_port = maybe() ? 6080 : 1 + below(65535);
		h->priority = maybe() ? 100 : below(1000001);
		h->capacity = maybe() ? 100 : 1 + below(1000000);
		strcpy(h->profile, maybe() ? "" : c->profile);
		h->detect = below(3);
		h->maintenance = maybe();
		/* it must be renewed before it ends */
		h->lease = h->detect == CONFIG_DETECT_PROBE &&
			   config_profile(c, h)->multiplier > 1 && maybe();
		h->bfd = make_bfd(false);
	}
}

static void make_owners(struct config *c)
{
	uint32_t hosts = (uint32_t)c->nr_hosts, home, n, j;
	size_t i;

	c->nr_owners = 1 + below(30);
	c->owners = make_list(c->nr_owners, sizeof(*c->owners));
	for (i = 0; i < c->nr_owners; i++) {
		struct config_owner *o = &c->owners[i];

		make_name(o->name, sizeof(o->name), "o", i);
		home = below(hosts);
		strcpy(o->host, c->hosts[home].name);
		o->policy = below(BATON_NR_STANDBY_POLICIES);
		o->drain = maybe();
		n = below(hosts < 9 ? hosts : 9);
		for (j = 0; j < n; j++)
			strcpy(o->standbys[j],
			       c->hosts[(home + 1 + j) % hosts].name);
	}
}

static void make_services(struct config *c)
{
	size_t i, j;

	c->nr_services = below(30);
	c->services = make_list(c->nr_services, sizeof(*c->services));
	for (i = 0; i < c->nr_services; i++) {
		struct config_service *s = &c->services[i];

		make_name(s->name, sizeof(s->name), "s", i);
		s->vip = make_address(0x4000 + (uint32_t)i, maybe());
		s->protocol = maybe()	? CONFIG_IPSEC
			      : maybe() ? IPPROTO_UDP
					: IPPROTO_TCP;
		if (s->protocol != CONFIG_IPSEC && maybe())
			s->port = 1 + below(65535);
		s->client_hash = maybe();
		s->recorded = s->protocol == IPPROTO_TCP && maybe();
		if (maybe())
			make_name(s->application, sizeof(s->application), "app",
				  below(9));
		s->nr_owners = 1 + below((uint32_t)c->nr_owners);
		s->owners = make_list(s->nr_owners, sizeof(*s->owners));
		for (j = 0; j < s->nr_owners; j++) {
			strcpy(s->owners[j].name, c->owners[j].name);
			s->owners[j].weight = maybe() ? 1 : 1 + below(1000000);
		}
	}
}

static char *written(const struct config *c)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	assert_int_equal(config_write(c, f), 0);
	fclose(f);
	return text;
}

static void test_round_trip(void **state)
{
	struct config c, again;
	char *text, *text_again;
	int i;

	(void)state;
	random_state = 1;
	for (i = 0; i < ROUNDS; i++) {
		memset(&c, 0, sizeof(c));
		make_switch(&c);
		make_detection(&c);
		make_hosts(&c);
		make_owners(&c);
		make_services(&c);
		text = written(&c);
		expect_good(&again, text);
		if (!yaml_equal(&config_schema, &c, &again))
			fail_msg("read back otherwise:\n%s", text);
		text_again = written(&again);
		assert_string_equal(text, text_again);
		config_free(&c);
		config_free(&again);
		free(text);
		free(text_again);
	}
}

/* The comparison above would be worth nothing if it saw no difference. */
static void test_equal(void **state)
{
	struct config a, b;

	(void)state;
	expect_good(&a, SERVICES WEB);
	assert_int_equal(config_copy(&b, &a), 0);
	assert_true(yaml_equal(&config_schema, &a, &b));
	b.hosts[1].line++;
	assert_true(yaml_equal(&config_schema, &a, &b));
#define DIFFERS(change, undo)                                                  \
	do {                                                                   \
		change;                                                        \
		assert_false(yaml_equal(&config_schema, &a, &b));              \
		undo;                                                          \
		assert_true(yaml_equal(&config_schema, &a, &b));               \
	} while (0)
	DIFFERS(b.fence = false, b.fence = true);
	DIFFERS(b.bpffs[1]++, b.bpffs[1]--);
	DIFFERS(b.hosts[1].name[0]++, b.hosts[1].name[0]--);
	DIFFERS(b.hosts[0].address.word[0]++, b.hosts[0].address.word[0]--);
	DIFFERS(b.nr_hosts--, b.nr_hosts++);
	DIFFERS(b.owners[0].standbys[0][0] = 'b',
		b.owners[0].standbys[0][0] = '\0');
	DIFFERS(b.services[0].owners[0].weight++,
		b.services[0].owners[0].weight--);
	DIFFERS(b.timeouts.ipsec++, b.timeouts.ipsec--);
	config_free(&a);
	config_free(&b);
}

/* Only what was said is written, as people would write it. */
static void test_text(void **state)
{
	static const char want[] = "switch:\n"
				   "  probe-key: /etc/key\n"
				   "hosts:\n"
				   "- name: a\n"
				   "  address: 10.0.0.1\n"
				   "- name: b\n"
				   "  address: 10.0.0.2\n"
				   "owners:\n"
				   "- name: web-a\n"
				   "  host: a\n"
				   "  standbys: [b]\n"
				   "services:\n"
				   "- name: web\n"
				   "  vip: 192.0.2.1\n"
				   "  protocol: tcp\n"
				   "  port: any\n"
				   "  owners: [web-a]\n"
				   "detection:\n"
				   "  profiles:\n"
				   "  - {name: x, interval: 3.3ms}\n"
				   "guards:\n"
				   "  min-move-interval: 1m\n"
				   "  maintenance: yes\n"
				   "  dampening: {half-life: 1m}\n";
	struct config c;
	char *text;

	(void)state;
	expect_good(&c, want);
	text = written(&c);
	assert_string_equal(text, want);
	free(text);
	config_free(&c);
	expect_good(&c, "");
	text = written(&c);
	assert_string_equal(text, "{}\n");
	free(text);
	config_free(&c);
}

static void test_full(void **state)
{
	FILE *f = fopen("/dev/full", "w");
	struct config c;

	(void)state;
	assert_non_null(f);
	expect_good(&c, HOSTS);
	assert_int_equal(config_write(&c, f), -EIO);
	fclose(f);
	config_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests_name("config_write", tests, NULL, NULL);
}
