// SPDX-License-Identifier: GPL-2.0-only
#include "prober_bfd.h"

#include <sodium.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"

/* Read before the rest goes on, of each family: a flood must not stop it. */
#define MOST_BATCHES 128
#define RETRY 1000000000ULL /* ns until the sockets are tried again */

void prober_set_bfd(struct prober *p, uint16_t host, const struct addr *address,
		    const struct bfd_settings *settings)
{
	uint64_t random;

	randombytes_buf(&random, sizeof(random));
	bfd_sessions_set(&p->bfd, host, address, settings, random, clock_ns(),
			 p->grace_until);
}

void prober_clear_bfd(struct prober *p, uint16_t host)
{
	bfd_sessions_clear(&p->bfd, host, clock_ns());
}

/* --- the sockets ------------------------------------------------------------ */

static int send_bfd(void *arg, const struct addr *to, const void *data,
		    size_t len)
{
	struct probing *g = arg;

	return bfd_socket_send(&g->bfd, to, data, len);
}

static uint32_t random_bfd(void *arg)
{
	(void)arg;
	return randombytes_random();
}

static void change_bfd(void *arg, uint16_t host, enum bfd_change change,
		       uint64_t now)
{
	struct probing *g = arg;

	if (change == BFD_WENT_UP)
		g->change(g->arg, host, PROBER_UP, now);
	else if (change == BFD_WENT_DOWN)
		g->change(g->arg, host, PROBER_DOWN, now);
}

static void session_bfd(void *arg, uint16_t host, uint64_t now)
{
	struct probing *g = arg;

	g->change(g->arg, host, PROBER_BFD, now);
}

static void note_error(struct bfd_sessions *s, int error)
{
	if (error && error != s->error)
		log_error("BFD: UDP port %d: %s; hosts with detect: bfd are "
			  "not watched (does another BFD daemon run here?)",
			  BFD_PORT, strerror(-error));
	s->error = error;
}

bool probing_bfd_open(struct probing *g, uint64_t now)
{
	struct bfd_sessions *s = &g->prober->bfd;

	if (!__atomic_load_n(&s->nr, __ATOMIC_RELAXED)) {
		bfd_socket_close(&g->bfd);
		note_error(s, 0);
		return false;
	}
	if (bfd_socket_is_open(&g->bfd))
		return true;
	if (now < g->bfd_retry)
		return false;
	g->bfd_retry = now + RETRY;
	note_error(s, bfd_socket_open(&g->bfd, s->source_port));
	return !s->error;
}

static bool read_bfd(struct probing *g, int family)
{
	static struct bfd_batch batch; /* of the one loop of this process */
	int n = bfd_socket_read(&g->bfd, family, &batch);

	prober_lock(g->prober);
	for (int i = 0; i < n; i++) {
		uint64_t now = clock_ns();
		enum bfd_change change;
		uint16_t host = bfd_sessions_take(
			&g->prober->bfd, &batch.datagram[i], now, &change);

		if (change != BFD_SAME)
			change_bfd(g, host, change, now);
	}
	prober_unlock(g->prober);
	return n == BFD_BATCH;
}

void probing_bfd_read(struct probing *g)
{
	for (int family = 0; family < 2; family++)
		for (int i = 0; i < MOST_BATCHES && read_bfd(g, family); i++)
			;
}

uint64_t probing_bfd_round(struct probing *g, uint64_t now, uint64_t together)
{
	const struct bfd_round r = { .send = send_bfd,
				     .random = random_bfd,
				     .change = change_bfd,
				     .session = session_bfd,
				     .arg = g };

	return bfd_sessions_round(&g->prober->bfd, &r, now, together);
}
