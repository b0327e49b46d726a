// SPDX-License-Identifier: GPL-2.0-only
/*
 * Connections of the replica become sockets (rows P5, K6). The switch sends
 * everything here already, and does not hear the old owner any more; so each
 * end is asked where it is (probe_endpoint.h), and does not move after that
 * until we speak.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/urgent.h"
#include "proxy.h"
#include "repair.h"
#include "sockets.h"

#define TICK 2 /* ms */
#define FIRST 10000000ULL /* ns, until a probe is repeated; then doubled */
#define SLOWEST 1000000000ULL
#define BATCH 64 /* segments that are sent together */

/* So long a takeover goes ahead of all else: enough for thousands of connections,
 * and not for those whose ends do not answer. */
#define URGENT 500000000ULL /* ns */

#define NOT_KNOWN "an end does not know it"

/* One side, on its way to a socket. */
struct taken {
	struct probe probe;
	bool done; /* its end has said where it is, or has nothing more to say */
	int fd; /* -1: none is needed */

	/* done: as the socket was made, what it does not know */
	uint32_t snd_nxt;
	uint64_t received; /* of the other end's stream */
	uint64_t from; /* in ours: what is to be sent first */
	bool ended, silent;
};

struct takeover {
	struct takeover *next, **prev;
	struct conn *conn;
	struct taken side[NR_SIDES];
	/* a half-open client's SYN-ACK is repeated; 0: it is not half-open */
	uint64_t due, interval;
	uint64_t until; /* for no longer than this */
};

static struct takeover *of(const struct conn *c)
{
	return c->takeover;
}

static void hurry(struct proxy *p, uint64_t now)
{
	if (!p->urgent)
		urgent_begin();
	p->urgent = now + URGENT;
}

static void calm_down(struct proxy *p)
{
	if (p->urgent)
		urgent_end();
	p->urgent = 0;
}

static void unlink_takeover(struct proxy *p, struct takeover *t)
{
	struct service *s = &p->service[t->conn->service];

	for (int i = 0; i < NR_SIDES; i++)
		if (t->side[i].probe.link)
			probes_remove(&p->probes, &t->side[i].probe);
	*t->prev = t->next;
	if (t->next)
		t->next->prev = t->prev;
	t->conn->takeover = NULL;
	if (!--s->taking)
		log_notice("service %s: the last of them after %.1f ms",
			   s->config->name, (clock_ns() - s->took_from) / 1e6);
	free(t);
	if (!p->takeovers)
		calm_down(p);
}

void takeover_forget(struct proxy *p, struct conn *c)
{
	struct takeover *t = of(c);

	if (!t)
		return;
	for (int i = 0; i < NR_SIDES; i++)
		if (t->side[i].fd >= 0)
			repair_close(t->side[i].fd);
	unlink_takeover(p, t);
}

static void send_one(struct proxy *p, const struct segment *s)
{
	int err;

	probe_send(&p->raw, s, 1, &err);
}

/* It cannot be kept: both ends are told honestly. */
static void give_up(struct proxy *p, struct conn *c, const char *why)
{
	const struct takeover *t = of(c);

	log_warning("service %s: a connection cannot be taken over: %s",
		    p->service[c->service].config->name, why);
	p->count.lost++;
	for (int i = 0; i < NR_SIDES; i++)
		if (c->side[i].known && !track_is_over(&c->side[i].track))
			reset_say(p, &c->side[i],
				  t->side[i].probe.track
					  ? t->side[i].probe.ack
					  : track_next_out(&c->side[i].track));
	takeover_forget(p, c);
	guard_gone(&p->service[c->service], c);
}

/* --- both sides are there -------------------------------------------------------- */

/* What one side's socket will not bring, as it arrived before. A server that has
 * yet to be reached is sent it from the beginning; an application when it has
 * the connection. */
