// SPDX-License-Identifier: GPL-2.0-only
#include "own_grant.h"

#include <string.h>

#include "own_place.h"

static int place_of(const struct own_grant *g, uint16_t host)
{
	return own_place(g->home, g->standbys, host);
}

void own_grant_places(struct own_grant *g, uint16_t home,
		      const uint16_t standbys[BATON_MAX_STANDBYS])
{
	const struct own_grant old = *g;

	g->home = home;
	memcpy(g->standbys, standbys, sizeof(g->standbys));
	g->complete = 0;
	/* Masks of before mean other hosts: it claims anew. */
	g->waits = 0;
	memset(g->member, 0, sizeof(g->member));
	memset(g->said, 0, sizeof(g->said));
	memset(g->said_host, 0, sizeof(g->said_host));
	for (int i = 0; i < BATON_OWNERSHIP_PLACES; i++) {
		int place = place_of(g, old.said_host[i]);

		if (place < 0)
			continue;
		g->said[place] = old.said[i];
		g->said_host[place] = old.said_host[i];
		g->member[place] = old.member[i];
		if (old.complete & own_place_bit(i))
			g->complete |= own_place_bit(place);
	}
}

/*
 * Who the owner waits for and who has everything is complete from now on. Both
 * speak of this epoch: what was complete in an earlier one may lack what came
 * since.
 */
static void join(struct own_grant *g)
{
	for (int i = 0; i < BATON_OWNERSHIP_PLACES; i++) {
		const struct own_holding *h = &g->said[i];
		uint16_t bit = own_place_bit(i);

		if (!(g->waits & bit) || g->complete & bit || !h->complete ||
		    h->epoch != g->epoch || g->said_host[i] == g->host)
			continue;
		g->complete |= bit;
		g->member[i] = h->incarnation;
	}
}

/* Nobody's memory was meant: that of the host is. */
static void adopt(struct own_grant *g, uint16_t host,
		  const struct own_holding *h)
{
	if (host == g->host && !g->incarnation && h->epoch <= g->epoch)
		g->incarnation = h->incarnation;
}

bool own_grant_said(struct own_grant *g, uint16_t host,
		    const struct own_holding *h)
{
	const uint64_t incarnation = g->incarnation;
	const uint16_t complete = g->complete;
	const uint32_t claim = g->claim;
	int place = place_of(g, host);
	uint16_t bit = own_place_bit(place);

	if (place < 0)
		return false;
	g->said[place] = h ? *h : (struct own_holding){ 0 };
	g->said_host[place] = host;
	h = &g->said[place];
	/* what it had is gone */
	if (h->incarnation && g->member[place] != h->incarnation)
		g->complete &= ~bit;
	adopt(g, host, h);
	if (host == g->host && h->role == BATON_OWNERSHIP_ROLE_OWNER &&
	    h->epoch == g->epoch && h->incarnation == g->incarnation) {
		g->claim = h->claim;
		g->waits = h->waits;
		g->complete &= h->waits;
	}
	join(g);
	return g->complete != complete || g->claim != claim ||
	       g->incarnation != incarnation;
}

void own_grant_move(struct own_grant *g, uint16_t host, uint64_t epoch,
		    uint16_t down)
{
	int from = place_of(g, g->host), to = place_of(g, host);
	bool stays = host == g->host && !own_grant_is_lost(g);
	bool survives = stays || own_grant_is_complete(g, host);

	if (!survives) {
		g->complete = 0;
		g->incarnation = to >= 0 ? g->said[to].incarnation : 0;
	} else if (!stays) {
		if (from >= 0 && g->incarnation && !own_grant_is_lost(g)) {
			g->member[from] = g->incarnation;
			g->complete |= own_place_bit(from);
		}
		/* which may have died since, but no other will do */
		g->incarnation = g->member[to];
	}
	g->complete &= ~(own_place_bit(to) | down);
	g->host = host;
	g->epoch = epoch;
	g->waits = 0;
	g->claim = 0;
}

bool own_grant_is_complete(const struct own_grant *g, uint16_t host)
{
	return g->complete & own_place_bit(place_of(g, host));
}

bool own_grant_is_lost(const struct own_grant *g)
{
	int place = place_of(g, g->host);

	return place >= 0 && g->said_host[place] == g->host &&
	       g->said[place].incarnation &&
	       g->said[place].incarnation != g->incarnation;
}

bool own_grant_is_stateful(const struct own_grant *g)
{
	if (g->incarnation)
		return true;
	for (int i = 0; i < BATON_OWNERSHIP_PLACES; i++)
		if (g->said[i].incarnation)
			return true;
	return false;
}

void own_grant_put(const struct own_grant *g, struct own_owner *o)
{
	o->home = g->home;
	memcpy(o->standbys, g->standbys, sizeof(o->standbys));
	o->host = g->host;
	o->epoch = g->epoch;
	o->incarnation = g->incarnation;
	o->complete = g->complete;
	o->claim = g->claim;
}
