// SPDX-License-Identifier: GPL-2.0-only
/* Runs: each from a seed, until an owner has moved often enough. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

#define MOVES 25 /* of one run */
#define LONGEST (20000 * MS)
#define SETTLE (8000 * MS)
#define TICK (10 * MS)
#define BURST 16 /* messages that are sent again in a row */

static struct world w;

static void every(uint64_t period, struct event e)
{
	schedule(&w, period, e);
}

static void begin(uint64_t seed)
{
	world_begin(&w, seed);
	for (uint16_t i = 0; i <= w.hosts; i++) {
		struct node *n = &w.node[i];

		n->offset = draw64(&w) >> 20;
		n->rate = 0.9 + draw(&w, 200) / 1000.0;
		n->up = true;
		n->life = 1;
		node_begin(&w, i);
	}
	switch_begin(&w);
	for (uint16_t i = 0; i <= w.hosts; i++) {
		if (i)
			host_begin(&w, i);
		every(draw(&w, 10) * MS, (struct event){ .kind = EVENT_TICK,
							 .node = i,
							 .life = 1 });
	}
	every(0, (struct event){ .kind = EVENT_DETECT });
	every(500 * MS, (struct event){ .kind = EVENT_FAULT });
	every(MS, (struct event){ .kind = EVENT_ADVERSARY });
	for (uint16_t i = 1; i <= w.owners; i++)
		every(MS, (struct event){ .kind = EVENT_CLIENT,
					  .packet.owner = i });
}

/* What a node does waits while it is frozen, and dies with it. */
static bool is_of_node(enum event_kind kind)
{
	return kind == EVENT_MESSAGE || kind == EVENT_FRAME ||
	       kind == EVENT_CONFIRM || kind == EVENT_REQUEST ||
	       kind == EVENT_TICK;
}

/* True if it is not to be handled now. */
static bool is_kept_from(const struct event *e)
{
	const struct node *n = &w.node[e->node];

	if (!is_of_node(e->kind))
		return false;
	if (!n->up || n->life != e->life) {
		if (e->kind == EVENT_MESSAGE)
			free(e->bytes);
		return true;
	}
	if (w.now >= n->frozen)
		return false;
	schedule(&w, n->frozen - w.now, *e);
	return true;
}

static void tick(const struct event *e)
{
	uint16_t id = e->node;

	if (id)
		host_tick(&w, id);
	else
		switch_tick(&w);
	own_member_tick(&w.node[id].member, local(&w, id));
	every(TICK, *e);
}

/* Mostly to the one that it was for; now and then to another, or damaged. */
static void once_more(uint32_t which, uint64_t in)
{
	struct event e = { .kind = EVENT_MESSAGE, .bytes = recorded(which) };

	if (!e.bytes)
		return;
	e.node = draw(&w, 8) ? e.bytes->to : draw(&w, w.hosts + 1);
	e.life = w.node[e.node].life;
	if (!draw(&w, 8))
		e.bytes->at[draw(&w, e.bytes->size)] ^= 1 << draw(&w, 8);
	schedule(&w, in, e);
}

static void adversary(void)
{
	uint32_t first = recorded_some(&w);

	for (uint32_t i = 0; i < BURST; i++)
		once_more(first + i, i * MS / 10);
}

static void handle(const struct event *e)
{
	switch (e->kind) {
	case EVENT_MESSAGE:
		node_receive(&w, e->node, e->bytes);
		free(e->bytes);
		break;
	case EVENT_FRAME:
	case EVENT_CONFIRM:
	case EVENT_REQUEST:
		host_packet(&w, e->node, e->kind, &e->packet);
		break;
	case EVENT_REPLY:
		switch_reply(&w, &e->packet);
		break;
	case EVENT_CLIENT:
		switch_client(&w, e->packet.owner);
		every((1 + draw(&w, 20)) * MS, *e);
		break;
	case EVENT_TICK:
		tick(e);
		break;
	case EVENT_DETECT:
		if (w.now >= w.node[0].frozen)
			switch_detect(&w);
		every(10 * MS, *e);
		break;
	case EVENT_FAULT:
		if (!w.quiet) {
			fault_random(&w);
			every((1 + draw(&w, w.pace)) * MS, *e);
		}
		break;
	case EVENT_ADVERSARY:
		adversary();
		every((1 + draw(&w, 100)) * MS, *e);
		break;
	case EVENT_REPAIR:
		fault_repair(&w, &e->repair);
		break;
	}
}

