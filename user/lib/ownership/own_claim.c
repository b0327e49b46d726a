// SPDX-License-Identifier: GPL-2.0-only
#include "own_claim.h"

#include <errno.h>

#include "own_place.h"

#define NONE BATON_OWNERSHIP_ROLE_NONE
#define OWNER BATON_OWNERSHIP_ROLE_OWNER
#define STANDBY BATON_OWNERSHIP_ROLE_STANDBY

/* Another memory than the one that was meant plays nothing: the switch would
 * think that it has what it has not. */
static uint8_t role_by(const struct own_claim *c, const struct own_owner *w)
{
	if (w->host == c->host)
		return w->incarnation == c->incarnation ? OWNER : NONE;
	return own_place(w->home, w->standbys, c->host) < 0 ? NONE : STANDBY;
}

/* Those that the switch no longer counts on need not be waited for. */
static void release(struct own_claim *c, const struct own_owner *w)
{
	for (int i = 0; i < BATON_OWNERSHIP_PLACES; i++)
		if (w->claim >= c->retracted[i] &&
		    !(w->complete & own_place_bit(i)))
			c->leaving &= ~own_place_bit(i);
}

int own_claim_hear(struct own_claim *c, const struct own_owner *word)
{
	bool later = word->epoch > c->word.epoch;

	if (word->epoch < c->word.epoch)
		return -ESTALE;
	c->word = *word;
	c->role = role_by(c, word);
	if (later) {
		c->waits = c->role == OWNER ? word->complete : 0;
		c->leaving = 0;
		c->number = 1;
	} else if (c->role == OWNER) {
		release(c, word);
	}
	return 0;
}

void own_claim_add(struct own_claim *c, int place)
{
	uint16_t bit = own_place_bit(place);

	if (c->role != OWNER || c->waits & bit)
		return;
	c->number++;
	c->waits |= bit;
	c->leaving &= ~bit;
}

void own_claim_drop(struct own_claim *c, int place)
{
	uint16_t bit = own_place_bit(place);

	if (c->role != OWNER || !(c->waits & bit))
		return;
	c->waits &= ~bit;
	c->leaving |= bit;
	c->retracted[place] = ++c->number;
}

uint16_t own_claim_waits(const struct own_claim *c)
{
	return c->waits | c->leaving;
}

void own_claim_put(const struct own_claim *c, uint16_t owner, bool complete,
		   uint32_t lag, struct own_holding *h)
{
	*h = (struct own_holding){
		.owner = owner,
		.role = c->role,
		.epoch = c->word.epoch,
		.incarnation = c->incarnation,
	};
	if (c->role == OWNER) {
		h->waits = c->waits;
		h->claim = c->number;
	} else if (c->role == STANDBY) {
		h->complete = complete && !lag;
		h->lag = lag;
	}
}
