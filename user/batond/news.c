// SPDX-License-Identifier: GPL-2.0-only
#include "news.h"

/* Owners looked at for one probe when nothing is new; more wait their turn. */
#define STRIDE 64

void news_moved(struct news *n, uint16_t owner, uint16_t from, uint16_t to)
{
	n->owner[owner].from = from;
	n->owner[owner].tell_from = from;
	n->owner[owner].tell_to = to;
	n->host[from].stirred = true;
	n->host[to].stirred = true;
}

/* Is this owner's last move still to be told to the host? */
static bool is_new(const struct news *n, const struct cluster *c,
		   uint16_t owner, uint16_t host)
{
	const struct cluster_owner *o = &c->owner[owner];

	if (!o->exists)
		return false;
	return o->host == host ? n->owner[owner].tell_to
			       : n->owner[owner].tell_from &&
					 n->owner[owner].from == host;
}

/* Could the host play it? */
static bool concerns(const struct cluster_owner *o, uint16_t host)
{
	if (!o->exists)
		return false;
	if (o->host == host || o->home == host || !o->standbys[0])
		return true;
	for (int i = 0; i < BATON_MAX_STANDBYS && o->standbys[i]; i++)
		if (o->standbys[i] == host)
			return true;
	return false;
}

static uint16_t after(const struct cluster *c, uint16_t owner)
{
	return owner < c->max_owner ? owner + 1 : 1;
}

static struct news_item item(const struct news *n, const struct cluster *c,
			     uint16_t owner, uint16_t host)
{
	return (struct news_item){
		.owner = owner,
		.tag = n->owner[owner].tag,
		.epoch = c->owner[owner].epoch,
		.plays = c->owner[owner].host == host,
	};
}

struct news_item news_next(struct news *n, const struct cluster *c,
			   uint16_t host)
{
	uint16_t *turn = &n->host[host].turn;
	bool stirred = n->host[host].stirred;
	uint32_t most = stirred || c->max_owner < STRIDE ? c->max_owner
							 : STRIDE;
	uint16_t owner = *turn;

	for (uint32_t i = 0; stirred && i < most; i++) {
		owner = after(c, owner);
		if (is_new(n, c, owner, host)) {
			*turn = owner;
			return item(n, c, owner, host);
		}
	}
	n->host[host].stirred = false;
	owner = *turn;
	for (uint32_t i = 0; i < most; i++) {
		owner = after(c, owner);
		*turn = owner;
		if (concerns(&c->owner[owner], host))
			return item(n, c, owner, host);
	}
	return (struct news_item){ 0 };
}

void news_echoed(struct news *n, const struct cluster *c, uint16_t host,
		 uint32_t tag, uint32_t epoch, bool plays)
{
	for (uint16_t i = 1; n->host[host].stirred && i <= c->max_owner; i++) {
		if (n->owner[i].tag != tag || c->owner[i].epoch != epoch ||
		    !c->owner[i].exists)
			continue;
		if (plays && c->owner[i].host == host)
			n->owner[i].tell_to = false;
		else if (!plays && n->owner[i].from == host)
			n->owner[i].tell_from = false;
		return;
	}
}
