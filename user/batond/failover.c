// SPDX-License-Identifier: GPL-2.0-only
#include "failover.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "apply.h"
#include "bfd_show.h"
#include "grants.h"
#include "replay_show.h"
#include "supervisor.h"
#include "tell.h"

/* --- the store -------------------------------------------------------------- */

union baton_owner owner_word(const struct batond *b, uint16_t id)
{
	const struct cluster_owner *o = &b->cluster.owner[id];
	union baton_owner w = { .epoch = o->epoch };

	if (!o->exists)
		return w;
	w.host = o->host;
	if (!o->host)
		w.state = BATON_OWNER_ORPHAN;
	else if (o->drain || b->cluster.host[o->host].draining)
		w.state = BATON_OWNER_DRAINING;
	else
		w.state = BATON_OWNER_ACTIVE;
	return w;
}

static void note(struct batond *b, const struct note *n)
{
	if (b->nr_notes < NOTES_MAX)
		b->notes[b->nr_notes++] = *n;
	else
		b->lost_notes++;
}

/* Who it concerns is told with the next probe, which is sent at once. */
static void spread(struct batond *b, const struct move *m)
{
	news_moved(&b->news, m->owner, m->from, m->to);
	prober_hurry(&b->prober, m->to);
	prober_hurry(&b->prober, m->from);
}

/* What can be said of a decision later on: the others may change. */
static void note_decision(struct batond *b, const struct move *m, uint64_t at,
			  uint64_t flip_ns)
{
	struct note n = { .kind = m->held ? NOTE_HELD : NOTE_MOVE,
			  .host = m->from,
			  .at = at,
			  .flip_ns = flip_ns,
			  .move = *m };

	if (move_is_automatic(m->cause))
		n.nr_others = cluster_others(&b->cluster, m, n.others);
	note(b, &n);
}

void failover_carry_out(struct batond *b, const struct cluster_result *r)
{
	uint64_t start, took = 0;

	/* who is complete in the new epochs is known before they begin */
	ownership_moved(&b->ownership, &b->cluster, r, clock_ns());
	for (uint32_t i = 0; i < r->nr_moves; i++)
		grants_keep(b, r->moves[i].owner);
	/* All stores first; telling of them can wait. */
	start = clock_ns();

	for (uint32_t i = 0; i < r->nr_moves; i++)
		dataplane_set_owner(&b->dp, r->moves[i].owner,
				    owner_word(b, r->moves[i].owner));
	if (r->nr_moves)
		took = (clock_ns() - start) / r->nr_moves;
	for (uint32_t i = 0; i < r->nr_moves; i++)
		spread(b, &r->moves[i]);
	for (uint32_t i = 0; i < r->nr_moves; i++)
		note_decision(b, &r->moves[i], start, took);
	for (uint32_t i = 0; i < r->nr_holds; i++)
		note_decision(b, &r->holds[i], start, 0);
	if (b->nr_notes)
		eventfd_write(b->notes_fd, 1);
}

bool failover_of_lost(struct batond *b, uint64_t now)
{
	static struct cluster_result r; /* only touched with the lock held */
	bool moved = false;

	while (ownership_decide(&b->ownership, &b->cluster, now, &r)) {
		failover_carry_out(b, &r);
		moved = true;
	}
	return moved;
}

/* --- in the prober's process --------------------------------------------------- */

/* When the host was last heard. */
static uint64_t last_heard(const struct batond *b, uint16_t host)
{
	const struct bfd_host *h = &b->prober.bfd.host[host];

	if (!h->active)
		return b->prober.target[host].detect.last_answer;
	return h->session.heard ?: h->session.since;
}

/* Too large for a stack; only touched with the lock held. */
static struct cluster_result result;

/* What the applications of a host are now, if that is something new. */
static void note_apps(struct batond *b, uint16_t host, uint64_t now)
{
	const struct prober_target *t = &b->prober.target[host];
	const struct cluster_host *h = &b->cluster.host[host];

	for (int i = 0; i < BATON_PROBE_APPS; i++) {
		uint64_t bit = apps_tagged(&b->apps, t->app[i].tag);
		uint8_t had = h->failed & bit	 ? BATON_APP_FAILED
			      : h->partial & bit ? BATON_APP_PARTIAL
			      : h->alone & bit	 ? BATON_APP_ALONE
						 : BATON_APP_UP;

		if (bit && t->app[i].state != had &&
		    t->app[i].state != BATON_APP_NONE)
			note(b, &(struct note){ .kind = NOTE_APP,
						.host = host,
						.at = now,
						.app = t->app[i] });
	}
}

