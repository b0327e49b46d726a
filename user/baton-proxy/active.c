// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "exposure.h"
#include "lib/clock.h"
#include "proxy.h"

/* A standby that is behind by so much with what was acknowledged only keeps
 * bytes that nobody needs. */
#define TELL_EVERY (256u << 10)

/* What arrives for a service that this host stands by for has been sent here by
 * a switch that has just made it the owner: its word is not far. */
#define EARLY_MAX 4096 /* packets */
#define EARLY_WAIT 100000000ULL /* ns */

#define EARLY_BYTES (64u << 20) /* all of them */

#define FAIR_SHARE (256u << 10) /* bytes of one side of a connection */

/* What has come goes on before the standby is written to if it is no more: a
 * question, say, whose answer somebody waits for. Of more than that it is the
 * acknowledgement, which the standby's answer lets out. Bytes. */
#define LITTLE 4096

#define AT_ONCE 256 /* packets, before the rest of the loop has its turn */

/* --- whose is it? -------------------------------------------------------------- */

/* The service of a connection that is not known; *which side of it. */
struct service *active_service(struct proxy *p, const struct tuple *t,
			       int *which)
{
	for (size_t i = 0; i < p->config->nr_services; i++)
		for (*which = CLIENT; *which < NR_SIDES; ++*which)
			if (config_service_has(&p->config->services[i], t,
					       *which))
				return &p->service[i];
	return NULL;
}

static bool plays(const struct service *s)
{
	return s->role == BATON_LINK_ROLE_OWNER && !s->fresh;
}

static bool may_go(const struct service *s)
{
	return s->config->on_loss == ON_LOSS_GO_ON;
}

/* --- before the switch's word ---------------------------------------------------- */

struct early {
	struct service *service;
	uint64_t at; /* ns */
	struct queued q;
	uint8_t *bytes;
};

static bool keep_early(struct proxy *p, struct service *service,
		       const struct queued *q)
{
	uint8_t *bytes;

	if (!p->early)
		p->early = calloc(EARLY_MAX, sizeof(*p->early));
	if (!p->early || p->nr_early == EARLY_MAX ||
	    p->early_bytes + q->len > EARLY_BYTES)
		return false;
	bytes = malloc(q->len);
	if (!bytes)
		return false;
	memcpy(bytes, q->packet, q->len);
	p->early_bytes += q->len;
	p->early[p->nr_early++] =
		(struct early){ service, clock_ns(), *q, bytes };
	return true;
}

/* --- what comes in ---------------------------------------------------------------- */

static bool begins(const struct segment *s)
{
	return (s->flags & (SEGMENT_SYN | SEGMENT_ACK)) == SEGMENT_SYN;
}

/* The side that a segment is for, which may begin it; *service: whose it would
 * be, if there is none. */
static struct side *find_side(struct proxy *p, const struct segment *s,
			      struct service **service)
{
	struct side *side = replica_find(&p->replica, &s->tuple);
	struct conn *c;
	int which;

	if (side) {
		*service = &p->service[side_conn(side)->service];
		return side;
	}
	*service = active_service(p, &s->tuple, &which);
	if (!*service || !plays(*service) || !begins(s) || which != CLIENT)
		return NULL;
	c = replica_open(&p->replica, (*service)->index, &s->tuple);
	if (!c) {
		p->count.refused++;
		return NULL;
	}
	c->synced = p->guardian && !(*service)->syncing && !(*service)->unkept;
	return &c->side[CLIENT];
}

/* Has all that it brings been there before? */
static bool is_repetition(const struct side *side, const struct segment *s)
{
	uint32_t end = s->seq + s->length;

	return track_is_open(&side->track) &&
	       !seq_before(track_next_in(&side->track), end);
}

/* Is the standby to know of it at once? */
static bool is_news(const struct side *side, const struct segment *s,
		    bool was_open, bool repeats)
{
	return (s->length && !repeats) ||
	       s->flags & (SEGMENT_SYN | SEGMENT_FIN | SEGMENT_RST) ||
	       !was_open || side->track.end_acked ||
	       side->track.acked - side->told >= TELL_EVERY;
}

