// SPDX-License-Identifier: GPL-2.0-only
/*
 * Connections over the loopback of a network namespace of this process: their
 * numbers are read, their sockets closed without a word, and both made anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "baton-proxy/repair.h"

#define PATIENCE 10000 /* ms */

static enum repair_step failed;

static void write_sysctl(const char *name, int value)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/%s", name);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "%d\n", value);
	assert_int_equal(fclose(f), 0);
}

static int enter_namespace(void **state)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd;

	(void)state;
	if (unshare(CLONE_NEWNET))
		return -1;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo))
		return -1;
	return close(fd);
}

static socklen_t loopback(int family, struct sockaddr_storage *ss)
{
	struct sockaddr_in *in = (void *)ss;
	struct sockaddr_in6 *in6 = (void *)ss;

	memset(ss, 0, sizeof(*ss));
	if (family == AF_INET) {
		*in = (struct sockaddr_in){ .sin_family = AF_INET };
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return sizeof(*in);
	}
	*in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6,
				      .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	return sizeof(*in6);
}

struct ends {
	int listener, client, server;
};

static struct ends connected(int family)
{
	struct sockaddr_storage ss;
	socklen_t len = loopback(family, &ss);
	struct ends e = {
		.listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0),
		.client = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0),
	};
	int one = 1;

	assert_true(e.listener >= 0 && e.client >= 0);
	assert_int_equal(setsockopt(e.listener, SOL_SOCKET, SO_REUSEADDR, &one,
				    sizeof(one)),
			 0);
	assert_int_equal(bind(e.listener, (void *)&ss, len), 0);
	assert_int_equal(listen(e.listener, 1), 0);
	assert_int_equal(getsockname(e.listener, (void *)&ss, &len), 0);
	assert_int_equal(connect(e.client, (void *)&ss, len), 0);
	e.server = accept(e.listener, NULL, NULL);
	assert_true(e.server >= 0);
	return e;
}

static void close_ends(const struct ends *e)
{
	close(e->client);
	close(e->server);
	close(e->listener);
}

/* Bytes go one way while the other end reads them. */
static void assert_flows(int from, int to)
{
	static uint8_t out[300000], in[sizeof(out)];
	size_t sent = 0, got = 0;

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = i * 31 >> 3;
	while (got < sizeof(out)) {
		struct pollfd p[] = {
			{ from, sent < sizeof(out) ? POLLOUT : 0, 0 },
			{ to, POLLIN, 0 },
		};
		ssize_t n;

		assert_true(poll(p, 2, PATIENCE) > 0);
		if (p[0].revents & POLLOUT) {
			n = send(from, out + sent, sizeof(out) - sent,
				 MSG_DONTWAIT | MSG_NOSIGNAL);
			assert_true(n > 0);
			sent += n;
		}
		if (p[1].revents) {
			n = recv(to, in + got, sizeof(in) - got, MSG_DONTWAIT);
			assert_true(n > 0);
			got += n;
		}
	}
	assert_memory_equal(in, out, sizeof(out));
}

static void assert_end_of_stream(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };
	char byte;

	assert_int_equal(poll(&p, 1, PATIENCE), 1);
	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
}

static int restored(const struct repair_socket *r)
{
	int fd = repair_restore(r, &failed);

	if (fd < 0)
		fail_msg("%s: %s", repair_step_text(failed), strerror(-fd));
	return fd;
}

/* Both ends made anew, beside the listener, and bytes both ways. */
static void move(int family, bool timestamps, bool sack, bool scaling)
{
	struct repair_socket client, server;
	struct ends e;

	write_sysctl("tcp_timestamps", timestamps);
	write_sysctl("tcp_sack", sack);
	write_sysctl("tcp_window_scaling", scaling);
	e = connected(family);
	assert_flows(e.client, e.server);
	assert_flows(e.server, e.client);
	assert_int_equal(repair_snapshot(e.server, &server, &failed), 0);
	assert_int_equal(repair_snapshot(e.client, &client, &failed), 0);
	assert_int_equal(server.tuple.family, family == AF_INET ? 4 : 6);
	assert_int_equal(server.timestamps, timestamps);
	assert_int_equal(server.sack, sack);
	assert_int_equal(server.scale_in != SEGMENT_NO_SCALE, scaling);
	assert_int_equal(server.scale_in, client.scale_out);
	assert_int_equal(server.snd_nxt, client.rcv_nxt);
	assert_int_equal(server.rcv_nxt, client.snd_nxt);
	assert_int_equal(server.tuple.remote_port, client.tuple.local_port);
	assert_flows(e.client, e.server); /* it is as before */
	assert_int_equal(repair_snapshot(e.server, &server, &failed), 0);
	assert_int_equal(repair_snapshot(e.client, &client, &failed), 0);

	assert_int_equal(repair_close(e.server), 0);
	assert_int_equal(repair_close(e.client), 0);
	e.server = restored(&server);
	e.client = restored(&client);
	assert_flows(e.client, e.server);
	assert_flows(e.server, e.client);
	assert_int_equal(shutdown(e.client, SHUT_WR), 0);
	assert_end_of_stream(e.server);
	assert_flows(e.server, e.client);
	close_ends(&e);
}

static void test_connections_move(void **state)
{
	(void)state;
	for (int bits = 0; bits < 8; bits++) {
		move(AF_INET, bits & 1, bits & 2, bits & 4);
		move(AF_INET6, bits & 1, bits & 2, bits & 4);
	}
}

