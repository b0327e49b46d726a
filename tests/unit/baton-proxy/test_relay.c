// SPDX-License-Identifier: GPL-2.0-only
/* What a relay passes on: not what the other end has from somebody else (K6). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "baton-proxy/relay.h"

static uv_loop_t loop;
static struct relays relays;
static struct relay *relay;
static int out[NR_SIDES]; /* the other ends */
static int ended, failed;

static void on_end(struct relay *r, bool bad)
{
	(void)r;
	ended++;
	failed += bad;
}

static int make(void **state)
{
	(void)state;
	ended = failed = 0;
	if (uv_loop_init(&loop) || relays_open(&relays, &loop))
		return -1;
	relays.on_end = on_end;
	relay = relay_new(&relays, 0, NULL);
	for (int i = 0; i < NR_SIDES; i++) {
		int fds[2];

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) ||
		    relay_set(&relays, relay, i, fds[0], false))
			return -1;
		out[i] = fds[1];
	}
	return 0;
}

static void close_one(uv_handle_t *handle, void *arg)
{
	(void)arg;
	uv_close(handle, NULL);
}

static int clear(void **state)
{
	(void)state;
	if (!ended)
		relay_end(&relays, relay, false);
	relays_poll(&relays); /* frees it */
	uv_walk(&loop, close_one, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	free(relays.buffer);
	close(relays.epoll);
	for (int i = 0; i < NR_SIDES; i++)
		close(out[i]);
	return 0;
}

static void say(int which, const char *text)
{
	assert_int_equal(write(out[which], text, strlen(text)), strlen(text));
	relays_poll(&relays);
}

static void hears(int which, const char *text)
{
	char got[64];
	ssize_t n = read(out[which], got, sizeof(got));

	if (!*text) {
		assert_int_equal(n, -1);
		return;
	}
	assert_int_equal(n, strlen(text));
	assert_memory_equal(got, text, n);
}

static void test_both_ways(void **state)
{
	(void)state;
	relay_run(&relays, relay);
	say(CLIENT, "question");
	hears(SERVER, "question");
	say(SERVER, "answer");
	hears(CLIENT, "answer");
	hears(SERVER, "");
	assert_int_equal(relay->end[SERVER].written, 8);
	assert_int_equal(relay->end[CLIENT].read, 8);
}

/* It begins at 10 in the server's stream; the client has 15 of it. */
static void test_what_is_there_is_not_sent(void **state)
{
	(void)state;
	relay->end[SERVER].read = 10;
	relay->end[CLIENT].written = 15;
	relay_run(&relays, relay);
	say(SERVER, "abc");
	hears(CLIENT, "");
	say(SERVER, "defgh");
	hears(CLIENT, "fgh");
	say(SERVER, "ijk");
	hears(CLIENT, "ijk");
	assert_int_equal(relay->end[CLIENT].written, 21);
	/* the other way is another matter */
	say(CLIENT, "xyz");
	hears(SERVER, "xyz");
	shutdown(out[SERVER], SHUT_WR);
	relays_poll(&relays);
	assert_int_equal(read(out[CLIENT], &(char){ 0 }, 1), 0);
	assert_false(ended);
}

/* What is pending goes first, and is not what is read. */
static void test_what_is_pending(void **state)
{
	(void)state;
	relay->end[SERVER].read = 10;
	relay->end[CLIENT].written = 7;
	assert_int_equal(relay_pend(relay, CLIENT, (const uint8_t *)"789", 3),
			 0);
	relay_run(&relays, relay);
	hears(CLIENT, "789");
	say(SERVER, "abc");
	hears(CLIENT, "abc");
}

static void test_an_end_before_what_it_had_sent(void **state)
{
	(void)state;
	relay->end[SERVER].read = 10;
	relay->end[CLIENT].written = 15;
	relay_run(&relays, relay);
	say(SERVER, "abcd");
	assert_false(ended);
	shutdown(out[SERVER], SHUT_WR);
	relays_poll(&relays);
	assert_int_equal(ended, 1);
	assert_int_equal(failed, 1);
}

/* The end of a stream that comes with its last bytes. */
static void test_bytes_and_the_end_at_once(void **state)
{
	(void)state;
	assert_int_equal(write(out[CLIENT], "last", 4), 4);
	shutdown(out[CLIENT], SHUT_WR);
	relays_poll(&relays);
	hears(SERVER, "last");
	assert_int_equal(read(out[SERVER], &(char){ 0 }, 1), 0);
	assert_false(ended);
	say(SERVER, "answer");
	hears(CLIENT, "answer");
	shutdown(out[SERVER], SHUT_WR);
	relays_poll(&relays);
	assert_int_equal(ended, 1);
	assert_int_equal(failed, 0);
}

/* What is left where it is because the other end is full is read when that is
 * not any more, though nothing new comes. */
static void test_an_end_that_is_full(void **state)
{
	static char bytes[1 << 16];
	size_t sent = 0, got = 0;
	ssize_t n;

	(void)state;
	relay_run(&relays, relay);
	do {
		n = write(out[CLIENT], bytes, sizeof(bytes));
		sent += n > 0 ? n : 0;
		relays_poll(&relays);
	} while (n > 0);
	shutdown(out[CLIENT], SHUT_WR);
	relays_poll(&relays);
	assert_true(relay->end[SERVER].nr > 0);
	while ((n = read(out[SERVER], bytes, sizeof(bytes)))) {
		assert_true(n > 0);
		got += n;
		relays_poll(&relays);
	}
	assert_int_equal(got, sent);
}

/* A read ends before an urgent byte, and what is behind it is there already. */
static void test_urgent(void **state)
{
	struct sockaddr_in any = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(any);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int end = socket(AF_INET, SOCK_STREAM, 0), fd;
	const int one = 1;

	(void)state;
	assert_int_equal(bind(listener, (struct sockaddr *)&any, len), 0);
	assert_int_equal(listen(listener, 1), 0);
	getsockname(listener, (struct sockaddr *)&any, &len);
	assert_int_equal(connect(end, (struct sockaddr *)&any, len), 0);
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &one, sizeof(one));
	relay_detach(relay, CLIENT);
	assert_int_equal(relay_set(&relays, relay, CLIENT, fd, false), 0);
	relays_poll(&relays);
	assert_int_equal(write(end, "ab", 2), 2);
	assert_int_equal(send(end, "c", 1, MSG_OOB), 1);
	assert_int_equal(write(end, "de", 2), 2);
	relays_poll(&relays);
	hears(SERVER, "abcde");
	close(end);
	close(listener);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, clear)
	const struct CMUnitTest tests[] = {
		TEST(test_both_ways),
		TEST(test_what_is_there_is_not_sent),
		TEST(test_what_is_pending),
		TEST(test_an_end_before_what_it_had_sent),
		TEST(test_bytes_and_the_end_at_once),
		TEST(test_an_end_that_is_full),
		TEST(test_urgent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