/* Does it bring what has to be stored before it is acknowledged? */
static bool is_to_store(const struct service *service, const struct segment *s,
			bool was_open)
{
	if (!policy_holds(service->config->policy))
		return false;
	return s->length || !was_open ||
	       s->flags & (SEGMENT_SYN | SEGMENT_FIN | SEGMENT_RST);
}

/* There is no socket for it yet; what it brought is known now. It may be the
 * answer that the takeover waits for. False: the connection is gone. */
static bool use_up(struct proxy *p, struct side *side, const struct segment *s,
		   const struct queued *q)
{
	queue_drop(&p->in, q->id);
	return !takeover_awaits(p, side, s) || takeover_answer(p, side);
}

/* A segment that the replica knows now. `stored`: the standby will, when it has
 * confirmed what was sent; `store`: it has to. False: the connection is gone. */
static bool deliver(struct proxy *p, const struct service *service,
		    struct side *side, const struct segment *s,
		    const struct queued *q, bool store, bool stored)
{
	p->count.unconfirmed += !stored;
	if (store && !stored && !may_go(service))
		queue_drop(&p->in, q->id);
	else if (takeover_lacks(side))
		return use_up(p, side, s, q);
	else
		queue_accept(&p->in, q);
	return true;
}

/* The standby is told of a packet; `before`: the bytes before it. */
static bool tell(struct service *service, struct side *side,
		 const struct queued *q, uint64_t before)
{
	struct proxy *p = service->proxy;

	if (!guard_send(service, MESSAGE_IN, q->packet, q->len))
		return false;
	conn_tell(side_conn(side), p->sent, p->acked, before);
	p->told_bytes += q->len;
	side->told = side->track.acked;
	side->news = p->sent;
	return true;
}

/* When all memory is used each connection may still keep a little. */
static bool may_keep(const struct proxy *p, const struct side *side,
		     const struct segment *s)
{
	return !s->length ||
	       p->replica.pool.used < (uint64_t)p->config->memory << 20 ||
	       side->track.kept + s->length <= FAIR_SHARE;
}

/* It goes on, but nowhere else: to drop what it brings until others need less
 * would make its sender wait for ever longer. */
static void unprotect(struct proxy *p, struct service *service, struct conn *c,
		      const struct queued *q)
{
	p->count.no_memory++;
	guard_gone(service, c);
	queue_accept(&p->in, q);
}

/* The kernel of a new owner is told of no more than it knows of. */
static void catch_up(struct proxy *p, struct side *side,
		     const struct segment *s, struct queued *q)
{
	uint32_t sent;

	if (!takeover_behind(side, &sent))
		return;
	q->changed = clamp_in(sent, side->track.scale_in, s, q->packet, q->len);
	p->count.ahead += q->changed;
}

static void take_in(struct proxy *p, struct service *service, struct side *side,
		    const struct segment *s, struct queued *q)
{
	struct conn *c = side_conn(side);
	bool was_open = track_is_open(&side->track), stored = c->synced;
	bool repeats = is_repetition(side, s), room = may_keep(p, side, s);
	uint64_t before = conn_received(c);
	enum track_verdict verdict;

	c->touched = clock_ns();
	if (!room && may_go(service) && !c->takeover) {
		unprotect(p, service, c, q);
		return;
	}
	verdict = room ? replica_in(side, s, REPLICA_ROOM) : TRACK_DROP;
	if (verdict == TRACK_DROP) {
		p->count.no_room++;
		queue_drop(&p->in, q->id);
		return;
	}
	if (policy_clamps(service->config->policy)) {
		if (side->which == SERVER)
			withhold_advance(p, c);
		else if (verdict == TRACK_NOTHING)
			withhold_asked(p, c, s);
	}
	/* what tells nothing new is stored with what was sent before */
	if (stored && verdict == TRACK_TAKEN &&
	    is_news(side, s, was_open, repeats))
		stored = tell(service, side, q, before);
	catch_up(p, side, s, q);
	if (deliver(p, service, side, s, q, is_to_store(service, s, was_open),
		    stored) &&
	    replica_is_over(c) && !c->takeover)
		replica_remove(&p->replica, c);
}