/* Half way in the stream, and from a track. */
static void test_a_track_is_enough(void **state)
{
	struct repair_socket before, after;
	struct track_resume resume;
	struct track t, other;
	struct ends e;

	(void)state;
	write_sysctl("tcp_timestamps", 1);
	write_sysctl("tcp_sack", 1);
	write_sysctl("tcp_window_scaling", 1);
	e = connected(AF_INET);
	assert_flows(e.client, e.server);
	assert_int_equal(repair_snapshot(e.server, &before, &failed), 0);
	repair_to_track(&before, 300000, 0, &t);
	track_init(&other);
	resume = track_resume(&t, &other, track_next_out(&t), t.window);
	assert_true(resume.possible);
	repair_from_track(&after, &t, &before.tuple, &resume);
	assert_int_equal(after.snd_nxt, before.snd_nxt);
	assert_int_equal(after.rcv_nxt, before.rcv_nxt);
	assert_int_equal(after.snd_window, before.snd_window);
	assert_int_equal(after.mss, before.mss);
	assert_int_equal(after.scale_in, before.scale_in);
	assert_int_equal(after.scale_out, before.scale_out);
	assert_true(after.timestamps && after.sack);
	assert_true(after.ts_value - before.ts_value < 100);
	assert_int_equal(repair_close(e.server), 0);
	e.server = restored(&after);
	assert_flows(e.server, e.client);
	assert_flows(e.client, e.server);
	close_ends(&e);
}

/* The other end's kernel would drop all of what an older clock has stamped. */
static void test_the_clock_goes_on(void **state)
{
	struct repair_socket r;
	uint32_t now;
	struct ends e;

	(void)state;
	write_sysctl("tcp_timestamps", 1);
	e = connected(AF_INET);
	assert_int_equal(repair_snapshot(e.server, &r, &failed), 0);
	assert_int_equal(repair_close(e.server), 0);
	r.ts_value = (r.ts_value + 1000000) | 1; /* not microseconds */
	e.server = restored(&r);
	assert_int_equal(repair_timestamp(e.server, &now), 0);
	assert_in_range(now - (r.ts_value & ~1u), 0, PATIENCE);
	assert_false(now & 1);
	close_ends(&e);
}

static void test_listening_again_is_possible(void **state)
{
	struct sockaddr_storage ss;
	struct repair_socket r;
	socklen_t len = sizeof(ss);
	int one = 1, fd;
	struct ends e;

	(void)state;
	e = connected(AF_INET);
	assert_int_equal(repair_snapshot(e.server, &r, &failed), 0);
	assert_int_equal(repair_close(e.server), 0);
	e.server = restored(&r);
	assert_int_equal(getsockname(e.listener, (void *)&ss, &len), 0);
	close(e.listener);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	assert_int_equal(bind(fd, (void *)&ss, len), 0);
	assert_int_equal(listen(fd, 1), 0);
	e.listener = fd;
	close_ends(&e);
}

static void test_an_ipv4_client_of_an_ipv6_listener(void **state)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6 };
	struct sockaddr_in to = { .sin_family = AF_INET };
	socklen_t len = sizeof(any);
	struct repair_socket r;
	struct ends e;

	(void)state;
	e.listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(e.listener, (void *)&any, len), 0);
	assert_int_equal(listen(e.listener, 1), 0);
	assert_int_equal(getsockname(e.listener, (void *)&any, &len), 0);
	to.sin_port = any.sin6_port;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	e.client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(e.client, (void *)&to, sizeof(to)), 0);
	e.server = accept(e.listener, NULL, NULL);
	assert_int_equal(repair_snapshot(e.server, &r, &failed), 0);
	assert_int_equal(r.tuple.family, 4);
	assert_int_equal(r.tuple.local[0], htonl(INADDR_LOOPBACK));
	close(e.listener);
	assert_int_equal(repair_close(e.server), 0);
	e.server = restored(&r);
	assert_flows(e.client, e.server);
	close(e.client);
	close(e.server);
}

static void test_what_fails_is_told(void **state)
{
	struct repair_socket r;
	struct ends e;

	(void)state;
	e = connected(AF_INET);
	assert_int_equal(repair_snapshot(e.server, &r, &failed), 0);
	assert_int_equal(repair_restore(&r, &failed), -EADDRNOTAVAIL);
	assert_int_equal(failed, REPAIR_CONNECT); /* it is there already */
	r.tuple.local[0] = htonl(0xc0000201);
	assert_int_equal(repair_restore(&r, &failed), -EADDRNOTAVAIL);
	assert_int_equal(failed, REPAIR_BIND);
	assert_non_null(strstr(repair_step_text(failed), "on this machine"));
	r.congestion = "none-such";
	assert_int_equal(repair_restore(&r, &failed), -ENOENT);
	assert_int_equal(failed, REPAIR_CONGESTION);
	assert_int_equal(repair_snapshot(e.listener, &r, &failed), -ENOTCONN);
	assert_int_equal(failed, REPAIR_NAMES);
	close_ends(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connections_move),
		cmocka_unit_test(test_a_track_is_enough),
		cmocka_unit_test(test_the_clock_goes_on),
		cmocka_unit_test(test_listening_again_is_possible),
		cmocka_unit_test(test_an_ipv4_client_of_an_ipv6_listener),
		cmocka_unit_test(test_what_fails_is_told),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
