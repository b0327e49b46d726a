// SPDX-License-Identifier: GPL-2.0-only
/*
 * The switch: the words that packets follow, which outlive the controller, and
 * the controller: batond's cluster and ownership, fed as batond feeds them.
 */
#include <string.h>

#include "sim.h"

#define DETECT (30 * MS)

static struct own_grant before[OWNERS + 1];

/* --- what is written down ----------------------------------------------------------------- */

/* Before anything is announced, so that no epoch is given twice. */
static void keep(struct world *w)
{
	if (w->without[WITHOUT_durable] && w->now < w->kept + 500 * MS)
		return;
	w->kept = w->now;
	for (uint16_t i = 1; i <= w->owners; i++) {
		w->kept_cluster[i] = w->cluster->owner[i];
		w->kept_grant[i] = w->ownership->grant[i];
	}
}

static void announce(struct world *w, uint16_t owner)
{
	struct own_record r = { .kind = BATON_OWNERSHIP_OWNER,
				.present = 1,
				.slot = owner,
				.owner = { .name = "owner" } };

	ownership_record(w->ownership, w->cluster, owner, &r.owner);
	own_member_say(&w->node[0].member, &r);
}

/* --- moves ------------------------------------------------------------------------------------ */

void switch_look(struct world *w)
{
	for (uint16_t i = 1; i <= w->owners; i++)
		before[i] = w->ownership->grant[i];
}

void switch_carry_out(struct world *w)
{
	const struct cluster_result *r = w->result;

	ownership_moved(w->ownership, w->cluster, r, local(w, 0));
	if (w->cluster->stale)
		cluster_plan(w->cluster);
	keep(w);
	for (uint32_t i = 0; i < r->nr_moves; i++) {
		const struct move *m = &r->moves[i];
		union baton_owner *word = &w->word[m->owner];

		w->count.moves++;
		w->run_moves++;
		w->count.returns += m->cause == MOVE_RETURN;
		w->count.renewed += m->from == m->to;
		trace(w, "owner %u: %u -> %u, epoch %u, cause %u, complete %#x",
		      m->owner, m->from, m->to, m->epoch, m->cause,
		      before[m->owner].complete);
		word->host = m->to;
		word->epoch = m->epoch;
		check_move(w, m, &before[m->owner]);
	}
	for (uint16_t i = 1; i <= w->owners; i++)
		announce(w, i); /* of those that are as they were, nothing */
	switch_look(w);
}

static void return_at_once(struct world *w)
{
	for (uint16_t i = 1; i <= w->owners; i++) {
		const struct cluster_owner *o = &w->cluster->owner[i];

		if (o->host == o->home ||
		    w->cluster->host[o->home].state != HOST_UP)
			continue;
		switch_look(w);
		if (!cluster_failback(w->cluster, i, true, local(w, 0),
				      w->result)) {
			w->result->moves[0].cause = MOVE_RETURN;
			switch_carry_out(w);
		}
	}
}

static void decide(struct world *w)
{
	switch_look(w);
	if (w->without[WITHOUT_complete])
		return_at_once(w);
	while (ownership_decide(w->ownership, w->cluster, local(w, 0),
				w->result))
		switch_carry_out(w);
	if (w->cluster->stale)
		cluster_plan(w->cluster);
	keep(w);
	for (uint16_t i = 1; i <= w->owners; i++)
		announce(w, i);
}

/* --- hosts ---------------------------------------------------------------------------------------- */

void switch_record(struct world *w, uint16_t host, const struct own_record *r)
{
	if (r->kind != BATON_OWNERSHIP_HOLDING)
		return;
	ownership_said(w->ownership, w->cluster, r->slot, host,
		       r->present ? &r->holding : NULL, local(w, 0));
	decide(w);
}

static bool is_reachable(const struct world *w, uint16_t host)
{
	const struct node *n = &w->node[host];

	return n->up && w->now >= n->frozen && !w->cut[0][host] &&
	       !w->cut[host][0];
}

void switch_detect(struct world *w)
{
	for (uint16_t i = 1; i <= w->hosts; i++) {
		struct node *n = &w->node[i];
		bool answers;

		if (is_reachable(w, i))
			n->answered = w->now;
		answers = n->answered && w->now < n->answered + DETECT;
		if (answers == n->answers || !w->controller)
			continue;
		n->answers = answers;
		trace(w, "host %u is %s", i, answers ? "up" : "down");
		switch_look(w);
		if (answers)
			cluster_host_up(w->cluster, i, local(w, 0), w->result);
		else
			cluster_host_down(w->cluster, i, local(w, 0),
					  w->result);
		switch_carry_out(w);
	}
}

