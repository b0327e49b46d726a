// SPDX-License-Identifier: GPL-2.0-only
/* From one configuration to another: what the maps hold before and after. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "fixture.h"

#define KEY "switch: {probe-key: /k}\n"
#define HOSTS                                                                  \
	"hosts:\n"                                                             \
	"- {name: a, address: 10.0.0.1}\n"                                     \
	"- {name: b, address: 10.0.0.2}\n"                                     \
	"- {name: c, address: 10.0.0.3, probe: no}\n"
#define OWNERS                                                                 \
	"owners:\n"                                                            \
	"- {name: oa, host: a, standbys: [b, c]}\n"                            \
	"- {name: ob, host: b}\n"                                              \
	"- {name: oc, host: c}\n"
#define WEB "{name: web, vip: 192.0.2.1, protocol: tcp, port: 80, "
#define SERVICES                                                               \
	"services:\n"                                                          \
	"- " WEB "owners: [oa, {name: ob, weight: 3}]}\n"                      \
	"- {name: six, vip: '2001:db8::1', protocol: udp, port: 53, "          \
	"affinity: client, owners: [oc]}\n"
#define ALL KEY HOSTS OWNERS SERVICES

static struct fixture *f;
static struct batond *b;

static int setup(void **state)
{
	(void)state;
	f = fixture_new();
	b = &f->b;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_free(f);
	return 0;
}

static uint16_t host(const char *name)
{
	return ids_find(&b->hosts, name);
}

static uint16_t owner(const char *name)
{
	return ids_find(&b->owners, name);
}

static void assert_owner(const char *name, const char *plays,
			 enum baton_owner_state owner_state, uint32_t epoch)
{
	union baton_owner w = fixture_owner(f, name);

	assert_int_equal(w.host, host(plays));
	assert_int_equal(w.state, owner_state);
	assert_int_equal(w.epoch, epoch);
	assert_int_equal(w.pad, 0);
}

static bool is_refused(const char *text, char why[APPLY_WHY])
{
	uint32_t changes;

	return fixture_try(f, text, &changes, why);
}

/* --- services ------------------------------------------------------------- */

static bool get4(const char *vip, uint8_t protocol, uint16_t port,
		 struct baton_service *v)
{
	struct baton_service4_key key = { .protocol = protocol,
					  .port = htons(port) };

	must(inet_pton(AF_INET, vip, &key.vip) == 1);
	return !bpf_map_lookup_elem(b->dp.services4, &key, v);
}

static bool get6(const char *vip, uint8_t protocol, uint16_t port,
		 struct baton_service *v)
{
	struct baton_service6_key key = { .protocol = protocol,
					  .port = htons(port) };

	must(inet_pton(AF_INET6, vip, key.vip) == 1);
	return !bpf_map_lookup_elem(b->dp.services6, &key, v);
}

static size_t nr_keys(int map)
{
	struct baton_service6_key key;
	void *previous = NULL;
	size_t n = 0;

	for (; !bpf_map_get_next_key(map, previous, &key); previous = &key)
		n++;
	return n;
}

static size_t ring_rows(void)
{
	return (FIXTURE_RING + BATON_RING_ROW - 1) / BATON_RING_ROW;
}

static uint16_t ring_entry(uint16_t service, size_t i)
{
	return b->dp.rings[service * ring_rows() + i / BATON_RING_ROW]
		.owner[i % BATON_RING_ROW];
}

/* Entries of a service's ring that an owner has; all, if none is named. */
static size_t in_ring(const char *service, const char *name)
{
	uint16_t id = ids_find(&b->services, service), n = 0;

	must(id);
	for (size_t i = 0; i < FIXTURE_RING; i++)
		n += name ? ring_entry(id, i) == owner(name)
			  : ring_entry(id, i) != 0;
	return n;
}

