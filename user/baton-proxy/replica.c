// SPDX-License-Identifier: GPL-2.0-only
#include "replica.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS (1u << 16)

int replica_init(struct replica *r, uint64_t seed)
{
	memset(r, 0, sizeof(*r));
	r->buckets = calloc(BUCKETS, sizeof(struct side *));
	r->mask = BUCKETS - 1;
	r->seed = seed | 1;
	r->max = 100000;
	return r->buckets ? 0 : -ENOMEM;
}

void replica_free(struct replica *r)
{
	for (uint16_t i = 0; i < REPLICA_SERVICES; i++)
		replica_clear(r, i);
	free(r->buckets);
	r->buckets = NULL;
}

static struct side **bucket(const struct replica *r, const struct tuple *t)
{
	uint64_t words[sizeof(*t) / 8], h = r->seed;

	_Static_assert(sizeof(*t) % 8 == 0, "whole words");
	memcpy(words, t, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / 8; i++) {
		h = (h ^ words[i]) * 0x9e3779b97f4a7c15;
		h ^= h >> 29;
	}
	return &r->buckets[(h ^ h >> 32) & r->mask];
}

struct side *replica_find(const struct replica *r, const struct tuple *t)
{
	struct side *s = *bucket(r, t);

	while (s && memcmp(&s->tuple, t, sizeof(*t)))
		s = s->chain;
	return s;
}

static void enter(struct replica *r, struct side *s, const struct tuple *t)
{
	struct side **b = bucket(r, t);

	s->tuple = *t;
	s->known = true;
	s->chain = *b;
	*b = s;
}

static void leave(struct replica *r, struct side *s)
{
	struct side **b = bucket(r, &s->tuple);

	if (!s->known)
		return;
	while (*b != s)
		b = &(*b)->chain;
	*b = s->chain;
	s->known = false;
}

struct conn *replica_add(struct replica *r, uint16_t service,
			 const struct tuple *client)
{
	struct conn *c;

	if (service >= REPLICA_SERVICES || r->nr[service] >= r->max)
		return NULL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->service = service;
	for (int i = 0; i < NR_SIDES; i++) {
		c->side[i].which = i;
		track_init(&c->side[i].track);
	}
	enter(r, &c->side[CLIENT], client);
	c->next = r->conns[service];
	c->prev = &r->conns[service];
	if (c->next)
		c->next->prev = &c->next;
	*c->prev = c;
	r->nr[service]++;
	return c;
}

size_t replica_greeting(const struct replica *r, uint16_t service,
			const struct tuple *client,
			uint8_t bytes[REPLICA_GREETING_MAX])
{
	return r->greeting ? r->greeting(r, service, client, bytes) : 0;
}

struct conn *replica_open(struct replica *r, uint16_t service,
			  const struct tuple *client)
{
	struct conn *c = replica_add(r, service, client);
	uint8_t bytes[REPLICA_GREETING_MAX];
	size_t length;

	if (!c)
		return NULL;
	length = replica_greeting(r, service, client, bytes);
	if (!track_prefix(&c->side[CLIENT].track, bytes, length))
		return c;
	replica_remove(r, c);
	return NULL;
}

int replica_pair(struct replica *r, struct conn *c, const struct tuple *server)
{
	if (c->side[SERVER].known)
		return -EALREADY;
	if (replica_find(r, server))
		return -EEXIST;
	enter(r, &c->side[SERVER], server);
	return 0;
}

void replica_unpair(struct replica *r, struct conn *c)
{
	leave(r, &c->side[SERVER]);
	track_free(&c->side[SERVER].track);
	track_init(&c->side[SERVER].track);
}

void replica_remove(struct replica *r, struct conn *c)
{
	if (r->on_gone)
		r->on_gone(r, c);
	for (int i = 0; i < NR_SIDES; i++) {
		leave(r, &c->side[i]);
		track_free(&c->side[i].track);
	}
	*c->prev = c->next;
	if (c->next)
		c->next->prev = c->prev;
	r->nr[c->service]--;
	free(c->clamp);
	free(c);
}

void replica_clear(struct replica *r, uint16_t service)
{
	while (r->conns[service])
		replica_remove(r, r->conns[service]);
}

enum track_verdict replica_in(struct side *side, const struct segment *s,
			      uint32_t room)
{
	struct track *other = &side_other(side)->track;
	enum track_verdict verdict;

	side->track.limit = room;
	verdict = track_in(&side->track, s, other->received, other->end_in);
	track_trim(other, side->track.acked);
	return verdict;
}

struct clamp_limit replica_limit(const struct conn *c)
{
	const struct track *client = &c->side[CLIENT].track;
	const struct track *server = &c->side[SERVER].track;
	/* its FIN is done when the server has acknowledged ours; what it is
	 * greeted with is not the client's */
	bool end = client->end_in && server->end_acked;
	uint64_t done = server->acked > client->prefix ? server->acked
						       : client->prefix;

	return (struct clamp_limit){
		.ack = client->seq_in + 1 + (uint32_t)done + end,
		.una = track_next_out(client),
		.scale = client->scale_out,
	};
}

bool replica_is_over(const struct conn *c)
{
	const struct side *server = &c->side[SERVER];

	if (c->side[CLIENT].track.reset || server->track.reset)
		return true;
	return track_is_over(&c->side[CLIENT].track) &&
	       (!server->known || track_is_over(&server->track));
}

size_t replica_memory(const struct conn *c)
{
	return sizeof(*c) + (c->clamp ? sizeof(*c->clamp) : 0) +
	       track_memory(&c->side[CLIENT].track) +
	       track_memory(&c->side[SERVER].track);
}