void switch_tick(struct world *w)
{
	switch_look(w);
	cluster_retry(w->cluster, local(w, 0), w->result);
	switch_carry_out(w);
	decide(w);
}

/* --- packets ---------------------------------------------------------------------------------------- */

void switch_client(struct world *w, uint16_t owner)
{
	struct packet p = { .owner = owner };
	uint16_t host = w->word[owner].host;

	if (host && w->node[host].up)
		send_packet(w, host, EVENT_REQUEST, &p);
}

void switch_reply(struct world *w, const struct packet *p)
{
	if (w->word[p->owner].host != p->from) {
		if (w->without[WITHOUT_fence])
			violated(w, "no packet of a fenced host leaves",
				 "host %u, owner %u, epoch %u, but host %u "
				 "plays it",
				 p->from, p->owner, (uint32_t)p->epoch,
				 w->word[p->owner].host);
		return;
	}
	check_told(w, p->owner, p);
}

/* --- beginning ----------------------------------------------------------------------------------------- */

static void standbys(struct world *w, struct cluster_owner *o)
{
	int n = 0;

	for (uint16_t i = 0; i < w->hosts; i++) {
		uint16_t host = 1 + (o->home + i) % w->hosts;

		if (host != o->home)
			o->standbys[n++] = host;
	}
}

static void rules(struct world *w)
{
	struct cluster *c = w->cluster;

	c->guards = (struct cluster_guards){
		.min_move_interval = draw(w, 2) * 100 * MS,
		.max_down_percent = draw(w, 3) ? 0 : 60,
		.down_window = 1000 * MS,
	};
	for (uint16_t i = 1; i <= w->owners; i++) {
		enum baton_failback failback = draw(w, BATON_NR_FAILBACKS);
		uint64_t delay = draw(w, 1000) * MS;

		c->owner[i].returns = failback != BATON_FAILBACK_MANUAL;
		if (failback == BATON_FAILBACK_AFTER)
			c->owner[i].returns_after = delay;
	}
}

void switch_begin(struct world *w)
{
	struct cluster *c = w->cluster;

	memset(c->host, 0, (NODES + 1) * sizeof(c->host[0]));
	memset(c->owner, 0, (OWNERS + 1) * sizeof(c->owner[0]));
	memset(w->ownership->grant, 0,
	       (OWNERS + 1) * sizeof(w->ownership->grant[0]));
	w->ownership->reign = REIGN;
	c->max_host = w->hosts;
	c->max_owner = w->owners;
	for (uint16_t i = 1; i <= w->hosts; i++)
		c->host[i] = (struct cluster_host){ .state = HOST_UNKNOWN,
						    .capacity = 1 };
	for (uint16_t i = 1; i <= w->owners; i++) {
		struct cluster_owner *o = &c->owner[i];

		*o = (struct cluster_owner){
			.exists = true,
			.policy = draw(w, BATON_NR_STANDBY_POLICIES),
			.home = 1 + draw(w, w->hosts),
			.epoch = ownership_first_epoch(w->ownership, OF_DAY),
		};
		o->host = o->home;
		standbys(w, o);
		w->word[i] = (union baton_owner){ .host = o->host,
						  .epoch = o->epoch };
		ownership_owner(w->ownership, c, i, local(w, 0));
	}
	rules(w);
	cluster_plan(c);
	w->controller = true;
	w->kept = 0;
	keep(w);
	w->kept = 0;
	for (uint16_t i = 1; i <= w->owners; i++)
		announce(w, i);
}

/* It knows what it wrote down; hosts it has to hear again. */
void switch_start(struct world *w)
{
	struct cluster *c = w->cluster;

	for (uint16_t i = 1; i <= w->owners; i++) {
		c->owner[i] = w->kept_cluster[i];
		w->ownership->grant[i] = w->kept_grant[i];
	}
	for (uint16_t i = 1; i <= w->hosts; i++) {
		c->host[i].state = HOST_UNKNOWN;
		w->node[i].answers = false;
		/* who does not answer is down in a while */
		w->node[i].answered = 0;
	}
	c->stale = true;
	w->controller = true;
	for (uint16_t i = 1; i <= w->owners; i++)
		announce(w, i);
}
