// SPDX-License-Identifier: GPL-2.0-only
#include "waiting.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* More than that is dropped: their senders repeat them. The kernel holds no more
 * packets than some such numbers. */
#define ASIDE_MAX 8192

void waiting_free(struct waiting_list *l)
{
	free(l->ring);
	free(l->aside);
	l->ring = l->aside = NULL;
	l->nr = l->size = l->nr_aside = 0;
}

static bool is_open(const struct waiting_list *l, const void *group,
		    bool stored)
{
	return !l->gate || l->gate(l->arg, group, stored);
}

/* Its copy, if it has to be one; that becomes the caller's. */
static int copy(struct queued *to, const struct queued *one)
{
	*to = *one;
	to->packet = NULL;
	if (!one->changed)
		return 0;
	to->packet = malloc(one->len);
	if (!to->packet)
		return -ENOMEM;
	memcpy(to->packet, one->packet, one->len);
	return 0;
}

static void finish(struct waiting_list *l, struct waiting *w, bool go)
{
	w->settled = true;
	l->settle(l->arg, &w->one, go);
	free(w->one.packet);
	w->one.packet = NULL;
}

/* --- aside --------------------------------------------------------------------- */

/* False: there is no room. */
static bool put_aside(struct waiting_list *l, const struct waiting *w,
		      bool stored)
{
	if (!l->aside)
		l->aside = malloc(ASIDE_MAX * sizeof(*l->aside));
	if (!l->aside || l->nr_aside == ASIDE_MAX)
		return false;
	l->aside[l->nr_aside] = *w;
	l->aside[l->nr_aside].settled = false;
	l->aside[l->nr_aside++].stored = stored;
	return true;
}

/* Those that are settled, or are in line again, go; the others keep their order. */
static void close_ranks(struct waiting_list *l)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < l->nr_aside; i++)
		if (!l->aside[i].settled)
			l->aside[kept++] = l->aside[i];
	l->nr_aside = kept;
}

/* One of those in line, which leaves it. */
static void settle(struct waiting_list *l, struct waiting *w, bool go,
		   bool stored)
{
	if (w->settled)
		return;
	if (go && !is_open(l, w->group, stored) && put_aside(l, w, stored))
		w->settled = true;
	else
		finish(l, w, go && is_open(l, w->group, stored));
}

void waiting_let_go(struct waiting_list *l, const struct queued *one,
		    bool stored, const void *of, const void *group)
{
	struct waiting w = { .may_go = true, .of = of, .group = group };

	if (is_open(l, group, stored)) {
		l->settle(l->arg, one, true);
		return;
	}
	if (!copy(&w.one, one) && put_aside(l, &w, stored))
		return;
	free(w.one.packet);
	l->settle(l->arg, one, false);
}

void waiting_retry(struct waiting_list *l)
{
	for (uint32_t i = 0; i < l->nr_aside; i++) {
		struct waiting *w = &l->aside[i];

		if (is_open(l, w->group, w->stored))
			finish(l, w, true);
	}
	close_ranks(l);
}

/* --- in line -------------------------------------------------------------------- */

static struct waiting *at(const struct waiting_list *l, uint32_t i)
{
	return &l->ring[(l->head + i) & (l->size - 1)];
}

static int grow(struct waiting_list *l)
{
	uint32_t size = l->size ? l->size * 2 : 1024;
	struct waiting *ring = malloc(size * sizeof(*ring));

	if (!ring)
		return -ENOMEM;
	for (uint32_t i = 0; i < l->nr; i++)
		ring[i] = *at(l, i);
	free(l->ring);
	l->ring = ring;
	l->size = size;
	l->head = 0;
	return 0;
}

/* Behind those that wait for the same or for less: seldom before others, as what
 * the standby is told last is what most of them wait for. */
static int enqueue(struct waiting_list *l, const struct waiting *w)
{
	uint32_t i = l->nr;

	if (l->nr == l->size && grow(l))
		return -ENOMEM;
	l->nr++;
	for (; i && at(l, i - 1)->sequence > w->sequence; i--)
		*at(l, i) = *at(l, i - 1);
	*at(l, i) = *w;
	return 0;
}

int waiting_add(struct waiting_list *l, const struct queued *one,
		uint64_t sequence, bool may_go, const void *of,
		const void *group)
{
	struct waiting w = {
		.may_go = may_go, .sequence = sequence, .of = of, .group = group
	};
	int err = copy(&w.one, one) ?: enqueue(l, &w);

	if (err)
		free(w.one.packet);
	return err;
}

void waiting_release(struct waiting_list *l, uint64_t sequence)
{
	while (l->nr) {
		struct waiting *w = at(l, 0);

		if (w->sequence > sequence)
			break;
		l->head++;
		l->nr--;
		settle(l, w, true, true);
	}
}

void waiting_withdraw(struct waiting_list *l, const void *of)
{
	for (uint32_t i = 0; i < l->nr_aside; i++)
		if (l->aside[i].of == of)
			l->aside[i].stored = false;
	for (uint32_t i = 0; i < l->nr; i++)
		if (at(l, i)->of == of)
			settle(l, at(l, i), at(l, i)->may_go, false);
}

void waiting_give_up(struct waiting_list *l)
{
	for (uint32_t i = 0; i < l->nr_aside; i++)
		l->aside[i].stored = false;
	for (; l->nr; l->nr--, l->head++)
		settle(l, at(l, 0), at(l, 0)->may_go, false);
}

void waiting_resume(struct waiting_list *l, const void *of, uint64_t sequence)
{
	for (uint32_t i = 0; i < l->nr_aside; i++) {
		struct waiting *w = &l->aside[i];

		if (w->of != of)
			continue;
		w->sequence = sequence;
		if (enqueue(l, w))
			break; /* it stays aside, and goes with the gate */
		w->settled = true;
	}
	close_ranks(l);
}

void waiting_disown(struct waiting_list *l, const void *group)
{
	for (uint32_t i = 0; i < l->nr_aside; i++)
		if (l->aside[i].group == group)
			finish(l, &l->aside[i], false);
	close_ranks(l);
	for (uint32_t i = 0; i < l->nr; i++)
		if (at(l, i)->group == group && !at(l, i)->settled)
			finish(l, at(l, i), false);
}