static void test_from_nothing(void **state)
{
	struct baton_service v;
	const struct baton_service_info *info;

	(void)state;
	/* three hosts, three owners, two services */
	assert_int_equal(fixture_configure(f, ALL), 8);
	assert_owner("oa", "a", BATON_OWNER_ACTIVE, 1);
	assert_owner("ob", "b", BATON_OWNER_ACTIVE, 1);
	assert_owner("oc", "c", BATON_OWNER_ACTIVE, 1);

	assert_true(get4("192.0.2.1", IPPROTO_TCP, 80, &v));
	assert_int_equal(v.id, ids_find(&b->services, "web"));
	assert_int_equal(v.flags, 0);
	assert_int_equal(v.ring, v.id * ring_rows());
	info = &b->dp.service_info[v.id];
	assert_string_equal(info->name, "web");
	assert_int_equal(info->family, 4);
	assert_int_equal(info->protocol, IPPROTO_TCP);
	assert_int_equal(info->port, htons(80));

	assert_true(get6("2001:db8::1", IPPROTO_UDP, 53, &v));
	assert_int_equal(v.flags, BATON_SERVICE_CLIENT_HASH);
	assert_string_equal(b->dp.service_info[v.id].name, "six");
}

static void test_records_for_people(void **state)
{
	const struct baton_owner_info *o;
	const struct baton_host_info *h;

	(void)state;
	fixture_configure(f, ALL);
	h = &b->dp.host_info[host("b")];
	assert_string_equal(h->name, "b");
	assert_int_equal(h->family, 4);
	assert_int_equal(h->address[0], inet_addr("10.0.0.2"));
	o = &b->dp.owner_info[owner("oa")];
	assert_string_equal(o->name, "oa");
	assert_int_equal(o->home, host("a"));
	assert_int_equal(o->standbys[0], host("b"));
	assert_int_equal(o->standbys[1], host("c"));
	assert_int_equal(o->standbys[2], 0);
	/* b was not heard of yet; c is not probed, so taken to be up */
	assert_int_equal(o->next, host("c"));
}

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

static void assert_about(size_t n, double part)
{
	/* Maglev is fair to one turn of each member (section 3.4). */
	assert_in_range(n, FIXTURE_RING * part - 4, FIXTURE_RING * part + 4);
}

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

/* --- what stays ----------------------------------------------------------- */

static void test_the_same_again(void **state)
{
	uint16_t ids[3];
	struct baton_service v, again;

	(void)state;
	fixture_configure(f, ALL);
	ids[0] = host("b");
	ids[1] = owner("ob");
	ids[2] = ids_find(&b->services, "six");
	assert_true(get4("192.0.2.1", IPPROTO_TCP, 80, &v));
	assert_int_equal(fixture_configure(f, ALL), 0);
	assert_int_equal(host("b"), ids[0]);
	assert_int_equal(owner("ob"), ids[1]);
	assert_int_equal(ids_find(&b->services, "six"), ids[2]);
	assert_true(get4("192.0.2.1", IPPROTO_TCP, 80, &again));
	assert_memory_equal(&v, &again, sizeof(v));
	assert_owner("ob", "b", BATON_OWNER_ACTIVE, 1);
}

static void test_a_change_leaves_the_others(void **state)
{
	uint16_t b_was, ob_was;

	(void)state;
	fixture_configure(f, ALL);
	b_was = host("b");
	ob_was = owner("ob");
	/* a and oa gone, in front of the others */
	fixture_configure(f, KEY "hosts:\n"
				 "- {name: d, address: 10.0.0.4}\n"
				 "- {name: b, address: 10.0.0.2}\n"
				 "owners:\n"
				 "- {name: od, host: d}\n"
				 "- {name: ob, host: b}\n");
	assert_int_equal(host("b"), b_was);
	assert_int_equal(owner("ob"), ob_was);
	assert_owner("ob", "b", BATON_OWNER_ACTIVE, 1);
	assert_owner("od", "d", BATON_OWNER_ACTIVE, 1);
}

/* Where an owner is played is no matter of the configuration. */
static void test_a_moved_owner_stays_where_it_is(void **state)
{
	(void)state;
	fixture_configure(f, ALL);
	json_decref(failover_owner(b, "oa", "c", false, (char[256]){ 0 }));
	assert_owner("oa", "c", BATON_OWNER_ACTIVE, 2);
	fixture_configure(f, ALL);
	assert_owner("oa", "c", BATON_OWNER_ACTIVE, 2);
	/* another home, the same host */
	fixture_configure(f, KEY HOSTS "owners:\n"
				       "- {name: oa, host: b}\n");
	assert_owner("oa", "c", BATON_OWNER_ACTIVE, 2);
}

