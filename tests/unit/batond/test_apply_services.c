// SPDX-License-Identifier: GPL-2.0-only
/* From one configuration to another: services, their keys and their rings. */
#include "applied.h"

/* --- services ------------------------------------------------------------- */

/* Packets to the VIP that no service takes are told from others by these. */
static void test_markers(void **state)
{
	struct baton_service v;

	(void)state;
	fixture_configure(f, ALL);
	assert_true(get4("192.0.2.1", IPPROTO_TCP, 0, &v));
	assert_int_equal(v.flags, BATON_SERVICE_MARKER);
	assert_true(get4("192.0.2.1", 0, 0, &v));
	assert_int_equal(v.flags, BATON_SERVICE_MARKER);
	assert_false(get4("192.0.2.1", IPPROTO_UDP, 0, &v));
	assert_int_equal(nr_keys(b->dp.services4), 3);
	assert_int_equal(nr_keys(b->dp.services6), 3);
}

static void test_services_share_a_vip(void **state)
{
	(void)state;
	fixture_configure(f, KEY HOSTS OWNERS "services:\n"
					      "- " WEB "owners: [oa]}\n"
					      "- {name: tls, vip: 192.0.2.1, "
					      "protocol: tcp, "
					      "port: 443, owners: [oa]}\n");
	assert_int_equal(nr_keys(b->dp.services4), 4);
}

/* "any" is the very key that marks the protocol otherwise. */
static void test_any_port(void **state)
{
	struct baton_service v;

	(void)state;
	fixture_configure(f, KEY HOSTS OWNERS "services:\n"
					      "- " WEB "owners: [oa]}\n"
					      "- {name: rest, vip: 192.0.2.1, "
					      "protocol: tcp, "
					      "port: any, owners: [ob]}\n"
					      "- {name: six, vip: "
					      "'2001:db8::1', protocol: udp, "
					      "port: any, owners: [oc]}\n");
	assert_true(get4("192.0.2.1", IPPROTO_TCP, 80, &v));
	assert_int_equal(v.id, ids_find(&b->services, "web"));
	assert_true(get4("192.0.2.1", IPPROTO_TCP, 0, &v));
	assert_int_equal(v.id, ids_find(&b->services, "rest"));
	assert_int_equal(v.flags, 0);
	assert_int_equal(b->dp.settings->flags,
			 BATON_SETTING_FENCE | BATON_SETTING_WILDCARD4 |
				 BATON_SETTING_WILDCARD6);
	fixture_configure(f, ALL);
	assert_true(get4("192.0.2.1", IPPROTO_TCP, 0, &v));
	assert_int_equal(v.flags, BATON_SERVICE_MARKER);
	assert_int_equal(b->dp.settings->flags, BATON_SETTING_FENCE);
}

#define SERVER                                                                 \
	"- {name: server, vip: 10.9.0.1, protocol: tcp, port: 8080, "          \
	"back-of: web, recorder: yes}\n"

/* It has the connections and the ring of its front, and is no VIP. */
static void test_back(void **state)
{
	struct baton_service v, front;

	(void)state;
	fixture_configure(f, ALL SERVER);
	assert_true(get4("192.0.2.1", IPPROTO_TCP, 80, &front));
	assert_int_equal(front.flows, front.id);
	assert_true(get4("10.9.0.1", IPPROTO_TCP, 8080, &v));
	assert_int_equal(v.id, ids_find(&b->services, "server"));
	assert_int_equal(v.flows, front.id);
	assert_int_equal(v.ring, front.ring);
	assert_int_equal(v.flags, BATON_SERVICE_BACK | BATON_SERVICE_RECORDED);
	assert_true(get4("10.9.0.1", IPPROTO_TCP, 0, &v));
	assert_int_equal(v.flags, BATON_SERVICE_BACK | BATON_SERVICE_RECORDED |
					  BATON_SERVICE_MARKER);
	assert_false(get4("10.9.0.1", 0, 0, &v));
	assert_int_equal(b->dp.settings->flags,
			 BATON_SETTING_FENCE | BATON_SETTING_BACK);
	fixture_configure(f, ALL);
	assert_false(get4("10.9.0.1", IPPROTO_TCP, 8080, &v));
	assert_false(get4("10.9.0.1", IPPROTO_TCP, 0, &v));
	assert_int_equal(b->dp.settings->flags, BATON_SETTING_FENCE);
}

