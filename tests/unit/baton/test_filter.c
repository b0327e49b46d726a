// SPDX-License-Identifier: GPL-2.0-only
/* Which connections `baton flow` shows, and how a row looks. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "baton/filter.h"
#include "baton/flowprint.h"

static struct baton_service_info services[] = {
	{ .name = "" },
	{ .name = "web", .family = 4, .protocol = IPPROTO_TCP },
	{ .name = "vpn", .family = 4, .flags = BATON_SERVICE_IPSEC },
};
static struct baton_owner_info owners[] = { { .name = "" },
					    { .name = "web-a" },
					    { .name = "web-b" } };
static struct baton_host_info hosts[] = { { .name = "" },
					  { .name = "a" },
					  { .name = "b" } };
static union baton_owner words[] = { { .word = 0 },
				     { .host = 1, .state = 1, .epoch = 1 },
				     { .host = 2, .state = 1, .epoch = 1 } };

static struct names names = {
	.services = services,
	.owners = owners,
	.hosts = hosts,
	.words = words,
	.nr_services = 3,
	.nr_owners = 3,
	.nr_hosts = 3,
	.nr_words = 3,
};

static int setup(void **state)
{
	(void)state;
	services[1].port = htons(443);
	return inet_pton(AF_INET, "192.0.2.10", services[1].vip) != 1;
}

static struct flowmap_slot slot_of(const char *client, uint16_t port,
				   const struct baton_flow *flow)
{
	struct flowmap_slot slot = { .flow = *flow };
	struct flowmap_key key = { .port = port, .service = 1 };

	assert_int_equal(addr_parse(&key.client, client), 0);
	slot.n = flowmap_encode(&key, slot.key);
	return slot;
}

static int parse(const char *json, struct filter *f, char *error)
{
	json_t *args = json_loads(json, 0, NULL);
	int err;

	assert_non_null(args);
	error[0] = '\0';
	err = filter_parse(f, args, &names, error);
	json_decref(args);
	return err;
}

static const struct {
	const char *args;
	bool matches4, matches6; /* the two connections below */
} cases[] = {
	{ "{}", true, true },
	{ "{\"client\": \"10.1.2.3\"}", true, false },
	{ "{\"client\": \"10.1.2.4\"}", false, false },
	{ "{\"client\": \"10.1.2.4/31\"}", false, false },
	{ "{\"client\": \"10.1.2.2/31\"}", true, false },
	{ "{\"client\": \"10.0.0.0/8\"}", true, false },
	{ "{\"client\": \"0.0.0.0/0\"}", true, false },
	{ "{\"client\": \"::/0\"}", false, true },
	{ "{\"client\": \"2001:db8::/33\"}", false, true },
	{ "{\"client\": \"2001:db8:8000::/33\"}", false, false },
	{ "{\"client\": \"2001:db8::1:0/112\"}", false, true },
	{ "{\"client\": \"2001:db8::1:8/128\"}", false, false },
	{ "{\"port\": 1000}", true, false },
	{ "{\"port\": 0}", false, false },
	{ "{\"service\": \"web\"}", true, true },
	{ "{\"service\": \"vpn\"}", false, false },
	{ "{\"owner\": \"web-a\"}", true, false },
	{ "{\"host\": \"b\"}", false, true },
	{ "{\"state\": \"established\"}", true, false },
	{ "{\"state\": \"opening\"}", false, true },
	{ "{\"confirmed\": true}", true, false },
	{ "{\"confirmed\": false}", false, true },
	{ "{\"confirmed\": true, \"host\": \"b\"}", false, false },
};

static void test_match(void **state)
{
	const struct baton_flow four = { .owner = 1,
					 .state = BATON_FLOW_ESTABLISHED,
					 .flags = BATON_FLOW_CONFIRMED };
	const struct baton_flow six = { .owner = 2 }, none = { 0 };
	struct flowmap_slot a = slot_of("10.1.2.3", 1000, &four);
	struct flowmap_slot b = slot_of("2001:db8::1:7", 2000, &six);
	struct flowmap_slot c = slot_of("10.1.2.3", 1000, &none);
	char error[COMMAND_ERROR];
	struct filter f;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		if (parse(cases[i].args, &f, error))
			fail_msg("%s: %s", cases[i].args, error);
		if (filter_match(&f, &names, &a) != cases[i].matches4 ||
		    filter_match(&f, &names, &b) != cases[i].matches6)
			fail_msg("%s", cases[i].args);
		assert_false(filter_match(&f, &names, &c));
	}
}

