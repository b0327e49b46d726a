// SPDX-License-Identifier: GPL-2.0-only
/*
 * What packets would see while a configuration is applied: a thread reads the
 * maps as the data plane does, all the time, and every value must be sound.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "fixture.h"

#define KEY "switch: {probe-key: /k}\n"
#define OWNERS                                                                 \
	"owners:\n"                                                            \
	"- {name: oa, host: a}\n"                                              \
	"- {name: ob, host: b}\n"
#define B "- {name: b, address: 10.0.0.2, mac: 02:00:00:00:00:02}\n"
#define WEB                                                                    \
	"services:\n"                                                          \
	"- {name: web, vip: 192.0.2.1, protocol: tcp, port: 80, "              \
	"owners: [oa, ob]}\n"

static struct fixture *f;
static struct batond *b;

static int setup(void **state)
{
	(void)state;
	fixture_own_network();
	fixture_command("ip link add sw0 type veth peer name sw1");
	fixture_command("ip addr add 10.0.0.254/24 dev sw0");
	fixture_command("ip link set sw0 up && ip link set sw1 up");
	f = fixture_new();
	b = &f->b;
	strcpy(b->ports[0].interface, "sw0");
	b->ports[0].ifindex = if_nametoindex("sw0");
	b->nr_ports = 1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_free(f);
	return 0;
}

/* What the reader found. */
struct reader {
	pthread_t thread;
	uint16_t owner, service;
	bool stop;
	uint64_t reads;
	uint64_t no_host, no_record, went_back, ring_holes;
	uint32_t epochs; /* changes of the word that it saw */
};

/* Has the host's record what a packet needs? */
static bool is_sound(const struct baton_host *h)
{
	return __atomic_load_n(&h->hop.word, __ATOMIC_RELAXED) && h->ifindex;
}