/* --- what goes ------------------------------------------------------------ */

static void test_a_removed_owner(void **state)
{
	uint16_t id;

	(void)state;
	fixture_configure(f, ALL);
	id = owner("ob");
	fixture_configure(f, KEY HOSTS "owners:\n"
				       "- {name: oa, host: a}\n"
				       "- {name: oc, host: c}\n"
				       "services:\n"
				       "- " WEB "owners: [oa]}\n");
	assert_int_equal(b->dp.owners[id].word, 0);
	assert_int_equal(b->dp.owner_info[id].name[0], '\0');
	assert_null(ids_name(&b->owners, id));
	assert_int_equal(in_ring("web", "oa"), FIXTURE_RING);
	/* When the id is used again, its epochs have not been there before. */
	ids_swept(&b->owners);
	ids_swept(&b->owners);
	fixture_configure(f, ALL);
	assert_int_equal(owner("ob"), id);
	assert_true(fixture_owner(f, "ob").epoch > 1);
}

static json_t *event_of(const char *kind)
{
	json_t *all = events_show(&b->events, 1000, 0), *one, *found = NULL;
	size_t i;

	json_array_foreach(
		all, i,
		one) if (!strcmp(json_string_value(json_object_get(one, "kin"
									"d")),
				 kind)) found = one;
	json_incref(found);
	json_decref(all);
	return found;
}

