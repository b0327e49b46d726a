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
	for (int i = 0; i < REPLICA_SERVICES; i++)
		r->max[i] = UINT32_MAX;
	r->pool.limit = UINT64_MAX;
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

struct conn *conn_new(struct replica *r, uint16_t service)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL; /* calloc() has set errno */
	c->service = service;
	for (int i = 0; i < NR_SIDES; i++) {
		c->side[i].which = i;
		track_init(&c->side[i].track);
		c->side[i].track.pool = &r->pool;
	}
	if (service < REPLICA_SERVICES && r->local[service]) {
		struct track *t = &c->side[SERVER].track;

		c->local = t->opened_in = t->opened_out = t->answered = true;
	}
	return c;
}

void conn_free(struct conn *c)
{
	for (int i = 0; i < NR_SIDES; i++)
		track_free(&c->side[i].track);
	free(c->clamp);
	free(c);
}

/* As bytes they are compared, so each has one way to be written. */
static bool tuple_is_sound(const struct tuple *t)
{
	static const __be32 none[3];

	if (t->zero[0] || t->zero[1] || t->zero[2])
		return false;
	return t->family == 6 ||
	       (t->family == 4 && !memcmp(t->local + 1, none, sizeof(none)) &&
		!memcmp(t->remote + 1, none, sizeof(none)));
}

static int may_enter(const struct replica *r, const struct conn *c, int which,
		     const struct tuple *t)
{
	if (!tuple_is_sound(t) ||
	    (r->fits && !r->fits(r, c->service, which, t)))
		return -EBADMSG;
	return replica_find(r, t) ? -EEXIST : 0;
}

int replica_enter(struct replica *r, struct conn *c)
{
	bool paired = c->side[SERVER].tuple.family;
	int err = 0;

	if (c->service >= REPLICA_SERVICES)
		return -EBADMSG;
	if (r->nr[c->service] >= r->max[c->service])
		return -ENOBUFS;
	for (int i = 0; i <= paired && !err; i++)
		err = may_enter(r, c, i, &c->side[i].tuple);
	if (err)
		return err;
	for (int i = 0; i <= paired; i++)
		enter(r, &c->side[i], &c->side[i].tuple);
	c->next = r->conns[c->service];
	c->prev = &r->conns[c->service];
	if (c->next)
		c->next->prev = &c->next;
	*c->prev = c;
	r->nr[c->service]++;
	return 0;
}

struct conn *replica_add(struct replica *r, uint16_t service,
			 const struct tuple *client)
{
	struct conn *c = conn_new(r, service);
	int err;

	if (!c)
		return NULL;
	c->side[CLIENT].tuple = *client;
	err = replica_enter(r, c);
	if (!err)
		return c;
	conn_free(c);
	errno = -err;
	return NULL;
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
	int err;

	if (!c)
		return NULL;
	length = replica_greeting(r, service, client, bytes);
	err = track_prefix(&c->side[CLIENT].track, bytes, length);
	if (!err)
		return c;
	replica_remove(r, c);
	errno = -err;
	return NULL;
}

int replica_pair(struct replica *r, struct conn *c, const struct tuple *server)
{
	int err;

	if (c->side[SERVER].known)
		return -EALREADY;
	err = may_enter(r, c, SERVER, server);
	if (!err)
		enter(r, &c->side[SERVER], server);
	return err;
}

void replica_unpair(struct replica *r, struct conn *c)
{
	leave(r, &c->side[SERVER]);
	memset(&c->side[SERVER].tuple, 0, sizeof(struct tuple));
	track_free(&c->side[SERVER].track);
	track_init(&c->side[SERVER].track);
	c->side[SERVER].track.pool = &r->pool;
}

void replica_remove(struct replica *r, struct conn *c)
{
	if (r->on_gone)
		r->on_gone(r, c);
	for (int i = 0; i < NR_SIDES; i++)
		leave(r, &c->side[i]);
	*c->prev = c->next;
	if (c->next)
		c->next->prev = c->prev;
	r->nr[c->service]--;
	conn_free(c);
}

