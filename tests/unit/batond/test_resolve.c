// SPDX-License-Identifier: GPL-2.0-only
/* Records of hosts, in a network that is made for each test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>

#include "batond/resolve.h"
#include "fixture.h"

#define KEY "switch: {probe-key: /k}\n"
#define MAC "mac: 02:00:00:00:00:01"

static struct fixture *f;
static struct batond *b;
static uint8_t own_mac[6];

static void add_port(const char *name)
{
	struct port *p = &b->ports[b->nr_ports++];

	snprintf(p->interface, sizeof(p->interface), "%s", name);
	p->ifindex = if_nametoindex(name);
	must(p->ifindex);
}

/* Port sw0 with 10.0.0.0/24 and 2001:db8::/64; sw9 is no port. */
static int setup(void **state)
{
	struct rtnl_link link;

	(void)state;
	fixture_own_network();
	fixture_command("ip link add sw0 mtu 1400 type veth peer name sw1");
	fixture_command("ip link add sw9 type veth peer name sw8");
	for (int i = 0; i < 4; i++)
		fixture_command("ip link set sw%d up",
				(int[]){ 0, 1, 8, 9 }[i]);
	fixture_command("ip addr add 10.0.0.254/24 dev sw0");
	fixture_command("ip addr add 2001:db8::fe/64 dev sw0 nodad");
	fixture_command("ip addr add 10.9.9.254/24 dev sw9");
	fixture_command("ip route add 10.1.0.0/16 via 10.0.0.253");
	f = fixture_new();
	b = &f->b;
	add_port("sw0");
	must(!rtnl_link(b->rtnl, "sw0", &link));
	memcpy(own_mac, link.mac, sizeof(own_mac));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_free(f);
	return 0;
}

static const struct baton_host *record(const char *name)
{
	return &b->dp.hosts[ids_find(&b->hosts, name)];
}

static void assert_mac(const uint8_t *mac, const char *text)
{
	char is[MAC_TEXT];

	assert_string_equal(mac_format(mac, is), text);
}

static void assert_resolved(const char *name, enum resolved wanted)
{
	assert_int_equal(b->path_to[ids_find(&b->hosts, name)].state, wanted);
}

static void test_l2(void **state)
{
	const struct baton_host *r;

	(void)state;
	fixture_configure(f, KEY "hosts:\n"
				 "- {name: a, address: 10.0.0.1, " MAC ", "
				 "vlan: "
				 "7}\n");
	r = record("a");
	assert_mac(r->hop.mac, "02:00:00:00:00:01");
	assert_int_equal(r->hop.vlan, 7);
	assert_memory_equal(r->src_mac, own_mac, sizeof(own_mac));
	assert_int_equal(r->mtu, 1400);
	assert_int_equal(r->ifindex, if_nametoindex("sw0"));
	assert_int_equal(r->forward, BATON_FORWARD_L2);
	assert_int_equal(r->outer_family, 0);
	assert_resolved("a", RESOLVED);
}