static int pend(struct relay *r, const struct takeover *t, int to)
{
	uint64_t at = t->side[to].from, end = t->side[!to].received;
	const struct conn *c = t->conn;
	bool over = (c->side[to].known || c->local) && t->side[to].fd < 0;
	const uint8_t *bytes;

	if (over || at >= end)
		return 0;
	if (track_bytes(&c->side[!to].track, at, &bytes) < end - at)
		return -EIO; /* never: it is kept until it is acknowledged */
	return relay_pend(r, to, bytes, end - at);
}

static bool finish(struct proxy *p, struct takeover *t)
{
	struct conn *c = t->conn;
	struct relay *r = relay_new(&p->relays, c->service, c);

	if (!r || pend(r, t, CLIENT) || pend(r, t, SERVER)) {
		if (r)
			relay_abandon(&p->relays, r);
		give_up(p, c, "what has arrived is not there any more");
		return false;
	}
	for (int i = 0; i < NR_SIDES; i++) {
		r->end[i].ended = t->side[i].ended;
		r->end[i].read = t->side[i].received;
		r->end[i].written = t->side[i].from;
		r->end[i].shut = r->end[i].silent = t->side[i].silent;
		p->count.further += t->side[i].from > t->side[!i].received;
		if (t->side[i].fd >= 0)
			relay_set(&p->relays, r, i, t->side[i].fd, false);
	}
	unlink_takeover(p, t);
	replica_trim(c);
	c->relay = r;
	c->taken_over = true;
	p->count.taken_over++;
	if (c->side[SERVER].known)
		relay_run(&p->relays, r);
	else
		service_connect(&p->service[c->service], c, r);
	return true;
}

/* --- one side --------------------------------------------------------------------- */

static uint32_t window_of(const struct proxy *p, const struct track *t)
{
	int scale = t->scale_out == SEGMENT_NO_SCALE ? 0 : t->scale_out;
	uint32_t most = 65535u << scale;

	return most < p->config->buffer ? most : p->config->buffer;
}

/* Make the socket, and tell the other end what has arrived: or it would wait
 * for its timeout to say it again. */
static int make_socket(struct proxy *p, struct side *side,
		       const struct track_resume *resume)
{
	const struct track *t = &side->track;
	struct repair_socket r;
	enum repair_step step;
	struct segment ack;
	uint32_t ts = 0;
	int fd;

	repair_from_track(&r, t, &side->tuple, resume);
	r.rcv_window = window_of(p, t);
	r.send_buffer = r.receive_buffer = p->config->buffer;
	r.congestion = SOCKET_CONGESTION;
	r.transparent =
		side->which == SERVER &&
		p->service[side_conn(side)->service].config->transparent;
	fd = repair_restore(&r, &step);
	if (fd < 0) {
		log_warning("TCP_REPAIR: cannot %s: %s", repair_step_text(step),
			    strerror(-fd));
		return fd;
	}
	socket_options(fd);
	if (t->timestamps)
		repair_timestamp(fd, &ts);
	probe_ack_segment(&ack, t, &side->tuple, resume->snd_nxt, ts,
			  r.rcv_window);
	ack.ack = resume->rcv_nxt;
	send_one(p, &ack);
	return fd;
}

static void set_done(struct taken *n, const struct track *t)
{
	n->done = true;
	n->received = t->received;
	n->ended = t->end_in;
}

/* The socket of a side that was asked. NULL, or why there is none. */
static const char *resume(struct proxy *p, struct side *side)
{
	struct taken *n = &of(side_conn(side))->side[side->which];
	const struct track *track = &side->track;
	bool asked = n->probe.track;
	struct track_resume r;

	if (track->reset)
		return NOT_KNOWN;
	if (track_is_over(track))
		return NULL;
	r = track_resume(track, &side_other(side)->track,
			 asked ? n->probe.ack : track_next_out(track),
			 asked ? n->probe.window : track->window);
	if (!r.possible)
		return "what an end has does not fit what is known of it";
	n->fd = make_socket(p, side, &r);
	n->snd_nxt = r.snd_nxt;
	n->from = r.from;
	n->silent = r.silent;
	return n->fd < 0 ? "it has no socket" : NULL;
}