/* Did it become one that goes up and down too often, or is that over? */
static void note_dampening(struct batond *b, uint16_t host, bool was,
			   uint64_t now)
{
	const struct dampening *d = &b->cluster.host[host].dampening;

	if (was == !!d->suppressed)
		return;
	note(b,
	     &(struct note){ .kind = NOTE_DAMPED,
			     .host = host,
			     .at = now,
			     .suppressed = d->suppressed,
			     .penalty = dampening_penalty(
				     d, &b->cluster.guards.dampening, now) });
}

void failover_change(void *arg, uint16_t host, enum prober_change what,
		     uint64_t now)
{
	struct batond *b = arg;
	const struct prober_target *t = &b->prober.target[host];
	struct cluster_host *h = &b->cluster.host[host];
	struct note n = { .host = host,
			  .at = now,
			  .word = t->word,
			  .bfd = bfd_note(&b->prober.bfd.host[host]) };
	bool suppressed = h->dampening.suppressed;

	cluster_nothing(&result);
	switch (what) {
	case PROBER_UP:
		n.kind = NOTE_UP;
		/* A host that says it is leaving stays left until it says
		 * otherwise. */
		if (t->word != BATON_WORD_LEAVING)
			cluster_host_up(&b->cluster, host, now, &result);
		break;
	case PROBER_DOWN:
		n.kind = NOTE_DOWN;
		n.silent = now - last_heard(b, host);
		n.unanswered = t->detect.unanswered;
		n.sequence = t->detect.sequence;
		n.rule = t->detect.rule;
		n.profile = t->detect.profile;
		n.rtt = t->detect.rtt_last;
		b->cluster.silent = prober_silent(&b->prober, now);
		cluster_host_down(&b->cluster, host, now, &result);
		b->cluster.silent = 0;
		break;
	case PROBER_BFD:
		n.kind = NOTE_BFD;
		break;
	case PROBER_APPS:
		note_apps(b, host, now);
		cluster_host_said(&b->cluster, host,
				  apps_in(&b->apps, t->app, BATON_APP_PARTIAL),
				  apps_in(&b->apps, t->app, BATON_APP_ALONE),
				  now);
		cluster_host_apps(&b->cluster, host,
				  apps_in(&b->apps, t->app, BATON_APP_FAILED),
				  now, &result);
		failover_carry_out(b, &result);
		return;
	case PROBER_WORD:
		n.kind = NOTE_WORD;
		h->draining = b->drains[host] || t->word == BATON_WORD_DRAINING;
		b->cluster.stale = true; /* who is next, it may be no more */
		if (t->word == BATON_WORD_LEAVING)
			cluster_host_leaving(&b->cluster, host, now, &result);
		else if (h->state == HOST_DOWN && t->detect.state == DETECT_UP)
			cluster_host_up(&b->cluster, host, now, &result);
		break;
	}
	note(b, &n);
	note_dampening(b, host, suppressed, now);
	failover_carry_out(b, &result);
	eventfd_write(b->notes_fd, 1);
}

void failover_news(void *arg, struct probe_ask *ask)
{
	struct batond *b = arg;
	struct news_item n = news_next(&b->news, &b->cluster, ask->host);

	ask->owner = n.tag;
	ask->epoch = n.epoch;
	ask->plays = n.plays;
}

void failover_echo(void *arg, const struct probe_answer *a)
{
	struct batond *b = arg;

	news_echoed(&b->news, &b->cluster, a->host, a->owner, a->epoch,
		    a->plays);
}

void failover_probing(struct probing *g, struct batond *b)
{
	g->change = failover_change;
	g->tick = failover_tick;
	g->news = failover_news;
	g->echo = failover_echo;
	g->arg = b;
}

void failover_tick(void *arg, uint64_t now)
{
	static bool was[BATON_MAX_HOSTS];
	struct batond *b = arg;

	for (uint16_t i = 1; i <= b->cluster.max_host; i++)
		was[i] = b->cluster.host[i].dampening.suppressed;
	b->cluster.silent = prober_silent(&b->prober, now);
	cluster_retry(&b->cluster, now, &result);
	b->cluster.silent = 0;
	for (uint16_t i = 1; i <= b->cluster.max_host; i++)
		note_dampening(b, i, was[i], now);
	failover_carry_out(b, &result);
	failover_of_lost(b, now);
}

/* --- telling ------------------------------------------------------------------ */

void failover_show_plan(struct batond *b)
{
	for (uint16_t i = 1; i <= b->cluster.max_owner; i++)
		b->dp.owner_info[i].next = b->cluster.owner[i].next;
}