static void test_ipsec(void **state)
{
	static const struct {
		uint8_t protocol;
		uint16_t port, flags;
	} keys[] = {
		{ IPPROTO_ESP, 0, BATON_SERVICE_IPSEC },
		{ IPPROTO_UDP, 500, BATON_SERVICE_IPSEC },
		{ IPPROTO_UDP, 4500, BATON_SERVICE_IPSEC },
		{ IPPROTO_UDP, 0, BATON_SERVICE_IPSEC | BATON_SERVICE_MARKER },
		{ 0, 0, BATON_SERVICE_IPSEC | BATON_SERVICE_MARKER },
	};
	const size_t n = sizeof(keys) / sizeof(keys[0]);

	(void)state;
	fixture_configure(f, KEY HOSTS OWNERS "services:\n"
					      "- {name: vpn, vip: 192.0.2.9, "
					      "protocol: ipsec, "
					      "owners: [oa]}\n");
	for (size_t i = 0; i < n; i++) {
		struct baton_service v;

		assert_true(
			get4("192.0.2.9", keys[i].protocol, keys[i].port, &v));
		assert_int_equal(v.id, ids_find(&b->services, "vpn"));
		assert_int_equal(v.flags, keys[i].flags);
	}
	assert_int_equal(nr_keys(b->dp.services4), n);
	assert_int_equal(b->dp.settings->flags, BATON_SETTING_FENCE);
}

static void test_settings(void **state)
{
	(void)state;
	fixture_configure(f, "switch: {fence: no, address: 192.0.2.254, "
			     "address6: '2001:db8::fe', icmp-rate: 7}\n");
	assert_int_equal(b->dp.settings->flags, 0);
	assert_int_equal(b->dp.settings->address4, inet_addr("192.0.2.254"));
	assert_int_equal(b->dp.settings->address6[0], htonl(0x20010db8));
	assert_int_equal(b->dp.settings->address6[3], htonl(0xfe));
	assert_int_equal(b->dp.settings->icmp_per_second, 7);
}

static void test_a_removed_service(void **state)
{
	uint16_t id;
	struct baton_service v;

	(void)state;
	fixture_configure(f, ALL);
	id = ids_find(&b->services, "web");
	assert_int_equal(fixture_configure(f, KEY HOSTS OWNERS), 2);
	assert_int_equal(nr_keys(b->dp.services4), 0);
	assert_int_equal(nr_keys(b->dp.services6), 0);
	assert_int_equal(b->dp.service_info[id].family, 0);
	assert_null(ids_name(&b->services, id));
	/* Its connections may still be in the table. */
	fixture_configure(f, ALL);
	assert_int_not_equal(ids_find(&b->services, "web"), id);
	assert_true(get4("192.0.2.1", IPPROTO_TCP, 80, &v));
	assert_int_equal(v.id, ids_find(&b->services, "web"));
	assert_int_equal(in_ring("web", NULL), FIXTURE_RING);
}

static void test_a_service_moves_to_another_vip(void **state)
{
	struct baton_service before, v;

	(void)state;
	fixture_configure(f, ALL);
	assert_true(get4("192.0.2.1", IPPROTO_TCP, 80, &before));
	fixture_configure(f, KEY HOSTS OWNERS "services:\n"
					      "- {name: web, vip: 192.0.2.2, "
					      "protocol: tcp, "
					      "port: 80, owners: [oa, {name: "
					      "ob, weight: 3}]}\n");
	assert_false(get4("192.0.2.1", IPPROTO_TCP, 80, &v));
	assert_true(get4("192.0.2.2", IPPROTO_TCP, 80, &v));
	assert_memory_equal(&v, &before, sizeof(v));
	assert_int_equal(nr_keys(b->dp.services4), 3);
}

/* --- rings ---------------------------------------------------------------- */

static void test_rings_follow_weights(void **state)
{
	(void)state;
	fixture_configure(f, ALL);
	assert_int_equal(in_ring("web", NULL), FIXTURE_RING);
	assert_about(in_ring("web", "oa"), 0.25);
	assert_about(in_ring("web", "ob"), 0.75);
	assert_int_equal(in_ring("web", "oc"), 0);
	assert_int_equal(in_ring("six", "oc"), FIXTURE_RING);
	fixture_configure(f, KEY HOSTS OWNERS "services:\n"
					      "- " WEB "owners: [oa, {name: "
					      "ob, weight: 0}]}\n");
	assert_int_equal(in_ring("web", "oa"), FIXTURE_RING);
}

