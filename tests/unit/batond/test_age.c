// SPDX-License-Identifier: GPL-2.0-only
/* Ageing: what is forgotten, what stays, and what is counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>

#include "baton/flowtable.h"
#include "batond/age.h"
#include "clock.skel.h"
#include "fixture.h"

/* Two services of each family, an owner for each host, all limits apart. */
#define CONFIG                                                                 \
	"hosts:\n"                                                             \
	"- {name: a, address: 10.0.0.1, probe: no}\n"                          \
	"- {name: b, address: 10.0.0.2, probe: no}\n"                          \
	"owners:\n"                                                            \
	"- {name: oa, host: a}\n"                                              \
	"- {name: ob, host: b}\n"                                              \
	"timeouts: {tcp-opening: 10s, tcp-established: 2000s,\n"               \
	"  tcp-closing: 60s, tcp-closed: 5s, udp-opening: 30s,\n"              \
	"  udp-established: 180s, ipsec: 1000s}\n"                             \
	"services:\n"                                                          \
	"- {name: dns, vip: 192.0.2.2, protocol: udp, port: 53, "              \
	"owners: [oa]}\n"                                                      \
	"- {name: vpn, vip: 192.0.2.3, protocol: ipsec, owners: [oa]}\n"
#define TCP                                                                    \
	"- {name: tcp, vip: 192.0.2.1, protocol: tcp, port: 80, "              \
	"owners: [oa, ob]}\n"                                                  \
	"- {name: six, vip: '2001:db8::1', protocol: tcp, port: 80, "          \
	"owners: [oa, ob]}\n"

static struct fixture *f;
static struct batond *b;
static uint16_t now; /* stamp, when the last flow was inserted */

static int setup(void **state)
{
	struct clock_bpf *clock = clock_bpf__open_and_load();

	(void)state;
	f = fixture_new();
	b = &f->b;
	must(clock);
	b->dp.flows.clock = dup(bpf_program__fd(clock->progs.baton_clock));
	clock_bpf__destroy(clock);
	must(!flowmap_now(&b->dp.flows, &now));
	fixture_configure(f, CONFIG TCP);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_free(f);
	return 0;
}

/* --- limits -------------------------------------------------------------- */