static void look(struct proxy *p, struct queued *q)
{
	struct service *service;
	struct side *side;
	struct segment s;

	/* what the kernel would not take must not change anything either */
	if (segment_parse(&s, q->packet, q->len, true) ||
	    (!q->verified && !segment_is_sound(q->packet, q->len))) {
		queue_drop(&p->in, q->id);
		return;
	}
	side = find_side(p, &s, &service);
	if (service && !plays(service)) {
		if (service->complete && keep_early(p, service, q))
			return;
		p->count.silenced++;
		queue_drop(&p->in, q->id);
	} else if (!side && service && begins(&s)) {
		/* one too many: it is not answered, and may be repeated */
		queue_drop(&p->in, q->id);
	} else if (!side) {
		queue_accept(&p->in, q);
	} else {
		take_in(p, service, side, &s, q);
	}
}

static void on_out(void *arg, struct queued *q);

/* What is on its way out does not wait for all that is on its way in. */
static void drain(struct proxy *p)
{
	queue_read(&p->out, on_out, p, AT_ONCE);
}

/* To make a socket takes long, and there are many to make: the first words of each
 * go out before the next one is made. */
static void on_in(void *arg, struct queued *q)
{
	struct proxy *p = arg;
	bool taking = p->takeovers;

	look(p, q);
	if (taking)
		drain(p);
}

void active_begin(struct service *s)
{
	struct proxy *p = s->proxy;
	uint32_t kept = 0;

	/* the questions, behind all that is of an earlier time: that was looked at
	 * when there is an answer, and so a socket */
	drain(p);
	for (uint32_t i = 0; i < p->nr_early; i++) {
		struct early *e = &p->early[i];

		if (e->service != s) {
			p->early[kept++] = *e;
			continue;
		}
		e->q.packet = e->bytes;
		on_in(p, &e->q);
		p->early_bytes -= e->q.len;
		free(e->bytes);
	}
	p->nr_early = kept;
}

void active_tick(struct proxy *p, uint64_t now)
{
	uint32_t old = 0;

	while (old < p->nr_early && now - p->early[old].at > EARLY_WAIT) {
		queue_drop(&p->in, p->early[old].q.id);
		p->early_bytes -= p->early[old].q.len;
		free(p->early[old++].bytes);
		p->count.silenced++;
	}
	p->nr_early -= old;
	memmove(p->early, p->early + old, p->nr_early * sizeof(*p->early));
}

/* --- what goes out ------------------------------------------------------------------ */

/* It leaves when the standby has stored all up to this message, which it was sent
 * if `stored`. */
static void leave_after(struct proxy *p, const struct service *service,
			struct conn *c, const struct queued *q, bool stored,
			uint64_t sequence)
{
	if (!stored && !may_go(service)) {
		queue_drop(&p->out, q->id);
	} else if (!stored || sequence <= p->acked) {
		waiting_let_go(&p->out.waiting, q, stored, c, service);
	} else {
		p->count.held++;
		if (waiting_add(&p->out.waiting, q, sequence, may_go(service),
				c, service))
			queue_drop(&p->out, q->id);
	}
}

/* A SYN-ACK waits until the standby knows the connection; so does the end of
 * one. */
static void take_word(struct proxy *p, struct service *service,
		      struct side *side, const struct segment *s,
		      const struct queued *q)
{
	struct conn *c = side_conn(side);
	bool stored = false;

	track_out(&side->track, s);
	if (c->synced)
		stored = guard_send(service, MESSAGE_OUT, q->packet, q->len);
	leave_after(p, service, c, q, stored, p->sent);
}

/*
 * What acknowledges more than the standby has waits for it. So does a FIN: a byte
 * that goes to an end before the standby has it is repeated by its sender, but
 * how a stream ends nobody could tell from what the end says of it.
 */
static void let_out(struct proxy *p, struct service *service, struct side *side,
		    const struct segment *s, const struct queued *q)
{
	struct conn *c = side_conn(side);
	bool fin = s->flags & SEGMENT_FIN;

	if ((c->synced ? side->news <= p->acked : may_go(service)) &&
	    claims_gate(service, c->synced))
		replica_assure(side);
	if (!policy_holds(service->config->policy) ||
	    (!fin && !replica_tells(side, s)))
		queue_accept(&p->out, q);
	else
		leave_after(p, service, c, q, c->synced,
			    fin ? c->told : side->news);
}