struct conn *replica_any(const struct replica *r, uint64_t random)
{
	for (uint32_t i = 0; i <= r->mask; i++) {
		struct side *s = r->buckets[(random + i) & r->mask];

		for (; s; s = s->chain)
			if (side_conn(s)->synced && side_conn(s)->relay &&
			    !side_conn(s)->takeover)
				return side_conn(s);
	}
	return NULL;
}

void replica_forget(struct replica *r, uint16_t service, uint64_t now,
		    uint64_t time)
{
	for (struct conn *c = r->conns[service], *next; c; c = next) {
		next = c->next;
		if (now - c->touched > time)
			replica_remove(r, c);
	}
}

void replica_clear(struct replica *r, uint16_t service)
{
	while (r->conns[service])
		replica_remove(r, r->conns[service]);
}

/* The client's end is done when all before it is. */
static void settle_end(struct conn *c)
{
	const struct track *client = &c->side[CLIENT].track;
	struct track *server = &c->side[SERVER].track;

	server->end_acked = client->end_in && server->acked == client->received;
}

enum track_verdict replica_in(struct side *side, const struct segment *s,
			      uint32_t room)
{
	struct track *other = &side_other(side)->track;
	enum track_verdict verdict;

	side->track.limit = room;
	verdict = track_in(&side->track, s, other->received, other->end_in);
	/* a socket that is being made may begin with older bytes: the last
	 * words of the old owner can overtake the answer to the new one */
	if (!side_conn(side)->takeover)
		track_trim(other, side->track.acked);
	if (side_conn(side)->local)
		settle_end(side_conn(side));
	return verdict;
}

int replica_commit(struct conn *c, const struct cut *cut, const uint8_t *bytes,
		   uint32_t room)
{
	struct track *client = &c->side[CLIENT].track;
	struct track *server = &c->side[SERVER].track;
	uint64_t length = cut->output - server->received;
	int err;

	if (!c->local || cut->input < server->acked ||
	    cut->input > client->received || cut->output < server->received ||
	    length > room || (server->end_in && (length || !cut->end)))
		return -EBADMSG;
	server->limit = room;
	err = track_append(server, bytes, length);
	if (err)
		return err;
	server->acked = cut->input;
	server->end_in = cut->end;
	server->end_at = cut->end ? cut->output : 0;
	settle_end(c);
	track_trim(client, server->acked);
	return 0;
}

void replica_assure(struct side *side)
{
	const struct track *t = &side->track;

	side->sure = track_next_in(t) - t->seq_in;
}

bool replica_tells(const struct side *side, const struct segment *s)
{
	/* what a SACK block names has come after something that has not */
	return s->flags & SEGMENT_ACK &&
	       (s->sack_block ||
		seq_before(side->track.seq_in + side->sure, s->ack));
}

void replica_inherit(struct conn *c)
{
	bool open = !c->local && track_is_open(&c->side[CLIENT].track) &&
		    track_is_open(&c->side[SERVER].track);

	for (int i = 0; i < NR_SIDES; i++) {
		struct track *t = &c->side[i].track;
		const struct track *other = &c->side[!i].track;
		uint64_t reach = other->received;

		if (open && !other->end_in)
			reach += REPLICA_ROOM;
		if (reach > t->reach)
			t->reach = reach;
		replica_assure(&c->side[i]);
	}
	c->released = c->side[SERVER].track.acked;
}

void replica_hand_over(struct conn *c)
{
	free(c->clamp);
	c->clamp = NULL;
	c->synced = false;
	c->played = true;
}

void replica_doubt(struct conn *c)
{
	for (int i = 0; i < NR_SIDES; i++)
		c->side[i].sure = 0;
}

void replica_trim(struct conn *c)
{
	for (int i = 0; i < NR_SIDES; i++)
		track_trim(&c->side[!i].track, c->side[i].track.acked);
}

