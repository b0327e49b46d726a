// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moving an owner: what the store costs, with however many connections, and
 * what packets see of it.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include "chain.h"

/* X(name of result, service and owner; connections) */
#define MOVES(X)                                                               \
	X(move_1, 1)                                                           \
	X(move_100k, 100000)                                                   \
	X(move_1m, 1000000)

static const struct {
	const char *name;
	uint32_t flows;
} moves[] = {
#define X(name, flows) { #name, flows },
	MOVES(X)
#undef X
};

#define NR_MOVES (sizeof(moves) / sizeof(moves[0]))

/* There and back, each visible to all CPUs before the next. */
static void store(struct bench_switch *s, int owner, const int host[2],
		  const char *name, uint32_t repeat)
{
	uint64_t start = bench_now();
	uint32_t i;

	for (i = 0; i < repeat; i++) {
		bench_move(s, owner, host[i & 1]);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	}
	bench_result(name, (double)(bench_now() - start) / repeat);
}

int bench_store(const struct bench_options *o)
{
	int owner[NR_MOVES], host[2];
	struct bench_switch s;
	uint32_t round;
	unsigned int i;
	int err;

	err = bench_pin(o->cpu);
	if (!err)
		err = bench_switch_open(&s, o->bpffs);
	if (!err)
		err = bench_enter(o->sw);
	if (err)
		return err;
	host[0] = bench_host(&s, HOST_B);
	host[1] = bench_host(&s, HOST_A);
	for (i = 0; !err && i < NR_MOVES; i++) {
		owner[i] = bench_owner(&s, moves[i].name);
		err = fill_flows(&s, o->objects, moves[i].name, moves[i].name,
				 moves[i].flows);
	}
	if (err || host[0] < 0 || host[1] < 0)
		return -ENOENT;
	for (round = 0; round < o->rounds; round++)
		for (i = 0; i < NR_MOVES; i++)
			store(&s, owner[i], host, moves[i].name, o->repeat);
	return 0;
}

/* --- under load ----------------------------------------------------------- */

enum { OLD, NEW };

#define TIMEOUT 10000000000ULL /* ns */

struct load {
	const struct bench_options *o;
	struct chain chain;
	int err;
};

static void *generate(void *arg)
{
	struct load *l = arg;

	l->err = bench_pin(l->o->cpu);
	if (!l->err)
		l->err = bench_enter(l->o->client);
	if (!l->err)
		l->err = chain_send(&l->chain, l->o->repeat);
	return NULL;
}

/* Until the sink has so many packets, or 0 if they do not come. */
static uint64_t wait_packets(const struct sink_record *r, uint64_t packets)
{
	uint64_t start = bench_now();

	while (__atomic_load_n(&r->packets, __ATOMIC_RELAXED) < packets)
		if (bench_now() - start > TIMEOUT)
			return 0;
	return bench_now();
}

/* Old and new must meet at one sequence number. */
static uint64_t misdirected(const struct sink_record *r)
{
	int64_t overlap = (int64_t)r[OLD].last - (int64_t)r[NEW].first + 1;

	return (overlap < 0 ? -overlap : overlap) + r[OLD].disorder +
	       r[NEW].disorder;
}

static int flip_once(struct load *l, struct bench_switch *s, int owner,
		     const int host[2])
{
	struct sink_record *r = l->chain.record;
	uint64_t flipped, first, sent;
	pthread_t thread;
	int64_t lost;
	int err;

	bench_move(s, owner, host[OLD]);
	err = chain_reset(&l->chain);
	if (err)
		return err;
	err = pthread_create(&thread, NULL, generate, l);
	if (err)
		return bench_fail(-err, "thread");
	first = wait_packets(&r[OLD], l->o->repeat / 10);
	flipped = bench_now();
	bench_move(s, owner, host[NEW]);
	if (first)
		first = wait_packets(&r[NEW], 1);
	pthread_join(thread, NULL);
	if (l->err)
		return l->err;
	lost = chain_settle(&l->chain, &sent);
	if (lost < 0)
		return lost;
	if (!first || r[NEW].packets < l->o->repeat / 10)
		return bench_fail(-EBADMSG,
				  "no load: %llu packets at the old host, "
				  "%llu at the new one",
				  (unsigned long long)r[OLD].packets,
				  (unsigned long long)r[NEW].packets);
	bench_result("move_lost", lost);
	bench_result("move_torn", r[OLD].torn + r[NEW].torn);
	bench_result("move_misdirected", misdirected(r));
	bench_result("move_first_packet", (first - flipped) / 1e6);
	bench_result("move_load", sent);
	return 0;
}

int bench_flip(const struct bench_options *o)
{
	const struct chain_end ends[SINKS] = {
		[OLD] = { o->host_a, "h0" }, [NEW] = { o->host_b, "h0" }
	};
	struct load l = { .o = o };
	struct bench_switch s;
	int owner, host[2];
	uint32_t round;
	int err;

	err = bench_switch_open(&s, o->bpffs);
	if (!err)
		err = bench_pin(!o->cpu); /* not where the load will be */
	if (!err)
		err = bench_enter(o->sw);
	if (!err)
		err = fill_flows(&s, o->objects, "bench4", OWNER, MANY);
	if (err)
		return err;
	owner = bench_owner(&s, OWNER);
	host[OLD] = bench_host(&s, HOST_A);
	host[NEW] = bench_host(&s, HOST_B);
	if (owner < 0 || host[OLD] < 0 || host[NEW] < 0)
		return -ENOENT;
	err = chain_open(&l.chain, o, &s, "c0", ends, MANY, true);
	for (round = 0; !err && round < o->rounds; round++)
		err = flip_once(&l, &s, owner, host);
	chain_close(&l.chain);
	return err;
}
