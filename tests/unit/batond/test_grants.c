// SPDX-License-Identifier: GPL-2.0-only
/* What is granted of owners' state, in the maps; and what configurations, moves and
 * another batond make of it. */
#include "applied.h"

#include "batond/failover.h"
#include "batond/grants.h"
#include "lib/ownership/own_place.h"

/* With other standbys of oa */
#define STANDBYS(list)                                                         \
	"owners:\n- {name: oa, host: a, standbys: [" list "]}\n"               \
	"- {name: ob, host: b}\n- {name: oc, host: c}\n" SERVICES
#define NODE_KEY "switch: {probe-key: /k, node-key: /n}\n" HOSTS
#define SPEAKING NODE_KEY OWNERS SERVICES
#define NOW 1000000000000ULL

static uint16_t oa;

static struct own_grant *grant(void)
{
	return &b->ownership.grant[oa];
}

static const struct baton_grant *kept(void)
{
	return &b->dp.grants[oa];
}

static uint64_t epoch(void)
{
	return (uint64_t)FIXTURE_REIGN << 32 | fixture_owner(f, "oa").epoch;
}

/* What speak.c does with a record of a host. */
static void said(const char *name, uint8_t role, bool complete, uint16_t waits)
{
	const struct own_holding h = { .owner = oa,
				       .role = role,
				       .complete = complete,
				       .epoch = epoch(),
				       .incarnation = 100 + host(name),
				       .waits = waits,
				       .claim = waits };

	ownership_said(&b->ownership, &b->cluster, oa, host(name), &h, NOW);
	grants_keep(b, oa);
}

/* a plays it, b holds everything. */
static void begin(const char *text)
{
	fixture_configure(f, text);
	oa = owner("oa");
	said("a", BATON_OWNERSHIP_ROLE_NONE, false, 0);
	said("a", BATON_OWNERSHIP_ROLE_OWNER, false, 1 << 1);
	said("b", BATON_OWNERSHIP_ROLE_STANDBY, true, 0);
	assert_int_equal(b->cluster.owner[oa].complete, 1 << 1);
}

static void assert_kept(void)
{
	assert_true(kept()->epoch == epoch());
	assert_true(kept()->epoch == grant()->epoch);
	assert_true(kept()->incarnation == grant()->incarnation);
	assert_int_equal(kept()->complete, grant()->complete);
	assert_memory_equal(kept()->member, grant()->member,
			    sizeof(kept()->member));
}

static void it_is_written_down(void **state)
{
	(void)state;
	begin(SPEAKING);
	assert_int_equal(kept()->complete, 1 << 1);
	assert_int_equal(kept()->incarnation, 100 + host("a"));
	assert_kept();
	fixture_host(f, "b", PROBER_UP, NOW);
	fixture_host(f, "a", PROBER_UP, NOW);
	fixture_host(f, "a", PROBER_DOWN, NOW);
	assert_string_equal(fixture_plays(f, "oa"), "b");
	assert_int_equal(kept()->incarnation, 100 + host("b"));
	assert_int_equal(kept()->complete, 0);
	assert_kept();
}

static void another_batond_finds_it(void **state)
{
	struct own_grant was;

	(void)state;
	begin(SPEAKING);
	was = *grant();
	memset(grant(), 0, sizeof(*grant()));
	grants_adopt(b, oa);
	assert_true(grant()->epoch == was.epoch);
	assert_true(grant()->incarnation == was.incarnation);
	assert_int_equal(grant()->complete, was.complete);
	assert_int_equal(grant()->host, was.host);
	assert_int_equal(b->cluster.owner[oa].complete, was.complete);
	assert_true(b->cluster.owner[oa].stateful);
	/* nobody is complete who has not been heard with the same memory */
	said("b", BATON_OWNERSHIP_ROLE_STANDBY, true, 0);
	assert_int_equal(grant()->complete, 1 << 1);
}

static void what_is_of_another_epoch_counts_for_nothing(void **state)
{
	(void)state;
	begin(SPEAKING);
	b->cluster.owner[oa].epoch++;
	grants_adopt(b, oa);
	assert_true(!grant()->epoch && !grant()->complete);
	b->cluster.owner[oa].epoch--;
	b->dp.meta.reign++; /* as if the maps were others */
	grants_adopt(b, oa);
	assert_true(!grant()->epoch && !grant()->complete);
}

/* Claims name places: when those are others, they are claimed anew. */
static void other_places_are_a_new_epoch(void **state)
{
	(void)state;
	begin(SPEAKING);
	fixture_configure(f, NODE_KEY STANDBYS("c, b"));
	assert_owner("oa", "a", BATON_OWNER_ACTIVE, 2);
	assert_int_equal(grant()->complete, 1 << 2);
	assert_kept();
	fixture_configure(f, NODE_KEY STANDBYS("c"));
	assert_owner("oa", "a", BATON_OWNER_ACTIVE, 3);
	assert_int_equal(grant()->complete, 0);
	assert_kept();
	/* the same once more is nothing new */
	fixture_configure(f, NODE_KEY STANDBYS("c"));
	assert_owner("oa", "a", BATON_OWNER_ACTIVE, 3);
}

static void without_a_key_they_are_not(void **state)
{
	(void)state;
	fixture_configure(f, ALL);
	fixture_configure(f, KEY HOSTS STANDBYS("c, b"));
	assert_owner("oa", "a", BATON_OWNER_ACTIVE, 1);
}

static void an_owner_that_is_no_more(void **state)
{
	(void)state;
	begin(SPEAKING);
	fixture_configure(f, NODE_KEY "owners:\n- {name: ob, host: b}\n");
	assert_true(!grant()->epoch && !kept()->epoch && !kept()->complete);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(it_is_written_down),
		T(another_batond_finds_it),
		T(what_is_of_another_epoch_counts_for_nothing),
		T(other_places_are_a_new_epoch),
		T(without_a_key_they_are_not),
		T(an_owner_that_is_no_more),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