void failover_tell(struct batond *b)
{
	static struct note notes[NOTES_MAX]; /* only the main thread's */
	struct telling telling = { 0 };
	char *capture;
	uint32_t n, lost;

	prober_lock(&b->prober);
	n = b->nr_notes;
	lost = b->lost_notes;
	memcpy(notes, b->notes, n * sizeof(notes[0]));
	b->nr_notes = 0;
	b->lost_notes = 0;
	apply_owner_states(b);
	failover_show_plan(b);
	prober_unlock(&b->prober);
	/* Hosts wait for this before they acknowledge anything ... */
	for (uint32_t i = 0; i < n; i++)
		if (notes[i].kind == NOTE_MOVE)
			speak_owner(b, notes[i].move.owner);
	/* ... and clients for this; nobody waits for the rest. */
	replay(b, notes, n);
	capture = captures_begin(b, notes, n);
	apply_rings(b);

	telling.capture = capture;
	for (uint32_t i = 0; i < n; i++)
		tell(b, &notes[i], &telling);
	json_decref(telling.because);
	free(capture);
	if (lost)
		log_error("%u events could not be kept", lost);
}

/* --- by hand ------------------------------------------------------------------ */

static void refusal(char why[256], const char *owner, const char *target,
		    int err)
{
	const char *wrong = "is not there";

	switch (err) {
	case -EALREADY:
		wrong = "plays it already";
		break;
	case -EHOSTDOWN:
		wrong = "is not up (force it, or wait)";
		break;
	case -ESRCH:
		wrong = "has no working application for it (force it, or see "
			"baton host show)";
		break;
	case -EAGAIN:
		wrong = "does not hold the complete state yet (force it, or "
			"wait)";
		break;
	case -EBUSY:
		wrong = "is draining (force it, or end that)";
		break;
	case -ENODATA:
		wrong = "does not have the state of its connections (force "
			"it, or wait; see baton host show)";
		break;
	}
	if (target)
		snprintf(why, 256, "owner %s: host %s %s", owner, target,
			 wrong);
	else
		snprintf(why, 256,
			 "owner %s: no standby could take over (name one)",
			 owner);
}

static json_t *by_hand(struct batond *b, const char *owner, uint16_t id,
		       uint16_t to, bool back, bool force, char why[256])
{
	static struct cluster_result r; /* only the main thread's */
	uint64_t now = clock_ns();
	json_t *moves = json_array();
	uint16_t target;
	int err;

	cluster_nothing(&r);
	prober_lock(&b->prober);
	err = back ? cluster_failback(&b->cluster, id, force, now, &r)
		   : cluster_failover(&b->cluster, id, to, force, now, &r);
	/* Only now, as it may have been planned anew. */
	target = to
			 ?: back ? b->cluster.owner[id].home
				 : b->cluster.owner[id].next;
	if (!err) {
		uint32_t first = b->nr_notes;

		failover_carry_out(b, &r);
		for (uint32_t i = first; i < b->nr_notes; i++)
			if (b->notes[i].kind == NOTE_MOVE)
				json_array_append_new(
					moves, tell_move_json(b, &b->notes[i]));
	}
	prober_unlock(&b->prober);
	if (!err)
		supervisor_wake(b); /* it tells the hosts */
	if (!err)
		return moves;
	json_decref(moves);
	refusal(why, owner, target ? host_name(b, target) : NULL, err);
	return NULL;
}

static uint16_t known_owner(struct batond *b, const char *owner, char why[256])
{
	uint16_t id = ids_find(&b->owners, owner);

	if (!id)
		snprintf(why, 256, "no owner %s (see: baton owner show)",
			 owner);
	return id;
}

json_t *failover_owner(struct batond *b, const char *owner, const char *to,
		       bool force, char why[256])
{
	uint16_t id = known_owner(b, owner, why), host = 0;

	if (!id)
		return NULL;
	if (to) {
		host = ids_find(&b->hosts, to);
		if (!host) {
			snprintf(why, 256, "no host %s (see: baton host show)",
				 to);
			return NULL;
		}
	}
	return by_hand(b, owner, id, host, false, force, why);
}

json_t *failover_replay(struct batond *b, const char *owner, char why[256])
{
	uint16_t id = known_owner(b, owner, why);
	struct replay_result r;

	if (!id)
		return NULL;
	replay_again(b, id, &r);
	return replay_json(&r);
}

json_t *failback_owner(struct batond *b, const char *owner, bool force,
		       char why[256])
{
	uint16_t id = known_owner(b, owner, why);

	return id ? by_hand(b, owner, id, 0, true, force, why) : NULL;
}