/* False: a promise did not hold. */
static bool run(uint64_t seed)
{
	uint64_t end = LONGEST + SETTLE;
	struct event e;

	begin(seed);
	while (!w.violation && next_event(&w, &e) && w.now < end) {
		if (!w.quiet && (w.run_moves >= MOVES || w.now >= LONGEST)) {
			fault_heal(&w);
			end = w.now + SETTLE;
		}
		if (!is_kept_from(&e))
			handle(&e);
	}
	/* Whether it ends well is another question than whether harm is done. */
	if (!w.violation && w.now >= end && !w.ablation)
		check_end(&w);
	w.count.runs++;
	world_end(&w);
	return !w.violation;
}

static const char *const mechanisms[] = {
#define X(name, text) #name,
	MECHANISMS(X)
#undef X
};

static const char *const texts[] = {
#define X(name, text) text,
	MECHANISMS(X)
#undef X
};

static int usage(void)
{
	puts("ownership-sim [--seed N] [--moves N] [--without MECHANISM]\n"
	     "              [--gentle] [--verbose]\n"
	     "\n"
	     "Runs from seed N (default 1) and those after it, until owners "
	     "have moved N\n"
	     "times (default: one run). Ends with 1, and says which seed, if "
	     "a promise does\n"
	     "not hold. With --gentle one thing goes wrong at a time, and "
	     "nothing may be\n"
	     "lost. Mechanisms, and what happens without them:\n");
	for (int i = 0; i < NR_MECHANISMS; i++)
		printf("  %-10s %s\n", mechanisms[i], texts[i]);
	return 2;
}

static bool without(const char *name)
{
	for (int i = 0; i < NR_MECHANISMS; i++)
		if (!strcmp(name, mechanisms[i]))
			return w.ablation = w.without[i] = true;
	return false;
}

static void report(uint64_t seed)
{
	const struct statistics *c = &w.count;

	printf("{\"runs\": %lu, \"last_seed\": %lu, \"moves\": %lu, "
	       "\"returns\": %lu, \"renewed\": %lu, \"losses\": %lu, "
	       "\"told\": %lu, \"messages\": %lu, \"accepted\": %lu, "
	       "\"again\": %lu, \"again_accepted\": %lu, "
	       "\"violations\": %d}\n",
	       c->runs, seed, c->moves, c->returns, c->renewed, c->losses,
	       c->told, c->messages, c->accepted, c->again, c->again_accepted,
	       !!w.violation);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "moves", required_argument, NULL, 'm' },
		{ "without", required_argument, NULL, 'w' },
		{ "gentle", no_argument, NULL, 'g' },
		{ "verbose", no_argument, NULL, 'v' },
		{ 0 },
	};
	uint64_t seed = 1, moves = 0;
	bool good;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (o == 'm')
			moves = strtoull(optarg, NULL, 0);
		else if (o == 'g')
			w.gentle = true;
		else if (o == 'v')
			w.verbose = true;
		else if (o != 'w' || !without(optarg))
			return usage();
	}
	w.cluster = calloc(1, sizeof(*w.cluster));
	w.result = calloc(1, sizeof(*w.result));
	w.ownership = calloc(1, sizeof(*w.ownership));
	if (!w.cluster || !w.result || !w.ownership)
		return 2;
	nodes_begin();
	do
		good = run(seed++);
	while (good && w.count.moves < moves);
	report(seed - 1);
	return !good;
}