/* RFC 1071: the checksum of the parts that never change */
static uint16_t folded(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void test_tunnels(void **state)
{
	const struct baton_host *r;
	uint16_t words[] = { htons(0x4000), /* don't fragment */
			     htons(10 << 8), htons(254), htons(10 << 8 | 1),
			     htons(2 << 8 | 3) };
	uint32_t sum = 0;

	(void)state;
	fixture_configure(f, KEY "hosts:\n"
				 "- {name: a, address: 10.1.2.3, forward: "
				 "ipip, " MAC "}\n"
				 "- {name: b, address: '2001:db8::1', forward: "
				 "gue, "
				 "gue-port: 6081, " MAC "}\n");
	r = record("a");
	assert_int_equal(r->forward, BATON_FORWARD_IPIP);
	assert_int_equal(r->outer_family, 4);
	assert_int_equal(r->outer_src[0], inet_addr("10.0.0.254"));
	assert_int_equal(r->outer_dst[0], inet_addr("10.1.2.3"));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		sum += words[i];
	assert_int_equal(folded(r->outer_sum), folded(sum));

	r = record("b");
	assert_int_equal(r->forward, BATON_FORWARD_GUE);
	assert_int_equal(r->outer_family, 6);
	assert_int_equal(r->gue_port, htons(6081));
	assert_int_equal(r->outer_src[0], htonl(0x20010db8));
	assert_int_equal(r->outer_src[3], htonl(0xfe));
	assert_int_equal(r->outer_dst[3], htonl(1));
}

static void test_the_switch_names_its_address(void **state)
{
	(void)state;
	fixture_configure(f, "switch: {probe-key: /k, address: 192.0.2.254}\n"
			     "hosts:\n"
			     "- {name: a, address: 10.1.2.3, forward: "
			     "ipip, " MAC "}\n");
	/* what runs is what is applied first, then asked */
	resolve_all(b);
	assert_int_equal(record("a")->outer_src[0], inet_addr("192.0.2.254"));
}

static void test_a_neighbour_is_found_and_kept(void **state)
{
	(void)state;
	fixture_configure(f, KEY "hosts:\n"
				 "- {name: a, address: 10.0.0.1}\n");
	assert_resolved("a", RESOLVED_NOT);
	assert_int_equal(record("a")->hop.word, 0);
	assert_int_equal(record("a")->ifindex, if_nametoindex("sw0"));
	fixture_command("ip neigh replace 10.0.0.1 dev sw0 "
			"lladdr 02:00:00:00:00:11 nud permanent");
	resolve_all(b);
	assert_resolved("a", RESOLVED);
	assert_mac(record("a")->hop.mac, "02:00:00:00:00:11");
	/* While it is asked again, what was known is good enough. */
	fixture_command("ip neigh del 10.0.0.1 dev sw0");
	resolve_all(b);
	assert_mac(record("a")->hop.mac, "02:00:00:00:00:11");
	fixture_command("ip neigh replace 10.0.0.1 dev sw0 "
			"lladdr 02:00:00:00:00:12 nud permanent");
	resolve_all(b);
	assert_mac(record("a")->hop.mac, "02:00:00:00:00:12");
}

static void test_behind_a_router(void **state)
{
	(void)state;
	fixture_command("ip neigh replace 10.0.0.253 dev sw0 "
			"lladdr 02:00:00:00:00:fd nud permanent");
	fixture_configure(f, KEY "hosts:\n"
				 "- {name: a, address: 10.1.2.3, "
				 "forward: gue}\n");
	assert_mac(record("a")->hop.mac, "02:00:00:00:00:fd");
	assert_int_equal(record("a")->outer_dst[0], inet_addr("10.1.2.3"));
}

static void test_the_mtu_of_a_route(void **state)
{
	(void)state;
	fixture_command("ip route add 10.2.0.0/16 via 10.0.0.253 mtu 1300");
	fixture_configure(f, KEY "hosts:\n"
				 "- {name: a, address: 10.2.2.3, "
				 "forward: gue, " MAC "}\n");
	assert_int_equal(record("a")->mtu, 1300);
}

static void test_by_its_interface(void **state)
{
	(void)state;
	add_port("sw9");
	fixture_configure(f, KEY "ports: [{interface: sw9}]\n"
				 "hosts:\n"
				 "- {name: a, address: 10.0.0.1, "
				 "interface: sw9, " MAC "}\n");
	assert_int_equal(record("a")->ifindex, if_nametoindex("sw9"));
	assert_resolved("a", RESOLVED);
}

static size_t nr_events(const char *kind)
{
	json_t *all = events_show(&b->events, 1000, 0), *one;
	size_t i, n = 0;

	json_array_foreach(all, i, one) n +=
		!strcmp(json_string_value(json_object_get(one, "kind")), kind);
	json_decref(all);
	return n;
}

static void test_no_way(void **state)
{
	(void)state;
	fixture_configure(f, KEY "hosts:\n"
				 "- {name: a, address: 10.7.7.7, " MAC "}\n"
				 "- {name: b, address: 10.9.9.1}\n");
	assert_resolved("a", RESOLVED_NO_ROUTE);
	assert_resolved("b", RESOLVED_NO_PORT);
	assert_int_equal(record("a")->hop.word, 0);
	assert_int_equal(record("b")->hop.word, 0);
	/* told once */
	resolve_all(b);
	assert_int_equal(nr_events("unresolved"), 2);
	/* and again when it was well in between */
	fixture_command("ip route add 10.7.0.0/16 via 10.0.0.253");
	resolve_all(b);
	assert_resolved("a", RESOLVED);
	fixture_command("ip route del 10.7.0.0/16");
	resolve_all(b);
	assert_resolved("a", RESOLVED_NO_ROUTE);
	assert_int_equal(nr_events("unresolved"), 3);
}

/* --- following the kernel -------------------------------------------------- */

/* Let the loop run until it holds, for ten seconds at most. */
#define until(condition)                                                       \
	do {                                                                   \
		uint64_t give_up = clock_ns() + 10000000000ULL;                \
                                                                               \
		while (!(condition)) {                                         \
			assert_true(clock_ns() < give_up);                     \
			uv_run(&b->loop, UV_RUN_ONCE);                         \
		}                                                              \
	} while (0)

static void close_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	uv_close(handle, NULL);
}

static void test_following(void **state)
{
	(void)state;
	b->ports[0].link_up = true;
	fixture_configure(f, KEY "hosts:\n"
				 "- {name: a, address: 10.0.0.1}\n");
	assert_int_equal(resolve_watch(b), 0);
	fixture_command("ip neigh replace 10.0.0.1 dev sw0 "
			"lladdr 02:00:00:00:00:11 nud permanent");
	until(record("a")->hop.word);
	assert_mac(record("a")->hop.mac, "02:00:00:00:00:11");
	fixture_command("ip link set sw1 down");
	until(nr_events("link_down") == 1);
	assert_false(b->ports[0].link_up);
	fixture_command("ip link set sw1 up");
	until(nr_events("link_up") == 1);
	fixture_command("ip link del sw0");
	until(nr_events("link_down") == 2);
	uv_walk(&b->loop, close_handle, NULL);
	uv_run(&b->loop, UV_RUN_NOWAIT);
	rtnl_close(b->monitor);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_l2),
		TEST(test_tunnels),
		TEST(test_the_switch_names_its_address),
		TEST(test_a_neighbour_is_found_and_kept),
		TEST(test_behind_a_router),
		TEST(test_the_mtu_of_a_route),
		TEST(test_by_its_interface),
		TEST(test_no_way),
		TEST(test_following),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
