// SPDX-License-Identifier: GPL-2.0-only
/*
 * How fast the link is on loopback: two nodes, each a thread with a loop of its
 * own, as two programs would be.
 *
 *   linkbench stream BYTES SECONDS   STREAM frames of BYTES, as many as go
 *   linkbench trip BYTES SECONDS     one frame, its ACK, the next frame
 *
 * prints a line of JSON; the times of processors are of the threads.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "baton/probe.h"
#include "lib/clock.h"
#include "lib/link/link.h"

#define TRIPS_MAX 2000000

struct node {
	const char *name;
	struct link *link;
	uv_loop_t loop;
	struct link_peer *peer;
	uint64_t bytes, frames, began, ended, cpu;
};

static struct {
	bool trip;
	size_t size;
	double seconds;
	uint32_t owner;
	uint64_t sent_at;
	uint32_t *trips;
	size_t nr_trips;
	uint8_t payload[BATON_LINK_DATA_MAX];
} bench;

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static void die(const char *what, const char *why)
{
	fprintf(stderr, "linkbench: %s: %s\n", what, why);
	exit(1);
}

static int64_t send_one(struct link_peer *peer)
{
	const struct iovec iov = { bench.payload, bench.size };

	return link_send(peer,
			 &(struct link_frame){ .type = BATON_LINK_STREAM,
					       .owner = bench.owner,
					       .epoch = 1 },
			 &iov, 1);
}

static void finish(struct node *n)
{
	n->ended = clock_ns();
	n->cpu = cpu_ns() - n->cpu;
	link_close(n->link);
}

static void fill(struct link_peer *peer)
{
	struct node *n = link_arg(peer);

	while (clock_ns() - n->began < bench.seconds * 1e9 &&
	       send_one(peer) > 0)
		n->frames++;
}

static void trip(struct link_peer *peer)
{
	bench.sent_at = clock_ns();
	send_one(peer);
}

static void on_up(struct link_peer *peer)
{
	struct node *n = link_arg(peer);

	n->began = clock_ns();
	n->cpu = cpu_ns();
	(bench.trip ? trip : fill)(peer);
}

static void on_ack(struct link_peer *peer, uint64_t sequence)
{
	struct node *n = link_arg(peer);
	uint64_t now = clock_ns();

	if (!bench.trip) {
		/* time is up: to the last acknowledgement */
		if (sequence == n->frames &&
		    now - n->began > bench.seconds * 1e9)
			finish(n);
		return;
	}
	bench.trips[bench.nr_trips++] = now - bench.sent_at;
	if (now - n->began > bench.seconds * 1e9 || bench.nr_trips == TRIPS_MAX)
		finish(n);
	else
		trip(peer);
}

static void on_frame(struct link_peer *peer, const struct link_frame *f)
{
	struct node *n = link_arg(peer);

	if (!n->frames++)
		n->cpu = cpu_ns();
	n->bytes += f->length;
	link_ack(peer, f->sequence);
}

static void on_down(struct link_peer *peer, enum baton_link_reason reason,
		    const char *why)
{
	if (reason != BATON_LINK_BAD_SHUTDOWN)
		die("down", why);
	finish(link_arg(peer));
}

static void on_failed(void *arg, struct link_peer *peer,
		      enum baton_link_reason reason, const char *why)
{
	(void)arg, (void)peer, (void)reason;
	die("failed", why);
}

static const struct link_callbacks sending = { .on_up = on_up,
					       .on_writable = fill,
					       .on_ack = on_ack,
					       .on_down = on_down,
					       .on_failed = on_failed };
static const struct link_callbacks receiving = { .on_frame = on_frame,
						 .on_down = on_down,
						 .on_failed = on_failed };

static void *run(void *arg)
{
	struct node *n = arg;

	uv_run(&n->loop, UV_RUN_DEFAULT);
	return NULL;
}

static void node_init(struct node *n, const char *name,
		      const struct link_key *key, const char *other,
		      const struct link_public *public,
		      const struct link_callbacks *callbacks,
		      enum baton_link_role role)
{
	const struct link_config config = { .node = name, .key = key };
	char why[LINK_WHY];

	n->name = name;
	uv_loop_init(&n->loop);
	if (link_open(&n->link, &n->loop, &config, callbacks, n, why))
		die(name, why);
	n->peer = link_peer_add(n->link, other, public);
	link_owner(n->link, bench.owner, role, 1);
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void print(const struct node *from, const struct node *to)
{
	double seconds = (from->ended - from->began) / 1e9;
	size_t n = bench.nr_trips;

	if (bench.trip) {
		qsort(bench.trips, n, sizeof(*bench.trips), compare);
		printf("{\"bytes\": %zu, \"trips\": %zu, \"median_us\": %.1f, "
		       "\"p99_us\": %.1f}\n",
		       bench.size, n, bench.trips[n / 2] / 1e3,
		       bench.trips[n - 1 - n / 100] / 1e3);
		return;
	}
	printf("{\"bytes\": %zu, \"mb_per_s\": %.0f, \"frames_per_s\": %.0f, "
	       "\"sender_cpu\": %.2f, \"receiver_cpu\": %.2f}\n",
	       bench.size, to->bytes / seconds / 1e6, to->frames / seconds,
	       from->cpu / 1e9 / seconds, to->cpu / 1e9 / seconds);
}

int main(int argc, char **argv)
{
	static struct node a, b;
	struct link_key *key[2];
	struct link_public public[2];
	struct addr here;
	pthread_t thread;
	int i, port;

	if (argc != 4 || (strcmp(argv[1], "stream") && strcmp(argv[1], "trip")))
		die("usage", "linkbench stream|trip BYTES SECONDS");
	bench.trip = !strcmp(argv[1], "trip");
	bench.size = strtoul(argv[2], NULL, 10);
	bench.seconds = strtod(argv[3], NULL);
	bench.owner = baton_tag("bench");
	bench.trips = calloc(TRIPS_MAX, sizeof(*bench.trips));
	for (i = 0; i < 2; i++) {
		if (link_key_make(&key[i]))
			die("key", "cannot be made");
		link_key_public(key[i], &public[i]);
	}
	node_init(&a, "a", key[0], "b", &public[1], &sending,
		  BATON_LINK_ROLE_OWNER);
	node_init(&b, "b", key[1], "a", &public[0], &receiving,
		  BATON_LINK_ROLE_STANDBY);
	addr_parse(&here, "127.0.0.1");
	port = link_listen(b.link, &here, 0);
	if (port < 0)
		die("listen", strerror(-port));
	link_connect(a.peer, &here, port);
	pthread_create(&thread, NULL, run, &b);
	run(&a);
	pthread_join(thread, NULL);
	print(&a, &b);
	uv_loop_close(&a.loop);
	uv_loop_close(&b.loop);
	for (i = 0; i < 2; i++)
		link_key_free(key[i]);
	free(bench.trips);
	return 0;
}
