// SPDX-License-Identifier: GPL-2.0-only
/* Which recorded packets a new host is owed. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "baton/abi.h"
#include "batond/replay_select.h"

#define MOST 64
#define OWNER 7
#define OLD 1
#define NEW 2
#define NOW 5000000000ULL

enum { F = 0x01, S = 0x02, R = 0x04, P = 0x08, A = 0x10 };

static struct replay_work work;
static uint16_t to[BATON_MAX_OWNERS];
static struct replay_counts counts[BATON_MAX_OWNERS];
static size_t nr;
static bool again;

static int setup(void **state)
{
	(void)state;
	nr = 0;
	again = false;
	memset(counts, 0, sizeof(counts));
	memset(to, 0, sizeof(to));
	to[OWNER] = NEW;
	return replay_work_make(&work, MOST);
}

static int teardown(void **state)
{
	(void)state;
	replay_work_free(&work);
	return 0;
}

/* All at one time, the present: what comes first is told by numbers alone. */
static struct baton_record *add(uint8_t direction, uint8_t flags, uint32_t seq,
				uint32_t ack, uint16_t payload)
{
	struct recorded *d = &work.found[nr];

	assert_in_range(nr, 0, MOST - 1);
	*d = (struct recorded){
		.record = { .sequence = nr + 1,
			    .time = NOW,
			    .client = { htonl(0xc0000201) },
			    .port = htons(4000),
			    .service = 3,
			    .owner = OWNER,
			    .direction = direction,
			    .tcp_flags = flags,
			    .seq = seq,
			    .ack = ack,
			    .length = 54 + payload,
			    .vip_port = htons(80),
			    .payload = payload,
			    .family = 4,
			    .host = OLD },
		.slot = nr,
	};
	return &work.found[nr++].record;
}

static struct baton_record *client(uint8_t flags, uint32_t seq,
				   uint16_t payload)
{
	return add(BATON_RECORD_TO_HOST, flags, seq, 1, payload);
}

static struct baton_record *host(uint8_t flags, uint32_t ack)
{
	return add(BATON_RECORD_TO_CLIENT, flags, 1, ack, 0);
}

