// SPDX-License-Identifier: GPL-2.0-only
/*
 * Links over real sockets, on loopback, in one loop. Each wait is for a
 * condition; the watchdog of a test only ends what would never come.
 */
#include "nodes.h"

static void what_is_sent_arrives_and_is_acknowledged(void **state)
{
	static const size_t sizes[] = {
		0, 1, 100, 16351, 16384, 100000, BATON_LINK_DATA_MAX
	};
	struct node a, b;
	size_t i, bytes = 0;

	(void)state;
	pair_open(&a, &b, (struct link_config){ 0 });
	assert_int_equal(say(&a, 1), -ENOTCONN);
	assert_int_equal(link_ack(a.peer, 0), -ENOTCONN);
	UNTIL(a.ups && b.ups);
	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		assert_int_equal(say(&a, sizes[i]), i + 1);
		bytes += sizes[i];
	}
	assert_int_equal(say(&a, BATON_LINK_DATA_MAX + 1), -EMSGSIZE);
	UNTIL(a.acked == i);
	assert_int_equal(b.frames, i);
	assert_int_equal(b.bytes, bytes);
	pair_close(&a, &b);
}

/* What one turn of the loop sends has one ACK, and goes out in few records. */
static void a_turn_is_a_batch(void **state)
{
	struct node a, b;
	int i;

	(void)state;
	pair_open(&a, &b, (struct link_config){ 0 });
	UNTIL(a.ups && b.ups);
	for (i = 0; i < 100; i++)
		say(&a, 20);
	UNTIL(a.acked == 100);
	assert_int_equal(b.frames, 100);
	assert_int_equal(a.acks, 1);
	pair_close(&a, &b);
}

static void nobody_with_another_key_comes_up(void **state)
{
	struct link_public other = { { 1 } };
	struct node a, b, c;

	(void)state;
	node_open(&a, "a", (struct link_config){ 0 });
	node_open(&b, "b", (struct link_config){ 0 });
	node_open(&c, "c", (struct link_config){ 0 });
	a.peer = link_peer_add(a.link, "b", &b.public);
	b.peer = link_peer_add(b.link, "a", &other);
	b.port = link_listen(b.link, &here, 0);
	link_connect(a.peer, &here, b.port);
	UNTIL(b.failures >= 2); /* it tries again */
	assert_int_equal(b.reason, BATON_LINK_BAD_HANDSHAKE);
	assert_non_null(strstr(b.why, "its key"));
	assert_int_equal(link_count(b.link, BATON_LINK_BAD_HANDSHAKE),
			 b.failures);
	/* nor does a node of which b has never heard */
	c.peer = link_peer_add(c.link, "b", &b.public);
	link_connect(c.peer, &here, b.port);
	UNTIL(c.failures);
	assert_int_equal(a.ups + b.ups + c.ups, 0);
	link_close(a.link);
	link_close(c.link);
	node_close(&b);
	link_key_free(a.key);
	link_key_free(c.key);
}

/* The peer is gone and comes back at the same port: all begins anew. */
static void a_peer_that_comes_back(void **state)
{
	struct node a, b;
	struct link_key *key;
	struct link_config c = { .retry_min = 5, .retry_max = 20 };
	char why[LINK_WHY];
	int port, i;

	(void)state;
	pair_open(&a, &b, c);
	port = b.port;
	for (i = 1; i <= 3; i++) {
		UNTIL(a.ups == (unsigned int)i && link_peer_is_up(b.peer));
		assert_int_equal(say(&a, 10), 1);
		UNTIL(a.acked == 1);
		link_close(b.link);
		UNTIL(a.downs == (unsigned int)i);
		assert_int_equal(a.reason, BATON_LINK_BAD_SHUTDOWN);
		UNTIL(a.failures >= (unsigned int)i); /* nobody listens */
		key = b.key;
		c.node = "b";
		c.key = key;
		assert_int_equal(
			link_open(&b.link, &loop, &c, &callbacks, &b, why), 0);
		b.peer = link_peer_add(b.link, "a", &a.public);
		link_owner(b.link, OWNER, BATON_LINK_ROLE_STANDBY, 1);
		assert_int_equal(link_listen(b.link, &here, port), port);
	}
	UNTIL(a.ups == (unsigned int)i);
	pair_close(&a, &b);
}