static void test_limits(void **state)
{
	static const struct {
		uint8_t protocol, flow_state;
		uint32_t limit;
	} all[] = {
		{ IPPROTO_TCP, BATON_FLOW_OPENING, 10 },
		{ IPPROTO_TCP, BATON_FLOW_ANSWERED, 10 },
		{ IPPROTO_TCP, BATON_FLOW_ESTABLISHED, 2000 },
		{ IPPROTO_TCP, BATON_FLOW_CLOSING, 60 },
		{ IPPROTO_TCP, BATON_FLOW_CLOSED, 5 },
		{ IPPROTO_UDP, BATON_FLOW_OPENING, 30 },
		{ IPPROTO_UDP, BATON_FLOW_ANSWERED, 180 },
		{ IPPROTO_UDP, BATON_FLOW_ESTABLISHED, 180 },
		{ IPPROTO_UDP, BATON_FLOW_CLOSING, 180 },
		{ IPPROTO_UDP, BATON_FLOW_CLOSED, 180 },
		{ CONFIG_IPSEC, BATON_FLOW_OPENING, 1000 },
		{ CONFIG_IPSEC, BATON_FLOW_ESTABLISHED, 1000 },
		/* no state at all: not kept for long */
		{ IPPROTO_TCP, UINT8_MAX, 5 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		assert_int_equal(age_limit(&b->config, all[i].protocol,
					   all[i].flow_state),
				 all[i].limit);
}

/* --- sweeps -------------------------------------------------------------- */

static struct flowmap_key key(const char *service, uint16_t port)
{
	struct flowmap_key k = { .port = port,
				 .service = ids_find(&b->services, service) };

	must(k.service);
	must(!addr_parse(&k.client, strcmp(service, "six") ? "198.51.100.1"
							   : "2001:db8:1::1"));
	return k;
}

/* A flow that was idle for so many seconds. */
static struct flowmap_key insert(const char *service, uint16_t port,
				 const char *owner, uint8_t flow_state,
				 uint16_t idle)
{
	struct flowmap_key k = key(service, port);
	struct baton_flow flow = {
		.owner = ids_find(&b->owners, owner),
		.state = flow_state,
		.flags = flow_state == BATON_FLOW_ESTABLISHED
				 ? BATON_FLOW_CONFIRMED
				 : 0,
	};

	must(!flowmap_now(&b->dp.flows, &now));
	flow.seen = now - idle;
	must(!flowmap_insert(&b->dp.flows, &k, &flow, now));
	return k;
}

static bool is_there(const struct flowmap_key *k)
{
	struct flowmap_slot slot;

	return flowmap_find(&b->dp.flows, k, &slot);
}

static void sweep(void)
{
	uint64_t ended = b->sweep.census.ended;

	/* Each slice does something, so it ends, or the test does. */
	for (int i = 0; b->sweep.census.ended == ended; i++) {
		assert_in_range(i, 0, AGE_PERIOD_MS / AGE_SLICE_MS + 1);
		age_slice(b);
	}
}

static void assert_kept(const char *service, uint8_t flow_state, uint32_t limit)
{
	/* Such a one may have been seen later than it says. */
	uint32_t lag = flow_state == BATON_FLOW_ESTABLISHED ? BATON_FLOW_FRESH
							    : 0;
	/* Two less than the limit, as the clock goes on meanwhile. */
	struct flowmap_key young =
		insert(service, 1000, "oa", flow_state, limit + lag - 2);
	struct flowmap_key old =
		insert(service, 2000, "oa", flow_state, limit + lag + 1);
	struct flowmap_slot slot;

	sweep();
	assert_true(flowmap_find(&b->dp.flows, &young, &slot));
	assert_int_equal(slot.flow.state, flow_state);
	assert_false(is_there(&old));
	flowmap_free(&slot);
}

static void test_idle_flows_are_forgotten(void **state)
{
	(void)state;
	for (uint8_t s = 0; s < BATON_NR_FLOW_STATES; s++) {
		assert_kept("tcp", s, age_limit(&b->config, IPPROTO_TCP, s));
		assert_kept("six", s, age_limit(&b->config, IPPROTO_TCP, s));
		assert_kept("dns", s, age_limit(&b->config, IPPROTO_UDP, s));
		assert_kept("vpn", s, age_limit(&b->config, CONFIG_IPSEC, s));
	}
	assert_int_equal(b->sweep.expired, 4 * BATON_NR_FLOW_STATES);
}

/* Another CPU stamped it just after the sweep read the clock. */
static void test_a_flow_from_the_future_is_young(void **state)
{
	struct flowmap_key k = insert("tcp", 1000, "oa", BATON_FLOW_CLOSED, -5);

	(void)state;
	sweep();
	assert_true(is_there(&k));
}

static void test_flows_of_what_was_removed(void **state)
{
	struct flowmap_key dns, tcp, six;

	(void)state;
	dns = insert("dns", 1, "oa", BATON_FLOW_ESTABLISHED, 0);
	tcp = insert("tcp", 2, "oa", BATON_FLOW_ESTABLISHED, 0);
	six = insert("six", 3, "oa", BATON_FLOW_ESTABLISHED, 0);
	sweep();
	assert_true(is_there(&dns) && is_there(&tcp) && is_there(&six));
	fixture_configure(f, CONFIG);
	sweep();
	assert_true(is_there(&dns));
	assert_false(is_there(&tcp));
	assert_false(is_there(&six));
}

static void test_flows_of_an_owner_that_was_removed(void **state)
{
	struct flowmap_key k =
		insert("tcp", 2, "ob", BATON_FLOW_ESTABLISHED, 0);

	(void)state;
	dataplane_set_owner(&b->dp, ids_find(&b->owners, "ob"),
			    (union baton_owner){ 0 });
	sweep();
	assert_false(is_there(&k));
}

/* An orphan is no removed owner: its connections wait for a host. */
static void test_flows_of_an_orphan_stay(void **state)
{
	struct flowmap_key k =
		insert("tcp", 2, "ob", BATON_FLOW_ESTABLISHED, 0);

	(void)state;
	dataplane_set_owner(&b->dp, ids_find(&b->owners, "ob"),
			    (union baton_owner){ .state = BATON_OWNER_ORPHAN,
						 .epoch = 2 });
	sweep();
	assert_true(is_there(&k));
}

/* Ids that were given up rest until no flow can mention them any more. */
static void test_ids_rest_until_flows_are_gone(void **state)
{
	uint16_t tcp = ids_find(&b->services, "tcp");

	(void)state;
	/* the sweep is under way, and past the flow's bucket perhaps */
	age_slice(b);
	fixture_configure(f, CONFIG);
	assert_int_equal(b->services.rest[tcp], 2);
	sweep();
	assert_int_equal(b->services.rest[tcp], 1);
	sweep();
	assert_int_equal(b->services.rest[tcp], 0);
}

/* --- abandoned slots ------------------------------------------------------ */

/* A key without a flow, in the first slot of a bucket; its first word. */
static __u64 *abandon(int family, uint32_t bucket, __u64 word)
{
	int n = b->dp.flows.table[family].n;
	__u64 *slot = b->dp.flows.table[family].words +
		      (size_t)bucket * BATON_FLOW_SLOTS * BATON_FLOW_WORDS(n);

	slot[0] = word;
	return slot;
}

static void test_an_abandoned_slot_is_freed_at_the_second_sweep(void **state)
{
	__u64 *four = abandon(FLOWMAP_4, 0, 0x1234);
	__u64 *six = abandon(FLOWMAP_6, FIXTURE_BUCKETS - 1, 0x1234);

	(void)state;
	sweep();
	assert_int_equal(four[0], 0x1234);
	assert_int_equal(six[0], 0x1234);
	assert_int_equal(b->sweep.census.used[FLOWMAP_4], 0);
	sweep();
	assert_int_equal(four[0], 0);
	assert_int_equal(six[0], 0);
}

static void test_a_slot_that_goes_on_is_not_abandoned(void **state)
{
	__u64 *slot = abandon(FLOWMAP_4, 0, 0x1234);

	(void)state;
	sweep();
	slot[0] = 0x5678; /* another connection's, just being recorded */
	sweep();
	assert_int_equal(slot[0], 0x5678);
	sweep();
	assert_int_equal(slot[0], 0);
}

static void test_more_abandoned_than_are_remembered(void **state)
{
	const uint32_t many = ABANDONED_MAX + 10;
	size_t words = BATON_FLOW_SLOTS * BATON_FLOW_WORDS(1);
	struct flowmap_table *t = &b->dp.flows.table[FLOWMAP_4];
	uint32_t left = 0;

	(void)state;
	free(t->words);
	t->words = fixture_array(many, words * sizeof(*t->words));
	t->buckets = many;
	for (uint32_t i = 0; i < many; i++)
		t->words[i * words] = i + 1;
	sweep();
	sweep();
	for (uint32_t i = 0; i < many; i++)
		left += t->words[i * words] != 0;
	assert_int_equal(left, 10);
	sweep();
	sweep();
	for (uint32_t i = 0; i < many; i++)
		assert_int_equal(t->words[i * words], 0);
}

/* --- counts --------------------------------------------------------------- */

static void test_counts(void **state)
{
	const struct census *c = &b->sweep.census;
	uint16_t a, bee;

	(void)state;
	a = ids_find(&b->owners, "oa");
	bee = ids_find(&b->owners, "ob");
	insert("tcp", 1, "oa", BATON_FLOW_OPENING, 0);
	insert("tcp", 2, "oa", BATON_FLOW_ESTABLISHED, 0);
	insert("tcp", 3, "ob", BATON_FLOW_ESTABLISHED, 0);
	insert("tcp", 4, "ob", BATON_FLOW_ESTABLISHED, 60000);
	insert("six", 5, "ob", BATON_FLOW_CLOSING, 0);
	sweep();
	assert_int_equal(c->slots[FLOWMAP_4],
			 FIXTURE_BUCKETS * BATON_FLOW_SLOTS);
	assert_int_equal(c->used[FLOWMAP_4], 3);
	assert_int_equal(c->used[FLOWMAP_6], 1);
	assert_int_equal(c->confirmed[FLOWMAP_4], 2);
	assert_int_equal(c->confirmed[FLOWMAP_6], 0);
	assert_int_equal(c->by_state[FLOWMAP_4][BATON_FLOW_OPENING], 1);
	assert_int_equal(c->by_state[FLOWMAP_4][BATON_FLOW_ESTABLISHED], 2);
	assert_int_equal(c->by_state[FLOWMAP_6][BATON_FLOW_CLOSING], 1);
	assert_int_equal(c->by_owner[a], 2);
	assert_int_equal(c->by_owner[bee], 2);
	assert_int_equal(b->sweep.expired, 1);
	assert_int_equal(b->cluster.host[ids_find(&b->hosts, "a")].flows, 2);
	assert_int_equal(b->cluster.host[ids_find(&b->hosts, "b")].flows, 2);

	/* Each sweep counts anew. */
	sweep();
	assert_int_equal(c->used[FLOWMAP_4], 3);
	assert_int_equal(c->by_owner[bee], 2);
	assert_int_equal(b->sweep.expired, 1);
}

/* Ids in a table that a bug or another program wrote are not trusted. */
static void test_flows_with_wild_ids(void **state)
{
	union baton_flow_word w = { .flow = { .owner = UINT16_MAX,
					      .seen = now } };
	__u64 *slot = abandon(FLOWMAP_4, 3, UINT64_MAX);

	(void)state;
	slot[1] = w.word;
	sweep();
	assert_int_equal(slot[0], 0);
	assert_int_equal(b->sweep.expired, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_limits),
		TEST(test_idle_flows_are_forgotten),
		TEST(test_a_flow_from_the_future_is_young),
		TEST(test_flows_of_what_was_removed),
		TEST(test_flows_of_an_owner_that_was_removed),
		TEST(test_flows_of_an_orphan_stay),
		TEST(test_ids_rest_until_flows_are_gone),
		TEST(test_an_abandoned_slot_is_freed_at_the_second_sweep),
		TEST(test_a_slot_that_goes_on_is_not_abandoned),
		TEST(test_more_abandoned_than_are_remembered),
		TEST(test_counts),
		TEST(test_flows_with_wild_ids),
	};
#undef TEST

	fixture_own_network();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