static const struct {
	const char *args;
	int err;
	const char *says;
} refused[] = {
	{ "{\"client\": \"10.1.2\"}", -EINVAL, "no IP address" },
	{ "{\"client\": \"10.1.2.3/33\"}", -EINVAL, "0 to 32" },
	{ "{\"client\": \"10.1.2.3/\"}", -EINVAL, "prefix length" },
	{ "{\"client\": \"10.1.2.3/-1\"}", -EINVAL, "prefix length" },
	{ "{\"client\": \"::1/129\"}", -EINVAL, "0 to 128" },
	{ "{\"client\": \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}",
	  -EINVAL, "address" },
	{ "{\"port\": 65536}", -EINVAL, "0 to 65535" },
	{ "{\"state\": \"open\"}", -EINVAL, "opening answered established" },
	{ "{\"service\": \"ftp\"}", -ENOENT, "no service 'ftp'" },
	{ "{\"owner\": \"\"}", -ENOENT, "no owner" },
	{ "{\"host\": \"c\"}", -ENOENT, "no host 'c'" },
};

static void test_refused(void **state)
{
	char error[COMMAND_ERROR];
	struct filter f;

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		int err = parse(refused[i].args, &f, error);

		if (err != refused[i].err || !strstr(error, refused[i].says))
			fail_msg("%s: %d '%s'", refused[i].args, err, error);
	}
}

static void test_key(void **state)
{
	static const struct {
		const char *args;
		bool key;
	} whole[] = {
		{ "{\"client\": \"10.1.2.3\", \"port\": 7, "
		  "\"service\": \"web\"}",
		  true },
		{ "{\"client\": \"10.1.2.0/24\", \"port\": 7, "
		  "\"service\": \"web\"}",
		  false },
		{ "{\"client\": \"10.1.2.3\", \"service\": \"web\"}", false },
		{ "{\"client\": \"10.1.2.3\", \"service\": \"vpn\"}", true },
		{ "{\"client\": \"10.1.2.3\", \"port\": 7}", false },
		{ "{\"port\": 7, \"service\": \"web\"}", false },
	};
	char error[COMMAND_ERROR];
	struct flowmap_key key;
	struct filter f;

	(void)state;
	for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++) {
		assert_int_equal(parse(whole[i].args, &f, error), 0);
		assert_int_equal(filter_is_key(&f, &names, &key), whole[i].key);
	}
}

/* The rows of two connections, one recorded, one only hashed. */
static char *rows(const struct options *o)
{
	const struct baton_flow flow = { .owner = 1,
					 .state = BATON_FLOW_ESTABLISHED,
					 .flags = BATON_FLOW_CONFIRMED,
					 .seen = 90 };
	const struct baton_meta meta = { .stamp_shift = 8, .hz = 256 };
	struct flowmap_key key = { .port = 1000, .service = 1 };
	struct flowprint p;
	char *text;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	flowprint_start(&p, o, f, &names, &meta, 100);
	addr_parse(&key.client, "10.1.2.3");
	flowprint_row(&p, &key, 1, &flow);
	addr_parse(&key.client, "2001:db8::7");
	key.service = 77;
	flowprint_row(&p, &key, 0, NULL);
	flowprint_end(&p);
	fclose(f);
	return text;
}

static void test_print(void **state)
{
	char *text = rows(&(struct options){ 0 });
	json_t *json, *expected;

	(void)state;
	assert_string_equal(text, "CLIENT              SERVICE  VIP            "
				  " OWNER  HOST  "
				  "STATE        CONFIRMED  IDLE\n"
				  "10.1.2.3:1000       web      192.0.2.10:443 "
				  " web-a  a     "
				  "established  yes         10s\n"
				  "[2001:db8::7]:1000  #77      -              "
				  " -      -     "
				  "-            -             -\n");
	free(text);

	text = rows(&(struct options){ .json = true });
	json = json_loads(text, 0, NULL);
	expected = json_pack("[{s:s,s:i,s:s,s:s,s:i,s:s,s:s,s:b,s:s,s:b,s:f},"
			     "{s:s,s:i,s:s,s:n,s:n,s:n,s:n,s:b,s:n,s:n,s:n}]",
			     "client", "10.1.2.3", "port", 1000, "service",
			     "web", "vip", "192.0.2.10", "vip_port", 443,
			     "owner", "web-a", "host", "a", "recorded", 1,
			     "state", "established", "confirmed", 1, "idle_s",
			     10.0, "client", "2001:db8::7", "port", 1000,
			     "service", "#77", "vip", "vip_port", "owner",
			     "host", "recorded", 0, "state", "confirmed",
			     "idle_s");
	assert_non_null(expected);
	if (!json_equal(json, expected))
		fail_msg("%s", text);
	json_decref(json);
	json_decref(expected);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_key),
		cmocka_unit_test(test_print),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
