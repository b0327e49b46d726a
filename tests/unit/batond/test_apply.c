// SPDX-License-Identifier: GPL-2.0-only
/* From one configuration to another: hosts and owners, before and after. */
#include "applied.h"

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
	assert_int_equal(b->dp.owners[id].state, BATON_OWNER_NONE);
	assert_int_equal(b->dp.owners[id].host, 0);
	assert_int_equal(b->dp.owner_info[id].name[0], '\0');
	assert_null(ids_name(&b->owners, id));
	assert_int_equal(in_ring("web", "oa"), FIXTURE_RING);
	ids_swept(&b->owners);
	ids_swept(&b->owners);
	fixture_configure(f, ALL);
	assert_int_equal(owner("ob"), id);
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
		assert_int_equal(b->dp.owners[i].state, BATON_OWNER_NONE);
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
	/* made twice, and moved */
	assert_owner("oa", "c", BATON_OWNER_ACTIVE, 3);
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

/* Killed after a host's new record was written and before the old one went. */
static void test_adoption_of_a_host_with_two_records(void **state)
{
	const uint16_t twin = BATON_MAX_HOSTS - 1;
	uint16_t a;

	(void)state;
	fixture_configure(f, ALL);
	a = host("a");
	b->dp.host_info[twin] = b->dp.host_info[a];
	b->dp.hosts[twin] = b->dp.hosts[a];
	b->dp.owners[owner("oa")].host = twin;
	restart();
	fixture_configure(f, ALL);
	assert_int_equal(host("a"), a);
	assert_int_equal(fixture_owner(f, "oa").host, a);
	assert_int_equal(b->dp.host_info[twin].name[0], '\0');
	assert_null(ids_name(&b->hosts, twin));
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
		TEST(test_a_map_refuses),
		TEST(test_adoption),
		TEST(test_adoption_of_another_configuration),
		TEST(test_adoption_of_a_host_with_two_records),
		TEST(test_adoption_of_wild_words),
	};
#undef TEST

	fixture_own_network();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