bool takeover_answer(struct proxy *p, struct side *side)
{
	struct conn *c = side_conn(side);
	struct takeover *t = of(c);
	const char *wrong = resume(p, side);

	if (wrong) {
		give_up(p, c, wrong);
		return false;
	}
	set_done(&t->side[side->which], &side->track);
	return !t->side[CLIENT].done || !t->side[SERVER].done || finish(p, t);
}

bool takeover_awaits(struct proxy *p, struct side *side,
		     const struct segment *s)
{
	struct takeover *t = of(side_conn(side));
	struct taken *n = t ? &t->side[side->which] : NULL;

	if (!n || n->done)
		return false;
	if (side->track.reset)
		return true;
	if (!n->probe.track) /* half-open: it has our SYN-ACK now */
		return track_is_open(&side->track) && s->flags & SEGMENT_ACK;
	return probe_in(&p->probes, &n->probe, s);
}

bool takeover_behind(struct side *side, uint32_t *sent)
{
	const struct conn *c = side_conn(side);
	const struct takeover *t = of(c);

	if (t) { /* nothing was sent yet */
		*sent = t->side[side->which].snd_nxt;
		return t->side[side->which].fd >= 0;
	}
	if (!c->taken_over || !c->relay ||
	    side->track.acked > side->track.reach)
		return false;
	*sent = side->track.seq_out + 1 +
		(uint32_t)relay_sent(c->relay, side->which);
	return true;
}

bool takeover_lacks(struct side *side)
{
	const struct takeover *t = of(side_conn(side));

	return t && !t->side[side->which].done;
}

/* --- the beginning ------------------------------------------------------------------ */

static void say_syn_ack(struct proxy *p, struct takeover *t, uint64_t now)
{
	const struct side *client = &t->conn->side[CLIENT];
	struct segment s;

	probe_syn_ack_segment(&s, &client->track, &client->tuple, 65535);
	send_one(p, &s);
	t->interval = t->interval ? t->interval * 2 : FIRST;
	if (t->interval > SLOWEST)
		t->interval = SLOWEST;
	t->due = now + t->interval;
}

void takeover_prepare(struct service *s)
{
	struct replica *r = &s->proxy->replica;

	for (struct conn *c = r->conns[s->index], *next; c; c = next) {
		struct side *server = &c->side[SERVER];

		next = c->next;
		if (c->takeover || c->relay)
			continue;
		/* A SYN alone: the client repeats it. A server that was not
		 * reached is, by another connection. */
		if (!c->side[CLIENT].track.opened_out)
			replica_remove(r, c);
		else if (server->known && !track_is_open(&server->track))
			replica_unpair(r, c);
	}
	for (struct conn *c = r->conns[s->index]; c; c = c->next) {
		if (c->takeover || c->relay)
			continue;
		replica_inherit(c);
		/* of a pair the other one has had what came from it */
		if (c->played || (s->claims && s->proxy->config->nr_peers > 1))
			replica_doubt(c);
	}
}

/* Its sides that are to be asked are added to the list. */
static size_t begin(struct proxy *p, struct conn *c, struct probe **list,
		    uint64_t now)
{
	struct takeover *t = calloc(1, sizeof(*t));
	size_t nr = 0;

	if (!t) {
		guard_gone(&p->service[c->service], c);
		return 0;
	}
	t->conn = c;
	t->until = now + p->probes.rule.deadline;
	t->next = p->takeovers;
	t->prev = &p->takeovers;
	if (t->next)
		t->next->prev = &t->next;
	p->takeovers = t;
	p->service[c->service].taking++;
	c->takeover = t;
	for (int i = 0; i < NR_SIDES; i++) {
		struct side *s = &c->side[i];
		struct taken *n = &t->side[i];

		n->fd = -1;
		if (!s->known || track_is_over(&s->track)) {
			set_done(n, &s->track);
		} else if (track_is_open(&s->track)) {
			n->probe.track = &s->track;
			n->probe.tuple = &s->tuple;
			n->probe.weight = side_other(s)->track.kept;
			list[nr++] = &n->probe;
		} else {
			say_syn_ack(p, t, now);
		}
	}
	return nr;
}

