// SPDX-License-Identifier: GPL-2.0-only
/* What must hold whatever happens: the promises of docs/ownership.md. */
#include <stdarg.h>
#include <stdio.h>

#include "lib/ownership/own_place.h"
#include "sim.h"

void violated(struct world *w, const char *promise, const char *format, ...)
{
	va_list args;

	if (w->violation)
		return;
	w->violation = promise;
	printf("seed %llu, %.3f ms: %s: ", (unsigned long long)w->seed,
	       w->now / 1e6, promise);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

/* A host has spoken as the owner, to clients or to other hosts. */
void check_spoken(struct world *w, uint16_t owner, const struct packet *p)
{
	struct truth *t = &w->truth[owner];
	uint32_t i = p->epoch % SPEAKERS;

	if (t->speaker[i].epoch == p->epoch &&
	    (t->speaker[i].host != p->from ||
	     t->speaker[i].incarnation != p->incarnation))
		violated(w, "an owner in an epoch is one memory of one host",
			 "owner %u, epoch %u: host %u, after host %u", owner,
			 (uint32_t)p->epoch, p->from, t->speaker[i].host);
	t->speaker[i].epoch = p->epoch;
	t->speaker[i].host = p->from;
	t->speaker[i].incarnation = p->incarnation;
}

/* Has the host the memory that is meant, without what clients were told? */
static bool lacks(const struct world *w, uint16_t owner, uint16_t host,
		  uint64_t incarnation)
{
	const struct truth *t = &w->truth[owner];
	const struct memory *m = &w->node[host].memory[owner];

	return !t->any && w->node[host].up &&
	       m->claim.incarnation == incarnation &&
	       !state_includes(m->state, t->told);
}

static void check_complete(struct world *w, uint16_t owner)
{
	const struct own_grant *g = &w->ownership->grant[owner];

	for (int i = 0; i < BATON_OWNERSHIP_PLACES; i++)
		if (g->complete & own_place_bit(i) &&
		    lacks(w, owner, own_place_host(g->home, g->standbys, i),
			  g->member[i]))
			violated(w, "who counts as complete holds everything",
				 "owner %u, epoch %u: host %u", owner,
				 (uint32_t)g->epoch,
				 own_place_host(g->home, g->standbys, i));
}

/* A client has been told this. */
void check_told(struct world *w, uint16_t owner, const struct packet *p)
{
	struct truth *t = &w->truth[owner];

	if ((uint32_t)p->epoch < t->begun)
		return; /* of a connection that is over */
	w->count.told++;
	if (t->any)
		t->told = p->state;
	t->any = false;
	if (state_includes(p->state, t->told))
		t->told = p->state;
	else if (!state_includes(t->told, p->state))
		violated(w, "what was acknowledged survives",
			 "owner %u, epoch %u: host %u does not know it", owner,
			 (uint32_t)p->epoch, p->from);
	if (w->controller)
		check_complete(w, owner);
}

static bool is_automatic(const struct move *m)
{
	return move_is_automatic(m->cause) || m->cause == MOVE_STATE_LOST;
}

void check_move(struct world *w, const struct move *m,
		const struct own_grant *g)
{
	struct truth *t = &w->truth[m->owner];
	int to = own_place(g->home, g->standbys, m->to);

	if (m->cause == MOVE_RETURN &&
	    (!(g->complete & own_place_bit(to)) ||
	     lacks(w, m->owner, m->to, g->member[to])))
		violated(w, "failback only to a home that is complete",
			 "owner %u: host %u", m->owner, m->to);
	if (m->to && g->complete & own_place_bit(to)) {
		if (lacks(w, m->owner, m->to, g->member[to]))
			violated(w, "who counts as complete holds everything",
				 "owner %u: host %u", m->owner, m->to);
		return;
	}
	for (int i = 0; is_automatic(m) && i < BATON_OWNERSHIP_PLACES; i++)
		if (g->complete & own_place_bit(i) &&
		    own_place_host(g->home, g->standbys, i) != m->from &&
		    w->cluster->host[own_place_host(g->home, g->standbys, i)]
				    .state == HOST_UP)
			violated(w, "who is complete takes over before others",
				 "owner %u: host %u rather than %u", m->owner,
				 m->to,
				 own_place_host(g->home, g->standbys, i));
	/* Nobody was left who had it: connections end, which is no surprise. */
	if (m->from == m->to && !own_grant_is_lost(g))
		return;
	t->begun = m->epoch;
	if (t->any || t->told == BEGINNING)
		return;
	t->any = true;
	w->count.losses++;
	trace(w, "owner %u: what clients were told is lost", m->owner);
	if (w->gentle)
		violated(w, "a single fault loses nothing",
			 "owner %u: %u -> %u", m->owner, m->from, m->to);
}

/* --- the end, when the network has been well for a while ----------------------------------- */

static void check_picture(struct world *w, uint16_t of, uint16_t at)
{
	const struct own_set *own = &w->node[of].member.set;
	const struct own_peer *p = own_member_peer(&w->node[at].member, of);
	const struct own_record *r = NULL, *s = NULL;

	do {
		r = own_set_next(own, r);
		s = own_set_next(&p->set, s);
		if (!r != !s || (r && !own_record_equal(r, s))) {
			violated(w, "all see the same",
				 "node %u does not know what node %u says", at,
				 of);
			return;
		}
	} while (r);
}

static void check_owner(struct world *w, uint16_t owner)
{
	const struct cluster_owner *o = &w->cluster->owner[owner];
	const struct own_grant *g = &w->ownership->grant[owner];
	const struct memory *m = &w->node[g->host].memory[owner];
	uint16_t all = (1 << w->hosts) - 1;
	int self = own_place(g->home, g->standbys, g->host);

	if (m->claim.role != BATON_OWNERSHIP_ROLE_OWNER ||
	    m->claim.word.epoch != g->epoch)
		violated(w, "every owner is played in the end",
			 "owner %u: host %u does not", owner, g->host);
	else if ((g->complete | own_place_bit(self)) != all)
		violated(w, "every host is complete in the end",
			 "owner %u: only %#x", owner, g->complete);
	else if (o->returns && o->host != o->home)
		violated(w, "every owner returns home in the end",
			 "owner %u: is on host %u, not %u", owner, o->host,
			 o->home);
}

void check_end(struct world *w)
{
	for (uint16_t i = 0; i <= w->hosts; i++)
		for (uint16_t k = 0; k <= w->hosts; k++)
			if (i != k)
				check_picture(w, i, k);
	for (uint16_t i = 1; i <= w->owners; i++)
		check_owner(w, i);
}