static const char *field(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static void test_a_removed_host(void **state)
{
	uint16_t id;
	json_t *move;

	(void)state;
	fixture_configure(f, ALL);
	id = host("a");
	fixture_configure(f, KEY "hosts:\n"
				 "- {name: b, address: 10.0.0.2}\n"
				 "- {name: c, address: 10.0.0.3, probe: no}\n"
				 "owners:\n"
				 "- {name: oa, host: b, standbys: [c]}\n"
				 "- {name: oc, host: c}\n");
	/* what it played, others take over: b is not up yet */
	assert_owner("oa", "c", BATON_OWNER_ACTIVE, 2);
	assert_int_equal(b->dp.host_info[id].name[0], '\0');
	assert_int_equal(b->dp.hosts[id].hop.word, 0);
	assert_false(b->prober.target[id].active);
	assert_int_equal(b->cluster.host[id].state, HOST_ABSENT);

	/* people are told its name, although it has none any more */
	fixture_tell(f);
	move = event_of("move");
	assert_non_null(move);
	assert_string_equal(field(move, "owner"), "oa");
	assert_string_equal(field(move, "from"), "a");
	assert_string_equal(field(move, "to"), "c");
	json_decref(move);
}

static void test_everything_removed(void **state)
{
	(void)state;
	fixture_configure(f, ALL);
	assert_int_equal(fixture_configure(f, "switch: {}\n"), 8);
	for (int i = 0; i < BATON_MAX_OWNERS; i++)
		assert_int_equal(b->dp.owners[i].word, 0);
	for (int i = 0; i < BATON_MAX_HOSTS; i++)
		assert_int_equal(b->dp.host_info[i].name[0], 0);
	assert_int_equal(nr_keys(b->dp.services4), 0);
	assert_int_equal(nr_keys(b->dp.services6), 0);
	for (int i = 0; i < BATON_MAX_HOSTS; i++)
		assert_false(b->prober.target[i].active);
}

/* What its last agent said is not said of the next host with that id. */
static void test_a_used_id_starts_anew(void **state)
{
	uint16_t id;

	(void)state;
	fixture_configure(f, ALL);
	id = host("a");
	fixture_host(f, "a", PROBER_UP, 1);
	fixture_word(f, "a", BATON_WORD_DRAINING, 2);
	fixture_tell(f);
	assert_owner("oa", "a", BATON_OWNER_DRAINING, 1);
	fixture_configure(f, "switch: {}\n");
	ids_swept(&b->hosts);
	ids_swept(&b->hosts);
	fixture_configure(f, ALL);
	assert_int_equal(host("a"), id);
	assert_int_equal(b->cluster.host[id].state, HOST_UNKNOWN);
	assert_int_equal(fixture_owner(f, "oa").state, BATON_OWNER_ACTIVE);
}

/* --- refused -------------------------------------------------------------- */

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

struct snapshot {
	union baton_owner owners[BATON_MAX_OWNERS];
	struct baton_host_info host_info[BATON_MAX_HOSTS];
	struct baton_settings settings;
	struct ids hosts, all_owners, services;
	size_t keys;
};

static void take(struct snapshot *s)
{
	memset(s, 0, sizeof(*s));
	memcpy(s->owners, b->dp.owners, sizeof(s->owners));
	memcpy(s->host_info, b->dp.host_info, sizeof(s->host_info));
	s->settings = *b->dp.settings;
	s->hosts = b->hosts;
	s->all_owners = b->owners;
	s->services = b->services;
	s->keys = nr_keys(b->dp.services4);
}

/*
 * Ids that rest can make a configuration too large that is not by itself. It
 * is refused as if it had not been tried, the way to host a included, which
 * would have needed an id, too.
 */
static void refused_for_ids(struct ids *ids, const char *what)
{
	static struct snapshot before, after;
	char why[APPLY_WHY] = "";
	const char *more = KEY "hosts:\n"
			       "- {name: a, address: 10.0.9.9}\n"
			       "- {name: b, address: 10.0.0.2}\n"
			       "- {name: c, address: 10.0.0.3, probe: no}\n"
			       "- {name: d, address: 10.0.0.4}\n"
			       "owners:\n"
			       "- {name: oa, host: a}\n"
			       "- {name: ob, host: b}\n"
			       "- {name: oc, host: c}\n"
			       "- {name: od, host: d}\n"
			       "services:\n"
			       "- " WEB "owners: [oa, od]}\n"
			       "- {name: new, vip: 192.0.2.2, protocol: tcp, "
			       "port: 80, "
			       "owners: [oa]}\n";

	fixture_configure(f, ALL);
	for (uint16_t i = ids->top + 1; i < ids->limit; i++) {
		char name[16];

		snprintf(name, sizeof(name), "x%u", i);
		ids_put(ids, i, name);
		ids_drop(ids, i);
	}
	take(&before);
	assert_true(is_refused(more, why));
	assert_non_null(strstr(why, what));
	take(&after);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(fixture_configure(f, ALL), 0);

	/* Once they have rested, it is taken. */
	ids_swept(ids);
	ids_swept(ids);
	fixture_configure(f, more);
	assert_owner("oa", "a", BATON_OWNER_ACTIVE, 2);
	assert_owner("od", "d", BATON_OWNER_ACTIVE, 1);
}

static void test_no_host_id_is_left(void **state)
{
	(void)state;
	refused_for_ids(&b->hosts, "host ");
}

static void test_no_owner_id_is_left(void **state)
{
	(void)state;
	refused_for_ids(&b->owners, "owner od");
}

static void test_no_service_id_is_left(void **state)
{
	(void)state;
	refused_for_ids(&b->services, "services");
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

/* A map that refuses: told, and what ran before goes on. */
static void test_a_map_refuses(void **state)
{
	char why[APPLY_WHY] = "";
	int services = b->dp.services4;

	(void)state;
	fixture_configure(f, ALL);
	b->dp.services4 = -1;
	assert_true(is_refused(KEY HOSTS "owners:\n"
					 "- {name: oa, host: a}\n"
					 "- {name: od, host: a}\n"
					 "services:\n"
					 "- " WEB "owners: [oa, od]}\n",
			       why));
	b->dp.services4 = services;
	assert_non_null(strstr(why, "services"));
	assert_owner("oa", "a", BATON_OWNER_ACTIVE, 1);
	assert_owner("ob", "b", BATON_OWNER_ACTIVE, 1);
	assert_owner("oc", "c", BATON_OWNER_ACTIVE, 1);
	fixture_configure(f, ALL);
	assert_about(in_ring("web", "ob"), 0.75);
}

/* --- adoption -------------------------------------------------------------- */

/* The next batond, which knows no more than what the maps hold. */
static void restart(void)
{
	config_free(&b->config);
	memset(&b->config, 0, sizeof(b->config));
	memset(&b->cluster, 0, sizeof(b->cluster));
	memset(b->ring_members, 0, sizeof(b->ring_members));
	memset(b->path_to, 0, sizeof(b->path_to));
	memset(b->prober.target, 0, sizeof(b->prober.target));
	ids_init(&b->hosts, BATON_MAX_HOSTS);
	ids_init(&b->owners, BATON_MAX_OWNERS);
	ids_init(&b->services, BATON_MAX_SERVICES);
	b->dp.adopted = true;
	apply_adopt(b);
}

static void test_adoption(void **state)
{
	static union baton_owner words[BATON_MAX_OWNERS];
	uint16_t web, ring[FIXTURE_RING];

	(void)state;
	fixture_configure(f, KEY HOSTS OWNERS); /* so that ids have holes */
	fixture_configure(f, "switch: {}\n");
	fixture_configure(f, ALL);
	json_decref(failover_owner(b, "oa", "c", false, (char[256]){ 0 }));
	web = ids_find(&b->services, "web");
	for (size_t i = 0; i < FIXTURE_RING; i++)
		ring[i] = ring_entry(web, i);
	memcpy(words, b->dp.owners, sizeof(words));

	restart();
	assert_memory_equal(words, b->dp.owners, sizeof(words));
	fixture_configure(f, ALL);
	assert_memory_equal(words, b->dp.owners, sizeof(words));
	assert_owner("oa", "c", BATON_OWNER_ACTIVE,
		     fixture_owner(f, "oa").epoch);
	assert_int_equal(ids_find(&b->services, "web"), web);
	for (size_t i = 0; i < FIXTURE_RING; i++)
		assert_int_equal(ring_entry(web, i), ring[i]);
}

/* The file was edited while no batond ran. */
static void test_adoption_of_another_configuration(void **state)
{
	uint16_t a, oa;

	(void)state;
	fixture_configure(f, ALL);
	a = host("a");
	oa = owner("oa");
	restart();
	fixture_configure(f, KEY "hosts:\n"
				 "- {name: a, address: 10.0.9.9}\n"
				 "owners:\n"
				 "- {name: oa, host: a}\n");
	assert_int_equal(owner("oa"), oa);
	assert_int_not_equal(host("a"), a); /* reached in another way */
	assert_owner("oa", "a", BATON_OWNER_ACTIVE, 2);
	assert_int_equal(b->dp.host_info[a].name[0], '\0');
	assert_int_equal(nr_keys(b->dp.services4), 0);
}

/* Words that name hosts which are not there. */
static void test_adoption_of_wild_words(void **state)
{
	(void)state;
	fixture_configure(f, ALL);
	b->dp.owners[owner("oa")].host = UINT16_MAX;
	b->dp.owners[owner("ob")].host = 99;
	restart();
	fixture_configure(f, ALL);
	assert_int_equal(fixture_owner(f, "oa").state, BATON_OWNER_ORPHAN);
	assert_int_equal(fixture_owner(f, "ob").state, BATON_OWNER_ORPHAN);
	fixture_host(f, "b", PROBER_UP, 1);
	assert_owner("ob", "b", BATON_OWNER_ACTIVE, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_from_nothing),
		TEST(test_records_for_people),
		TEST(test_markers),
		TEST(test_services_share_a_vip),
		TEST(test_any_port),
		TEST(test_ipsec),
		TEST(test_settings),
		TEST(test_a_removed_service),
		TEST(test_a_service_moves_to_another_vip),
		TEST(test_rings_follow_weights),
		TEST(test_a_draining_owner_leaves_the_ring),
		TEST(test_a_draining_host_drains_its_owners),
		TEST(test_all_draining),
		TEST(test_the_same_again),
		TEST(test_a_change_leaves_the_others),
		TEST(test_a_moved_owner_stays_where_it_is),
		TEST(test_a_removed_owner),
		TEST(test_a_removed_host),
		TEST(test_everything_removed),
		TEST(test_a_used_id_starts_anew),
		TEST(test_no_host_id_is_left),
		TEST(test_no_owner_id_is_left),
		TEST(test_no_service_id_is_left),
		TEST(test_as_many_services_as_there_may_be),
		TEST(test_a_map_refuses),
		TEST(test_adoption),
		TEST(test_adoption_of_another_configuration),
		TEST(test_adoption_of_wild_words),
	};
#undef TEST

	fixture_own_network();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