/* The same node on a second connection: the newer is the one. */
static void a_node_that_connects_anew(void **state)
{
	struct node a, b, again;
	struct link_config c = { .node = "a" };
	char why[LINK_WHY];

	(void)state;
	pair_open(&a, &b, (struct link_config){ .retry_min = 2000 });
	UNTIL(a.ups && b.ups);
	memset(&again, 0, sizeof(again));
	c.key = a.key;
	assert_int_equal(
		link_open(&again.link, &loop, &c, &callbacks, &again, why), 0);
	again.peer = link_peer_add(again.link, "b", &b.public);
	link_owner(again.link, OWNER, BATON_LINK_ROLE_OWNER, 1);
	link_connect(again.peer, &here, b.port);
	UNTIL(again.ups && b.ups == 2);
	UNTIL(a.downs);
	assert_int_equal(a.reason, BATON_LINK_BAD_REPLACED);
	assert_int_equal(b.downs, 1);
	assert_true(link_peer_is_up(b.peer));
	assert_int_equal(say(&again, 10), 1);
	UNTIL(again.acked == 1);
	link_close(again.link);
	pair_close(&a, &b);
}

/* Both call: of the connections that this makes, one remains. */
static void two_nodes_that_call_each_other(void **state)
{
	const struct link_config c = { .retry_min = 20, .retry_max = 200 };
	struct link_peer_status status;
	struct node a, b;
	uint64_t end = clock_ns() + WATCHDOG, since = 0;

	(void)state;
	pair_open(&a, &b, c);
	a.port = link_listen(a.link, &here, 0);
	assert_int_equal(link_connect(b.peer, &here, a.port), 0);
	/* up for as long as nobody would wait for another attempt */
	while (!since || clock_ns() - since < 500000000) {
		unsigned int downs = a.downs + b.downs;

		assert_true(clock_ns() < end);
		uv_run(&loop, UV_RUN_ONCE);
		if (!link_peer_is_up(a.peer) || !link_peer_is_up(b.peer) ||
		    a.downs + b.downs != downs)
			since = 0;
		else if (!since)
			since = clock_ns();
	}
	link_peer_status(a.peer, &status);
	assert_int_equal(say(&a, 10), status.sent + 1);
	UNTIL(a.acked == status.sent + 1);
	pair_close(&a, &b);
}

static void the_owner_of_an_old_epoch_is_refused(void **state)
{
	struct node a, b;

	(void)state;
	pair_open(&a, &b, (struct link_config){ 0 });
	UNTIL(a.ups && b.ups);
	assert_int_equal(link_owner(b.link, OWNER, BATON_LINK_ROLE_OWNER, 2),
			 0);
	assert_int_equal(say(&a, 10), 1);
	UNTIL(a.refused == 1 && a.deposed == 2);
	assert_int_equal(a.reason, BATON_LINK_BAD_EPOCH_OLD);
	assert_int_equal(b.frames, 0);
	assert_int_equal(link_count(b.link, BATON_LINK_BAD_EPOCH_OLD), 1);
	assert_int_equal(say(&a, 10), -ESTALE);
	assert_int_equal(a.downs, 0);
	/* the new owner speaks to the one that was */
	assert_int_equal(say_epoch(&b, 10, 2), 1);
	UNTIL(a.frames == 1);
	pair_close(&a, &b);
}

/* The ablation: it is the epoch that refuses it. */
static void without_the_new_epoch_it_is_accepted(void **state)
{
	struct node a, b;

	(void)state;
	pair_open(&a, &b, (struct link_config){ 0 });
	UNTIL(a.ups && b.ups);
	assert_int_equal(say(&a, 10), 1);
	UNTIL(a.acked == 1);
	assert_int_equal(b.frames, 1);
	assert_int_equal(a.deposed + a.refused, 0);
	pair_close(&a, &b);
}

/* A standby that stores nothing: said after ack_late, and it stays up. */
static void a_peer_that_does_not_acknowledge(void **state)
{
	struct node a, b;

	(void)state;
	pair_open(&a, &b, (struct link_config){ .ping = 20, .ack_late = 60 });
	UNTIL(a.ups && b.ups);
	b.mute = true;
	say(&a, 10);
	UNTIL(a.lates == 3);
	assert_int_equal(a.acks, 0);
	assert_int_equal(a.downs, 0);
	b.mute = false;
	say(&a, 10);
	UNTIL(a.acked == 2);
	pair_close(&a, &b);
}

/* As much again and again as fits; each time on_writable says when. */
static void back_pressure_loses_nothing(void **state)
{
	const struct link_config c = { .high = 1 << 18, .low = 1 << 16 };
	struct node a, b;
	uint64_t sent = 0;
	unsigned int full = 0;

	(void)state;
	pair_open(&a, &b, c);
	UNTIL(a.ups && b.ups);
	while (full < 50) {
		int64_t n = say(&a, 50000);

		if (n > 0) {
			sent = n;
			continue;
		}
		assert_int_equal(n, -EAGAIN);
		full++;
		a.writables = 0;
		UNTIL(a.writables);
	}
	UNTIL(a.acked == sent);
	assert_int_equal(b.frames, sent);
	assert_int_equal(b.bytes, sent * 50000);
	pair_close(&a, &b);
}