/* The sequence numbers of what is picked, in this order. */
static void expect_picks(size_t n, const uint32_t *seqs)
{
	memset(counts, 0, sizeof(counts));
	assert_int_equal(replay_select(&work, nr, to, again, NOW, counts), n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(work.found[work.picks[i].found].record.seq,
				 seqs[i]);
}

#define EXPECT_PICKS(...)                                                      \
	expect_picks(sizeof((uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t),   \
		     (uint32_t[]){ __VA_ARGS__ })
#define EXPECT_NONE() expect_picks(0, NULL)

static void expect_counts(uint32_t connections, uint32_t incomplete,
			  uint32_t too_large)
{
	assert_int_equal(counts[OWNER].connections, connections);
	assert_int_equal(counts[OWNER].incomplete, incomplete);
	assert_int_equal(counts[OWNER].too_large, too_large);
}

static void test_nothing(void **state)
{
	(void)state;
	EXPECT_NONE();
	expect_counts(0, 0, 0);
}

static void test_what_is_not_acknowledged(void **state)
{
	(void)state;
	client(A, 1000, 100);
	host(A, 1100);
	client(A, 1100, 100);
	client(A, 1200, 100);
	EXPECT_PICKS(1100, 1200);
	expect_counts(1, 0, 0);
	host(A, 1200);
	EXPECT_PICKS(1200);
	host(A, 1300);
	EXPECT_NONE();
	expect_counts(0, 0, 0);
}

static void test_the_newest_acknowledgement_counts(void **state)
{
	(void)state;
	client(A, 1000, 100);
	client(A, 1100, 100);
	host(A, 1200);
	host(A, 1100); /* overtaken on its way */
	EXPECT_NONE();
}

/* By another CPU's ring, which is read first. */
static void test_the_order_of_rings_does_not_matter(void **state)
{
	(void)state;
	host(A, 1100);
	client(A, 1000, 100);
	client(A, 1100, 100);
	EXPECT_PICKS(1100);
}

static void test_in_part(void **state)
{
	(void)state;
	host(A, 1050);
	client(A, 1000, 100);
	EXPECT_PICKS(1000);
	expect_counts(1, 0, 0);
}

/* For each place where the numbers wrap. */
static void test_wraparound(void **state)
{
	(void)state;
	for (int i = 0; i <= 400; i++) {
		uint32_t base = -i;

		nr = 0;
		client(A, base + 200, 100);
		client(A, base + 100, 100);
		client(A, base, 100);
		host(A, base + 100);
		host(A, base);
		EXPECT_PICKS(base + 100, base + 200);
		expect_counts(1, 0, 0);
	}
}

static void test_out_of_order(void **state)
{
	(void)state;
	host(A, 1000);
	client(A, 1200, 100);
	client(A, 1000, 100);
	client(A, 1100, 100);
	EXPECT_PICKS(1000, 1100, 1200);
}

static void test_sent_again(void **state)
{
	(void)state;
	host(A, 1000);
	client(A, 1000, 100);
	client(A, 1100, 100);
	client(A, 1000, 100);
	client(A, 1000, 100);
	EXPECT_PICKS(1000, 1100);
	/* The last one: its acknowledgement and timestamps are the newest. */
	assert_int_equal(work.picks[0].found, 4);
	expect_counts(1, 0, 0);
}

static void test_sent_again_in_other_pieces(void **state)
{
	(void)state;
	host(A, 1000);
	client(A, 1000, 50);
	client(A, 1050, 50);
	client(A, 1000, 300); /* holds both */
	client(A, 1200, 200); /* in part new */
	client(A, 1250, 100); /* not new */
	EXPECT_PICKS(1000, 1200);
	expect_counts(1, 0, 0);
}

static void test_missing_at_the_start(void **state)
{
	(void)state;
	host(A, 1000);
	client(A, 1100, 100);
	EXPECT_PICKS(1100);
	expect_counts(1, 1, 0);
}

static void test_missing_in_between(void **state)
{
	(void)state;
	host(A, 1000);
	client(A, 1000, 100);
	client(A, 1200, 100);
	client(A, 1500, 100);
	EXPECT_PICKS(1000, 1200, 1500);
	expect_counts(1, 1, 0);
}

/* A service for any port: what differs in the VIP's port alone are two. */
static void test_ports_of_a_vip(void **state)
{
	(void)state;
	host(A, 1000);
	client(A, 1000, 100);
	host(A, 5000)->vip_port = htons(81);
	client(A, 5000, 100)->vip_port = htons(81);
	client(A, 1100, 100);
	EXPECT_PICKS(1000, 1100, 5000);
}

static void test_kept_in_part_only(void **state)
{
	(void)state;
	host(A, 1000);
	client(A, 1000, 100);
	client(A, 1100, 3000);
	client(A, 4100, 100);
	EXPECT_PICKS(1000, 4100);
	expect_counts(1, 1, 1);
	/* Sent again in pieces that were kept. */
	client(A, 1100, 1000);
	client(A, 2100, 1000);
	client(A, 3100, 1000);
	EXPECT_PICKS(1000, 1100, 2100, 3100, 4100);
	/* One that the host has had is none to miss. */
	host(A, 4100);
	EXPECT_PICKS(4100);
	expect_counts(1, 0, 0);
}

static void test_a_syn(void **state)
{
	(void)state;
	client(S, 1000, 0);
	EXPECT_PICKS(1000);
	client(S, 1000, 0);
	EXPECT_PICKS(1000);
	host(S | A, 1001);
	EXPECT_NONE();
}

static void test_a_fin(void **state)
{
	(void)state;
	host(A, 1000);
	client(A | P, 1000, 10);
	client(A | F, 1010, 0);
	EXPECT_PICKS(1000, 1010);
	host(A, 1010);
	EXPECT_PICKS(1010);
	host(A | F, 1011);
	EXPECT_NONE();
}

static void test_a_rst_of_the_client(void **state)
{
	(void)state;
	host(A, 1000);
	client(A, 1000, 100);
	client(R, 1100, 0);
	EXPECT_PICKS(1000, 1100);
	expect_counts(1, 0, 0);
	host(A, 1100);
	EXPECT_PICKS(1100);
	host(A, 1101); /* it was another's, from before */
	EXPECT_NONE();
}

static void test_a_rst_of_the_host(void **state)
{
	(void)state;
	client(A, 1000, 100);
	host(R, 0);
	EXPECT_NONE();
	client(S, 9000, 0)->time++; /* the same ports again */
	EXPECT_PICKS(9000);
}

/* Which no one is owed; nor a probe of keepalive, which lies before. */
static void test_pure_acknowledgements(void **state)
{
	(void)state;
	host(A, 1000);
	client(A, 1000, 0);
	client(A, 999, 1);
	client(A, 999, 0);
	EXPECT_NONE();
}

static void test_addresses_and_ports_used_again(void **state)
{
	(void)state;
	/* The old one's numbers are far ahead of the new one's. */
	client(A, 900000, 100)->time -= 3;
	host(A, 900100)->time -= 3;
	client(A, 900100, 100)->time -= 3;
	client(S, 1000, 0)->time -= 2;
	host(S | A, 1001)->time -= 2;
	client(A, 1001, 100);
	EXPECT_PICKS(1001);
	expect_counts(1, 0, 0);
}

/* A SYN that the network delivers twice begins nothing. */
static void test_a_late_copy_of_the_syn(void **state)
{
	(void)state;
	client(S, 1000, 0)->time -= 3;
	host(S | A, 1001)->time -= 3;
	client(A, 1001, 100)->time -= 2;
	client(S, 1000, 0);
	EXPECT_PICKS(1001);
}

static void test_what_the_new_host_had(void **state)
{
	(void)state;
	host(A, 1000);
	client(A, 1000, 100);
	client(A, 1100, 100)->host = NEW;
	client(A, 1200, 100)->host = 0; /* nobody's, then */
	EXPECT_PICKS(1000, 1200);
	again = true;
	EXPECT_PICKS(1000, 1100, 1200);
}

/* With direct server return. */
static void test_no_acknowledgement_is_recorded(void **state)
{
	(void)state;
	client(A, 1000, 100)->time = NOW - REPLAY_BLIND - 1;
	client(A, 1100, 100)->time = NOW - REPLAY_BLIND;
	client(A, 1200, 100);
	EXPECT_PICKS(1100, 1200);
	expect_counts(1, 0, 0);
	/* One that is: age does not matter. */
	nr = 0;
	client(A, 1000, 100)->time = 1;
	host(A, 1000)->time = 1;
	EXPECT_PICKS(1000);
}

/* Everything that tells connections apart does. */
static void test_connections(void **state)
{
	(void)state;
	client(A, 1000, 100);
	client(A, 1000, 100)->port++;
	client(A, 1000, 100)->service++;
	client(A, 1000, 100)->client[0]++;
	client(A, 1000, 100)->client[3]++;
	host(A, 1100)->port--;
	assert_int_equal(replay_select(&work, nr, to, false, NOW, counts), 5);
	expect_counts(5, 0, 0);
	host(A, 1100)->service++;
	memset(counts, 0, sizeof(counts));
	assert_int_equal(replay_select(&work, nr, to, false, NOW, counts), 4);
	expect_counts(4, 0, 0);
}

/* Each connection's packets in one piece. */
static void test_connections_are_not_mixed(void **state)
{
	uint32_t last = 0, changes = 0;

	(void)state;
	for (int i = 0; i < MOST; i++)
		client(A, 1000 + 100 * (i / 8), 100)->port = htons(i % 8);
	assert_int_equal(replay_select(&work, nr, to, false, NOW, counts),
			 MOST);
	expect_counts(8, 0, 0);
	for (int i = 0; i < MOST; i++) {
		const struct baton_record *r =
			&work.found[work.picks[i].found].record;

		assert_int_equal(r->seq, 1000 + 100 * (i % 8));
		changes += !i || r->port != last;
		last = r->port;
	}
	assert_int_equal(changes, 8);
}

static void test_several_owners(void **state)
{
	(void)state;
	to[OWNER + 1] = OLD;
	client(A, 1000, 100);
	client(A, 2000, 100)->owner++; /* is at OLD already */
	client(A, 3000, 3000)->owner++;
	work.found[2].record.host = NEW;
	EXPECT_PICKS(1000);
	expect_counts(1, 0, 0);
	assert_int_equal(counts[OWNER + 1].too_large, 1);
	assert_int_equal(counts[OWNER + 1].incomplete, 1);
	assert_int_equal(counts[OWNER + 1].connections, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_nothing),
		TEST(test_what_is_not_acknowledged),
		TEST(test_the_newest_acknowledgement_counts),
		TEST(test_the_order_of_rings_does_not_matter),
		TEST(test_in_part),
		TEST(test_wraparound),
		TEST(test_out_of_order),
		TEST(test_sent_again),
		TEST(test_sent_again_in_other_pieces),
		TEST(test_missing_at_the_start),
		TEST(test_missing_in_between),
		TEST(test_ports_of_a_vip),
		TEST(test_kept_in_part_only),
		TEST(test_a_syn),
		TEST(test_a_fin),
		TEST(test_a_rst_of_the_client),
		TEST(test_a_rst_of_the_host),
		TEST(test_pure_acknowledgements),
		TEST(test_addresses_and_ports_used_again),
		TEST(test_a_late_copy_of_the_syn),
		TEST(test_what_the_new_host_had),
		TEST(test_no_acknowledgement_is_recorded),
		TEST(test_connections),
		TEST(test_connections_are_not_mixed),
		TEST(test_several_owners),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