static void *read_all(void *arg)
{
	struct reader *r = arg;
	union baton_owner last = { .word = 0 };
	size_t rows = (FIXTURE_RING + BATON_RING_ROW - 1) / BATON_RING_ROW;
	const struct baton_ring_row *ring = &b->dp.rings[r->service * rows];

	while (!__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE)) {
		union baton_owner w = dataplane_owner(&b->dp, r->owner);

		if (!w.host || w.state != BATON_OWNER_ACTIVE)
			r->no_host++;
		/* A record may be cleared between the two loads; then the
		 * word has changed. */
		else if (!is_sound(&b->dp.hosts[w.host]) &&
			 dataplane_owner(&b->dp, r->owner).word == w.word)
			r->no_record++;
		r->went_back += w.epoch < last.epoch;
		r->epochs += w.epoch != last.epoch;
		last = w;
		for (uint32_t i = 0; i < FIXTURE_RING; i++)
			r->ring_holes += !__atomic_load_n(
				&ring[i / BATON_RING_ROW]
					 .owner[i % BATON_RING_ROW],
				__ATOMIC_RELAXED);
		__atomic_fetch_add(&r->reads, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void start(struct reader *r)
{
	*r = (struct reader){ .owner = ids_find(&b->owners, "oa"),
			      .service = ids_find(&b->services, "web") };
	must(!pthread_create(&r->thread, NULL, read_all, r));
}

/* Until the reader has read everything so many times more. */
static void let_it_read(struct reader *r, uint64_t more)
{
	uint64_t until = __atomic_load_n(&r->reads, __ATOMIC_ACQUIRE) + more;

	while (__atomic_load_n(&r->reads, __ATOMIC_ACQUIRE) < until)
		sched_yield();
}

static void end(struct reader *r)
{
	let_it_read(r, 2);
	__atomic_store_n(&r->stop, true, __ATOMIC_RELEASE);
	pthread_join(r->thread, NULL);
	assert_int_equal(r->no_host, 0);
	assert_int_equal(r->no_record, 0);
	assert_int_equal(r->went_back, 0);
	assert_int_equal(r->ring_holes, 0);
}

enum { ROUNDS = 50 };

/* Each time a is reached in another way than before. */
static void test_a_host_reached_in_another_way(void **state)
{
	static const char *const ways[] = {
		KEY "hosts:\n"
		    "- {name: a, address: 10.0.0.1, mac: 02:00:00:00:00:01}\n" B
			    OWNERS WEB,
		KEY "hosts:\n"
		    "- {name: a, address: 10.0.0.9, mac: 02:00:00:00:00:09, "
		    "forward: ipip}\n" B OWNERS WEB,
		KEY "hosts:\n"
		    "- {name: a, address: 10.0.0.9, mac: 02:00:00:00:00:09, "
		    "forward: gue}\n" B OWNERS WEB,
		KEY "hosts:\n"
		    "- {name: a, address: 10.0.0.9, mac: 02:00:00:00:00:09, "
		    "forward: gue, gue-port: 7000}\n" B OWNERS WEB,
	};
	const size_t n = sizeof(ways) / sizeof(ways[0]);
	struct reader r;

	(void)state;
	fixture_configure(f, ways[0]);
	start(&r);
	for (size_t i = 1; i <= ROUNDS; i++) {
		uint16_t was = ids_find(&b->hosts, "a");

		let_it_read(&r, 2);
		fixture_configure(f, ways[i % n]);
		assert_int_not_equal(ids_find(&b->hosts, "a"), was);
		assert_int_equal(fixture_owner(f, "oa").epoch,
				 FIXTURE_EPOCH(i + 1));
		assert_int_equal(b->dp.hosts[was].hop.word, 0);
		ids_swept(&b->hosts);
	}
	end(&r);
	/* It may miss some, but has seen that there were any. */
	assert_true(r.epochs > 2);
}

/* A host that is removed: its owner's word goes from one host to another. */
static void test_a_host_that_is_removed(void **state)
{
	static const char both[] = KEY "hosts:\n"
				       "- {name: a, address: 10.0.0.1, mac: "
				       "02:00:00:00:00:01, "
				       "probe: no}\n"
				       "- {name: b, address: 10.0.0.2, mac: "
				       "02:00:00:00:00:02, "
				       "probe: no}\n" OWNERS WEB;
	static const char one[] = KEY "hosts:\n"
				      "- {name: b, address: 10.0.0.2, mac: "
				      "02:00:00:00:00:02, "
				      "probe: no}\n"
				      "owners:\n"
				      "- {name: oa, host: b}\n"
				      "- {name: ob, host: b}\n" WEB;
	struct reader r;

	(void)state;
	fixture_configure(f, both);
	start(&r);
	for (int i = 0; i < ROUNDS; i++) {
		let_it_read(&r, 2);
		fixture_configure(f, one);
		assert_string_equal(fixture_plays(f, "oa"), "b");
		let_it_read(&r, 2);
		fixture_configure(f, both);
		json_decref(failback_owner(b, "oa", false, (char[256]){ 0 }));
		assert_string_equal(fixture_plays(f, "oa"), "a");
		ids_swept(&b->hosts);
	}
	end(&r);
	assert_true(r.epochs > 2);
}

/* Weights change and a partner comes and goes: no entry is ever empty. */
static void test_a_ring_that_changes(void **state)
{
	char text[1024];
	struct reader r;

	(void)state;
	fixture_configure(f, KEY "hosts:\n"
				 "- {name: a, address: 10.0.0.1, "
				 "mac: 02:00:00:00:00:01}\n" B OWNERS WEB);
	start(&r);
	for (int i = 0; i < 4 * ROUNDS; i++) {
		snprintf(text, sizeof(text),
			 KEY "hosts:\n"
			     "- {name: a, address: 10.0.0.1, "
			     "mac: 02:00:00:00:00:01}\n" B OWNERS "services:\n"
			     "- {name: web, vip: 192.0.2.1, protocol: tcp, "
			     "port: 80, owners: [{name: oa, weight: %d}%s]}\n",
			 i % 7 + 1, i % 2 ? ", ob" : "");
		fixture_configure(f, text);
	}
	end(&r);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_a_host_reached_in_another_way),
		TEST(test_a_host_that_is_removed),
		TEST(test_a_ring_that_changes),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