/* Many who come and say nothing keep nobody out. */
static void a_crowd_keeps_nobody_out(void **state)
{
	enum { CROWD = 40 };
	static uv_tcp_t crowd[CROWD];
	static uv_connect_t connect[CROWD];
	struct sockaddr_storage ss;
	struct node a, b;
	int i;

	(void)state;
	node_open(&b, "b", (struct link_config){ .hello = 60000 });
	b.port = link_listen(b.link, &here, 0);
	addr_sockaddr(&here, b.port, &ss);
	for (i = 0; i < CROWD; i++) {
		uv_tcp_init(&loop, &crowd[i]);
		uv_tcp_connect(&connect[i], &crowd[i], (struct sockaddr *)&ss,
			       NULL);
	}
	UNTIL(b.failures == CROWD - 16);
	assert_int_equal(b.reason, BATON_LINK_BAD_CROWD);
	node_open(&a, "a", (struct link_config){ 0 });
	a.peer = link_peer_add(a.link, "b", &b.public);
	b.peer = link_peer_add(b.link, "a", &a.public);
	link_connect(a.peer, &here, b.port);
	UNTIL(a.ups && b.ups);
	for (i = 0; i < CROWD; i++)
		uv_close((uv_handle_t *)&crowd[i], NULL);
	pair_close(&a, &b);
}

static void who_says_nothing_is_sent_away(void **state)
{
	struct sockaddr_storage ss;
	uv_connect_t connect;
	struct node b;
	uv_tcp_t tcp;

	(void)state;
	node_open(&b, "b", (struct link_config){ .hello = 50, .ping = 20 });
	b.port = link_listen(b.link, &here, 0);
	addr_sockaddr(&here, b.port, &ss);
	uv_tcp_init(&loop, &tcp);
	uv_tcp_connect(&connect, &tcp, (struct sockaddr *)&ss, NULL);
	UNTIL(b.failures);
	assert_int_equal(b.reason, BATON_LINK_BAD_SLOW);
	uv_close((uv_handle_t *)&tcp, NULL);
	node_close(&b);
}

static void an_idle_link_stays_up(void **state)
{
	struct link_peer_status status = { 0 };
	struct node a, b;
	uint64_t end;

	(void)state;
	pair_open(&a, &b, (struct link_config){ .ping = 20, .silent = 400 });
	UNTIL(a.ups && b.ups);
	end = clock_ns() + 1000000000;
	UNTIL(clock_ns() > end);
	assert_int_equal(a.downs + b.downs, 0);
	link_peer_status(a.peer, &status);
	assert_true(status.round_trip > 0);
	pair_close(&a, &b);
}

static void wrong_settings_are_named(void **state)
{
	struct link_config c = { .node = "a b" };
	struct link_public key = { { 0 } };
	char why[LINK_WHY];
	struct link *link;
	struct node a;

	(void)state;
	node_open(&a, "a", (struct link_config){ 0 });
	c.key = a.key;
	assert_int_equal(link_open(&link, &loop, &c, &callbacks, NULL, why),
			 -EINVAL);
	assert_non_null(strstr(why, "node:"));
	c = (struct link_config){
		.node = "a", .key = a.key, .ping = 50, .silent = 50
	};
	assert_int_equal(link_open(&link, &loop, &c, &callbacks, NULL, why),
			 -EINVAL);
	assert_non_null(strstr(why, "silent:"));
	assert_null(link_peer_add(a.link, "", &key));
	assert_null(link_peer_add(a.link, "a", &key)); /* itself */
	assert_non_null(link_peer_add(a.link, "b", &key));
	assert_null(link_peer_add(a.link, "b", &key));
	assert_int_equal(errno, EEXIST);
	node_close(&a);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_is_sent_arrives_and_is_acknowledged),
		TEST(a_turn_is_a_batch),
		TEST(nobody_with_another_key_comes_up),
		TEST(a_peer_that_comes_back),
		TEST(a_node_that_connects_anew),
		TEST(two_nodes_that_call_each_other),
		TEST(the_owner_of_an_old_epoch_is_refused),
		TEST(without_the_new_epoch_it_is_accepted),
		TEST(a_peer_that_does_not_acknowledge),
		TEST(back_pressure_loses_nothing),
		TEST(a_crowd_keeps_nobody_out),
		TEST(who_says_nothing_is_sent_away),
		TEST(an_idle_link_stays_up),
		TEST(wrong_settings_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