struct clamp_limit replica_limit(const struct conn *c)
{
	const struct track *client = &c->side[CLIENT].track;
	const struct track *server = &c->side[SERVER].track;
	uint64_t done = c->local ? c->released : server->acked;
	/* its FIN is done when the server has acknowledged ours */
	bool end = client->end_in &&
		   (c->local ? done == client->received : server->end_acked);

	if (done < client->prefix) /* what it is greeted with is not its own */
		done = client->prefix;

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
	       ((!server->known && !c->local) || track_is_over(&server->track));
}

/* --- what can be -------------------------------------------------------------- */

/* Streams that are longer have never been sent. */
#define LONGEST (UINT64_C(1) << 62)

static bool is_scale(uint8_t scale)
{
	return scale <= SEGMENT_SCALE_MAX || scale == SEGMENT_NO_SCALE;
}

static bool handshake_is_sound(const struct track *t)
{
	bool both = t->opened_in && t->opened_out;

	if (!is_scale(t->scale_in) || !is_scale(t->scale_out))
		return false;
	if (t->answered && !both)
		return false;
	if (!t->opened_in)
		return !t->mss_in && t->scale_in == SEGMENT_NO_SCALE &&
		       t->received == t->prefix && !t->nr_ranges &&
		       !t->end_ahead;
	return !both || (t->scale_in == SEGMENT_NO_SCALE) ==
				(t->scale_out == SEGMENT_NO_SCALE);
}

static bool end_is_sound(const struct track *t)
{
	uint64_t last = t->nr_ranges ? t->ranges[t->nr_ranges - 1].end
				     : t->received;

	if (t->end_in)
		return !t->end_ahead && t->end_at == t->received &&
		       !t->nr_ranges;
	if (t->end_ahead)
		return t->end_at > t->received && t->end_at >= last;
	return !t->end_at;
}

static bool acked_is_sound(const struct track *t, const struct track *other)
{
	return t->acked <= other->received ||
	       (!other->end_in && t->acked <= t->reach);
}

static bool track_is_sound(const struct track *t, const struct track *other)
{
	return handshake_is_sound(t) && end_is_sound(t) &&
	       t->window <= t->window_max &&
	       t->window_max <= UINT16_MAX << SEGMENT_SCALE_MAX &&
	       t->received < LONGEST && t->end_at < LONGEST &&
	       t->kept <= t->received && t->received >= t->prefix &&
	       t->reach < LONGEST && acked_is_sound(t, other) &&
	       /* what the other end may still need is there */
	       t->received - t->kept <= other->acked &&
	       (!t->end_acked ||
		(other->end_in && t->acked == other->received));
}

static bool is_nobody(const struct tuple *t)
{
	static const struct tuple nobody;

	return !memcmp(t, &nobody, sizeof(nobody));
}

/* A server that has not been reached, or an application. */
static bool server_is_sound(const struct conn *c)
{
	const struct side *s = &c->side[SERVER];

	if (c->local) /* it has what it was given by a replica */
		return is_nobody(&s->tuple) && track_is_open(&s->track) &&
		       s->track.acked <= c->side[CLIENT].track.received;
	return tuple_is_sound(&s->tuple) ||
	       (is_nobody(&s->tuple) && !s->track.opened_in &&
		!s->track.opened_out);
}

bool conn_is_sound(const struct conn *c)
{
	const struct side *client = &c->side[CLIENT],
			  *server = &c->side[SERVER];

	return tuple_is_sound(&client->tuple) && server_is_sound(c) &&
	       track_is_sound(&client->track, &server->track) &&
	       track_is_sound(&server->track, &client->track);
}

size_t replica_memory(const struct conn *c)
{
	return sizeof(*c) + (c->clamp ? sizeof(*c->clamp) : 0) +
	       track_memory(&c->side[CLIENT].track) +
	       track_memory(&c->side[SERVER].track);
}