static void test_a_draining_owner_leaves_the_ring(void **state)
{
	const char *drained = KEY HOSTS "owners:\n"
					"- {name: oa, host: a, standbys: [b, "
					"c], drain: yes}\n"
					"- {name: ob, host: b}\n"
					"- {name: oc, host: c}\n" SERVICES;

	(void)state;
	fixture_configure(f, ALL);
	assert_int_equal(fixture_configure(f, drained), 1);
	assert_owner("oa", "a", BATON_OWNER_DRAINING, 1);
	assert_int_equal(in_ring("web", "oa"), 0);
	assert_int_equal(in_ring("web", "ob"), FIXTURE_RING);
	fixture_configure(f, ALL);
	assert_owner("oa", "a", BATON_OWNER_ACTIVE, 1);
	assert_about(in_ring("web", "oa"), 0.25);
}

static void test_a_draining_host_drains_its_owners(void **state)
{
	const char *drained = KEY "hosts:\n"
				  "- {name: a, address: 10.0.0.1, drain: yes}\n"
				  "- {name: b, address: 10.0.0.2}\n"
				  "- {name: c, address: 10.0.0.3, probe: "
				  "no}\n" OWNERS SERVICES;

	(void)state;
	fixture_configure(f, ALL);
	fixture_configure(f, drained);
	assert_owner("oa", "a", BATON_OWNER_DRAINING, 1);
	assert_int_equal(in_ring("web", "oa"), 0);
	/* moved elsewhere, it is as good as any */
	fixture_host(f, "b", PROBER_UP, 1);
	json_decref(failover_owner(b, "oa", "b", false, (char[256]){ 0 }));
	fixture_tell(f);
	assert_owner("oa", "b", BATON_OWNER_ACTIVE, 2);
	assert_about(in_ring("web", "oa"), 0.25);
}

/* New connections must go somewhere: then a drain changes nothing. */
static void test_all_draining(void **state)
{
	const char *drained = KEY HOSTS "owners:\n"
					"- {name: oa, host: a, drain: yes}\n"
					"- {name: ob, host: b, drain: yes}\n"
					"- {name: oc, host: c}\n" SERVICES;
	uint16_t before[FIXTURE_RING], web;

	(void)state;
	fixture_configure(f, ALL);
	web = ids_find(&b->services, "web");
	for (size_t i = 0; i < FIXTURE_RING; i++)
		before[i] = ring_entry(web, i);
	fixture_configure(f, drained);
	assert_owner("oa", "a", BATON_OWNER_DRAINING, 1);
	assert_owner("ob", "b", BATON_OWNER_DRAINING, 1);
	for (size_t i = 0; i < FIXTURE_RING; i++)
		assert_int_equal(ring_entry(web, i), before[i]);
}

/* --- limits --------------------------------------------------------------- */

/* n hosts or owners that no other test has. */
static char *many(const char *head, const char *format, size_t n)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	must(out);
	fputs(head, out);
	for (size_t i = 0; i < n; i++)
		fprintf(out, format, i, (int)(i / 250), (int)(i % 250 + 1));
	must(!fclose(out));
	return text;
}

/* The most keys that services can have, and the same number of others while
 * they replace the first. */
static void test_as_many_services_as_there_may_be(void **state)
{
	const char *head = KEY HOSTS OWNERS "services:\n";
	const char *line = "- {name: s%zu, vip: 192.0.%d.%d, "
			   "protocol: ipsec, owners: [oa]}\n";
	const char *other = "- {name: s%zu, vip: 198.51.%d.%d, "
			    "protocol: ipsec, owners: [oa]}\n";
	const size_t n = BATON_MAX_SERVICES - 1;
	char *text = many(head, line, n);

	(void)state;
	fixture_configure(f, text);
	free(text);
	assert_int_equal(nr_keys(b->dp.services4), 5 * n);
	text = many(head, other, n);
	fixture_configure(f, text);
	free(text);
	assert_int_equal(nr_keys(b->dp.services4), 5 * n);
	assert_int_equal(in_ring("s0", "oa"), FIXTURE_RING);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_markers),
		TEST(test_services_share_a_vip),
		TEST(test_any_port),
		TEST(test_back),
		TEST(test_ipsec),
		TEST(test_settings),
		TEST(test_a_removed_service),
		TEST(test_a_service_moves_to_another_vip),
		TEST(test_rings_follow_weights),
		TEST(test_a_draining_owner_leaves_the_ring),
		TEST(test_a_draining_host_drains_its_owners),
		TEST(test_all_draining),
		TEST(test_as_many_services_as_there_may_be),
	};
#undef TEST

	fixture_own_network();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
