/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What hosts are told of ownership (row K4): each probe of a host names one
 * owner and says whether that host plays it. What has changed comes first, and
 * again until the host has echoed it; otherwise all owners that concern the
 * host come in turn, so that one which was started again learns them all.
 *
 * Pure state, by the ids of cluster.h; no pointers.
 */
#ifndef BATOND_NEWS_H
#define BATOND_NEWS_H

#include "cluster.h"

struct news {
	struct {
		uint32_t tag; /* baton_tag() of its name */
		uint16_t from; /* who played it before; 0: nobody */
		bool tell_from, tell_to; /* until they have echoed it */
	} owner[BATON_MAX_OWNERS];
	struct {
		bool stirred; /* there may be something to tell it first */
		uint16_t turn; /* owner that was named last */
	} host[BATON_MAX_HOSTS];
};

/* Of an owner, for one host; owner 0: there is nothing to say. */
struct news_item {
	uint16_t owner;
	uint32_t tag;
	uint32_t epoch;
	bool plays;
};

/* The owner has just moved. */
void news_moved(struct news *n, uint16_t owner, uint16_t from, uint16_t to);

/* What to say to the host now. */
struct news_item news_next(struct news *n, const struct cluster *c,
			   uint16_t host);

/* The host has echoed it. What was said of an earlier epoch tells nothing. */
void news_echoed(struct news *n, const struct cluster *c, uint16_t host,
		 uint32_t tag, uint32_t epoch, bool plays);

#endif
