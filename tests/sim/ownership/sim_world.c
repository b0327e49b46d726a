// SPDX-License-Identifier: GPL-2.0-only
/* Time, chance, the network, and the history of states. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

#define RECORDED 4096

/* --- chance ------------------------------------------------------------------------- */

/* xorshift64* (Vigna 2014) */
uint64_t draw64(void *arg)
{
	struct world *w = arg;

	w->rng ^= w->rng >> 12;
	w->rng ^= w->rng << 25;
	w->rng ^= w->rng >> 27;
	return w->rng * 0x2545f4914f6cdd1dULL;
}

uint32_t draw(struct world *w, uint32_t n)
{
	return (draw64(w) >> 32) % n;
}

/* --- history ------------------------------------------------------------------------- */

static struct {
	struct {
		state_id before;
		uint32_t depth;
	} * states;
	uint32_t nr, room;
} history;

state_id state_after(state_id before)
{
	if (history.nr == history.room) {
		history.room = history.room ? 2 * history.room : 4096;
		history.states = reallocarray(history.states, history.room,
					      sizeof(*history.states));
		if (!history.states)
			abort();
	}
	history.states[history.nr].before = before;
	history.states[history.nr].depth = history.states[before].depth + 1;
	return history.nr++;
}

uint32_t state_depth(state_id state)
{
	return history.states[state].depth;
}

bool state_includes(state_id state, state_id earlier)
{
	while (state_depth(state) > state_depth(earlier))
		state = history.states[state].before;
	return state == earlier;
}

static void history_begin(void)
{
	history.nr = 0;
	state_after(0); /* the beginning, before itself */
	history.states[0].depth = 0;
}

/* --- events ---------------------------------------------------------------------------- */

static struct {
	struct event *events; /* a heap: the next is the first */
	size_t nr, room;
} queue;

static struct bytes record[RECORDED];
static uint32_t nr_recorded;

static bool before(const struct event *a, const struct event *b)
{
	return a->time != b->time ? a->time < b->time : a->order < b->order;
}

static void swap(size_t a, size_t b)
{
	struct event e = queue.events[a];

	queue.events[a] = queue.events[b];
	queue.events[b] = e;
}

void schedule(struct world *w, uint64_t in, struct event e)
{
	size_t i = queue.nr;

	if (queue.nr == queue.room) {
		queue.room = queue.room ? 2 * queue.room : 1024;
		queue.events = reallocarray(queue.events, queue.room,
					    sizeof(*queue.events));
		if (!queue.events)
			abort();
	}
	e.time = w->now + in;
	e.order = w->order++;
	queue.events[queue.nr++] = e;
	for (; i && before(&queue.events[i], &queue.events[(i - 1) / 2]);
	     i = (i - 1) / 2)
		swap(i, (i - 1) / 2);
}

bool next_event(struct world *w, struct event *e)
{
	size_t i = 0, least;

	if (!queue.nr)
		return false;
	*e = queue.events[0];
	queue.events[0] = queue.events[--queue.nr];
	for (;; i = least) {
		least = i;
		for (size_t k = 2 * i + 1; k <= 2 * i + 2; k++)
			if (k < queue.nr &&
			    before(&queue.events[k], &queue.events[least]))
				least = k;
		if (least == i)
			break;
		swap(i, least);
	}
	w->now = e->time;
	return true;
}

/* --- the network ------------------------------------------------------------------------- */

/* Mostly soon, now and then late, so that others overtake. */
static uint64_t delay(struct world *w)
{
	return draw(w, 20) ? MS / 10 + draw(w, 1000000) : draw(w, 200) * MS;
}

static bool is_lost(struct world *w, uint16_t from, uint16_t to)
{
	return w->cut[from][to] || draw(w, 1000) < w->loss;
}

static void deliver_bytes(struct world *w, uint16_t to, const struct bytes *b)
{
	struct event e = { .kind = EVENT_MESSAGE,
			   .node = to,
			   .life = w->node[to].life,
			   .bytes = malloc(sizeof(*b)) };

	if (!e.bytes)
		abort();
	*e.bytes = *b;
	schedule(w, delay(w), e);
}

void send_bytes(struct world *w, uint16_t from, uint16_t to, const uint8_t *at,
		size_t size)
{
	struct bytes b = { .size = size, .to = to };

	memcpy(b.at, at, size);
	w->count.messages++;
	record[nr_recorded++ % RECORDED] = b;
	if (is_lost(w, from, to))
		return;
	deliver_bytes(w, to, &b);
	while (draw(w, 1000) < w->repeat)
		deliver_bytes(w, to, &b);
}

/* Of what was said lately or long ago: a piece of it, from here on. */
uint32_t recorded_some(struct world *w)
{
	return nr_recorded < RECORDED ? draw(w, nr_recorded + 1)
				      : nr_recorded - 1 - draw(w, RECORDED);
}

struct bytes *recorded(uint32_t which)
{
	struct bytes *b;

	if (which >= nr_recorded)
		return NULL;
	b = malloc(sizeof(*b));
	if (!b)
		abort();
	*b = record[which % RECORDED];
	b->again = true;
	return b;
}

void send_packet(struct world *w, uint16_t to, enum event_kind kind,
		 const struct packet *p)
{
	if (!is_lost(w, p->from, to))
		schedule(w, delay(w),
			 (struct event){ .kind = kind,
					 .node = to,
					 .life = w->node[to].life,
					 .packet = *p });
}

/* --- the world ------------------------------------------------------------------------------ */

uint64_t local(const struct world *w, uint16_t node)
{
	return w->node[node].offset + w->now * w->node[node].rate;
}

void trace(const struct world *w, const char *format, ...)
{
	va_list args;

	if (!w->verbose)
		return;
	va_start(args, format);
	printf("%12.3f ms  ", w->now / 1e6);
	vprintf(format, args);
	putchar('\n');
	va_end(args);
}

void world_begin(struct world *w, uint64_t seed)
{
	w->seed = seed;
	w->rng = (seed + 1) * 0x9e3779b97f4a7c15ULL;
	w->now = 0;
	w->order = 0;
	w->quiet = false;
	w->violation = NULL;
	w->run_moves = 0;
	w->next_incarnation = 1;
	nr_recorded = 0;
	history_begin();
	memset(w->node, 0, sizeof(w->node));
	memset(w->cut, 0, sizeof(w->cut));
	memset(w->truth, 0, sizeof(w->truth));
	w->hosts = 2 + draw(w, NODES - 2);
	w->owners = 1 + draw(w, OWNERS);
	w->stalls = !draw(w, 4);
	w->pace = 200 << draw(w, 4);
	w->loss = draw(w, 3) ? draw(w, 50) : 0;
	w->repeat = draw(w, 100);
}

void world_end(struct world *w)
{
	struct event e;

	while (next_event(w, &e))
		if (e.kind == EVENT_MESSAGE)
			free(e.bytes);
	for (uint16_t i = 0; i <= w->hosts; i++) {
		own_member_free(&w->node[i].member);
		link_owners_free(&w->node[i].link);
	}
}