static void take_out(struct proxy *p, struct service *service,
		     struct side *side, const struct segment *s,
		     struct queued *q)
{
	struct conn *c = side_conn(side);

	if (s->flags & (SEGMENT_SYN | SEGMENT_RST))
		take_word(p, service, side, s, q);
	else if (side->which == SERVER ||
		 !policy_clamps(service->config->policy) ||
		 withhold_out(p, c, s, q))
		let_out(p, service, side, s, q);
	else
		queue_drop(&p->out, q->id);
	if (replica_is_over(c) && !c->takeover)
		replica_remove(&p->replica, c);
}

/*
 * A kernel that has no socket for it yet has no end to tell of: what it says is
 * about a packet that it was given before, or a socket of an earlier time.
 */
static bool is_nobodys(struct side *side, const struct segment *s)
{
	return takeover_lacks(side) && s->flags & (SEGMENT_FIN | SEGMENT_RST);
}

/*
 * A kernel is given nothing that the replica does not know, so it acknowledges no
 * more; but a socket of an earlier time may have had more than the owners since.
 */
static bool is_stale(const struct side *side, const struct segment *s)
{
	return s->flags & SEGMENT_ACK && side->track.opened_in &&
	       seq_before(track_next_in(&side->track), s->ack);
}

static void on_out(void *arg, struct queued *q)
{
	struct proxy *p = arg;
	struct service *service;
	struct side *side;
	struct segment s;
	int which;

	if (segment_parse_head(&s, q->packet, q->len, q->whole)) {
		queue_drop(&p->out, q->id);
		return;
	}
	side = replica_find(&p->replica, &s.tuple);
	service = side ? &p->service[side_conn(side)->service]
		       : active_service(p, &s.tuple, &which);
	if (service && (!plays(service) || (side && is_nobodys(side, &s)))) {
		p->count.silenced++;
		queue_drop(&p->out, q->id);
	} else if (side && is_stale(side, &s)) {
		p->count.stale++;
		queue_drop(&p->out, q->id);
	} else if (side) {
		take_out(p, service, side, &s, q);
	} else if (service && !claims_is_named(service)) {
		/* of what it does not know another memory may */
		waiting_let_go(&p->out.waiting, q, true, NULL, service);
	} else {
		queue_accept(&p->out, q);
	}
}

/* --- the queues ----------------------------------------------------------------------- */

void active_release(struct proxy *p, uint64_t sequence)
{
	p->acked = sequence;
	waiting_release(&p->out.waiting, sequence);
	commits_release(p, sequence);
}

static void on_poll_in(uv_poll_t *poll, int status, int events)
{
	struct proxy *p = poll->data;

	(void)status;
	(void)events;
	p->told_bytes = 0;
	queue_read(&p->in, on_in, p, AT_ONCE);
	if (p->told_bytes > LITTLE)
		return;
	relays_poll(&p->relays);
	drain(p);
}

static void on_poll_out(uv_poll_t *poll, int status, int events)
{
	struct proxy *p = poll->data;

	(void)status;
	(void)events;
	drain(p);
}

/* Only what is changed on its way out is needed as a whole. */
static uint32_t range_out(const struct config *c)
{
	for (size_t i = 0; i < c->nr_services; i++)
		if (policy_clamps(c->services[i].policy))
			return QUEUE_WHOLE;
	return QUEUE_HEADERS;
}

int active_open(struct proxy *p, char *why, size_t size)
{
	int err = queue_open(&p->in, p->config->queue, QUEUE_WHOLE, why, size);

	if (err)
		return err;
	err = queue_open(&p->out, p->config->queue + 1, range_out(p->config),
			 why, size);
	if (err)
		return err;
	uv_poll_init(p->loop, &p->poll_in, queue_fd(&p->in));
	uv_poll_init(p->loop, &p->poll_out, queue_fd(&p->out));
	p->poll_in.data = p;
	p->poll_out.data = p;
	uv_poll_start(&p->poll_in, UV_READABLE, on_poll_in);
	uv_poll_start(&p->poll_out, UV_READABLE, on_poll_out);
	return 0;
}