/* One that was not proven: its newest word is believed, or there is none. False:
 * its connection is gone. */
static bool settle(struct proxy *p, struct probe *probe)
{
	struct side *side = (struct side *)probe->track; /* its first member */

	if (probe->state == PROBE_ANSWERED)
		return takeover_answer(p, side);
	give_up(p, side_conn(side),
		probe->state == PROBE_GONE ? NOT_KNOWN
					   : "an end does not answer");
	return false;
}

/* The other side of the same connection, taken out of the list. */
static struct probe *take_sibling(struct probe **list, const struct probe *of)
{
	const struct side *side = (const struct side *)of->track;

	for (; *list; list = &(*list)->next) {
		struct probe *probe = *list;

		if ((const struct side *)probe->track - side ==
		    !side->which - side->which) {
			*list = probe->next;
			return probe;
		}
	}
	return NULL;
}

static void send_probes(struct proxy *p, uint64_t now)
{
	struct probe *due[BATCH], *over;
	struct segment s[BATCH];
	size_t n;
	int err;

	do {
		n = probes_due(&p->probes, now, due, BATCH, &over);
		for (size_t i = 0; i < n; i++)
			probe_segment(&s[i], due[i]);
		/* what does not go out is repeated */
		if (n)
			probe_send(&p->raw, s, n, &err);
		while (over) {
			struct probe *one = over, *other;

			over = one->next;
			other = take_sibling(&over, one);
			if (settle(p, one) && other)
				settle(p, other);
		}
	} while (n == BATCH);
}

void takeover_service(struct service *s)
{
	struct proxy *p = s->proxy;
	uint32_t nr = p->replica.nr[s->index];
	struct probe **list = calloc(2 * nr + 1, sizeof(struct probe *));
	uint64_t now = clock_ns();
	size_t n = 0;

	log_notice("service %s: taking over %u connections, epoch %u",
		   s->config->name, nr, s->epoch);
	if (!list) {
		log_error("service %s: no memory to take over",
			  s->config->name);
		return;
	}
	s->took_from = now;
	if (nr)
		hurry(p, now);
	for (struct conn *c = p->replica.conns[s->index], *next; c; c = next) {
		next = c->next;
		if (!c->takeover && !c->relay)
			n += begin(p, c, list + n, now);
	}
	probes_start(&p->probes, list, n, now);
	free(list);
	send_probes(p, now);
}

static void on_tick(uv_timer_t *timer)
{
	struct proxy *p = timer->data;
	uint64_t now = clock_ns();

	for (struct takeover *t = p->takeovers, *next; t; t = next) {
		next = t->next;
		if (!t->due || t->due > now || t->side[CLIENT].done)
			continue;
		if (t->until > now)
			say_syn_ack(p, t, now);
		else
			give_up(p, t->conn, "its client does not answer");
	}
	send_probes(p, now);
	if (now > p->urgent)
		calm_down(p);
	active_tick(p, now);
	guard_tick(p, now);
}

void takeover_open(struct proxy *p)
{
	const struct probe_rule rule = {
		.repeat = FIRST,
		.deadline = p->config->takeover_timeout * 1000000ULL,
		.tries = PROBE_TRIES_MAX
	};

	probes_init(&p->probes, &rule);
	uv_timer_init(p->loop, &p->takeover_timer);
	p->takeover_timer.data = p;
	uv_timer_start(&p->takeover_timer, on_tick, TICK, TICK);
}
