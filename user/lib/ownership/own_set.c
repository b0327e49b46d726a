// SPDX-License-Identifier: GPL-2.0-only
#include "own_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void own_set_init(struct own_set *s, uint16_t author)
{
	*s = (struct own_set){ .author = author };
}

void own_set_free(struct own_set *s)
{
	free(s->entries);
	own_set_init(s, s->author);
}

/* The kinds that the author may have, one behind the other. */
static uint32_t place(const struct own_set *s, uint8_t kind, uint16_t slot)
{
	uint32_t at = slot;

	for (uint8_t i = 0; i < kind; i++)
		if (own_may_author(i, s->author))
			at += own_slots(i);
	return at;
}

static struct own_entry *find(const struct own_set *s, uint8_t kind,
			      uint16_t slot)
{
	uint32_t at = place(s, kind, slot);

	return at < s->nr ? &s->entries[at] : NULL;
}

const struct own_record *own_set_find(const struct own_set *s, uint8_t kind,
				      uint16_t slot)
{
	const struct own_entry *e = NULL;

	if (slot < own_slots(kind) && own_may_author(kind, s->author))
		e = find(s, kind, slot);
	return e && e->record.kind ? &e->record : NULL;
}

const struct own_record *own_set_next(const struct own_set *s,
				      const struct own_record *r)
{
	uint32_t i = r ? place(s, r->kind, r->slot) + 1 : 0;

	for (; i < s->nr; i++)
		if (s->entries[i].record.present)
			return &s->entries[i].record;
	return NULL;
}

static struct own_entry *find_or_make(struct own_set *s, uint8_t kind,
				      uint16_t slot)
{
	uint32_t nr = place(s, kind, slot) + 1;
	struct own_entry *entries;

	if (nr > s->nr) {
		entries = reallocarray(s->entries, nr, sizeof(*entries));
		if (!entries)
			return NULL;
		memset(entries + s->nr, 0, (nr - s->nr) * sizeof(*entries));
		s->entries = entries;
		s->nr = nr;
	}
	return find(s, kind, slot);
}

/* --- one's own ---------------------------------------------------------------- */

static void unlink_entry(struct own_set *s, const struct own_entry *e)
{
	if (e->older)
		s->entries[e->older - 1].newer = e->newer;
	if (e->newer)
		s->entries[e->newer - 1].older = e->older;
	else if (s->newest)
		s->newest = e->older;
}

static void make_newest(struct own_set *s, struct own_entry *e)
{
	uint32_t self = e - s->entries + 1;

	if (e->record.version)
		unlink_entry(s, e);
	e->older = s->newest;
	e->newer = 0;
	if (s->newest)
		s->entries[s->newest - 1].newer = self;
	s->newest = self;
}

int own_set_change(struct own_set *s, const struct own_record *r)
{
	struct own_entry *e;

	if (r->slot >= own_slots(r->kind) ||
	    !own_may_author(r->kind, s->author))
		return -EINVAL;
	e = find_or_make(s, r->kind, r->slot);
	if (!e)
		return -ENOMEM;
	if (e->record.version ? own_record_equal(&e->record, r) : !r->present)
		return 0;
	make_newest(s, e);
	e->record = *r;
	e->record.version = ++s->version;
	return 1;
}

/* The oldest change after `since`; 0: there is none. */
static uint32_t first_after(const struct own_set *s, uint64_t since)
{
	uint32_t i = s->newest, first = 0;

	while (i && s->entries[i - 1].record.version > since) {
		first = i;
		i = s->entries[i - 1].older;
	}
	return first;
}

void own_set_delta(const struct own_set *s, uint64_t since,
		   struct own_message *m)
{
	size_t room =
		BATON_OWNERSHIP_MAX - OWN_HEADER_SIZE - BATON_OWNERSHIP_MAC;
	uint32_t i = first_after(s, since);
	struct own_header *h = &m->header;

	h->records = 0;
	h->since = h->until = since;
	h->latest = s->version;
	for (; i; i = s->entries[i - 1].newer) {
		const struct own_record *r = &s->entries[i - 1].record;

		if (own_record_size(r) > room)
			return;
		room -= own_record_size(r);
		m->record[h->records++] = *r;
		h->until = r->version;
	}
	h->until = s->version;
}

/* --- a peer's ----------------------------------------------------------------- */

static int merge(struct own_set *s, const struct own_record *r,
		 own_changed_fn *fn, void *arg)
{
	struct own_entry *e = find_or_make(s, r->kind, r->slot);
	bool same;

	if (!e)
		return -ENOMEM;
	if (r->version <= e->record.version)
		return 0;
	same = e->record.kind ? own_record_equal(&e->record, r) : !r->present;
	e->record = *r;
	if (!same)
		fn(arg, s->author, &e->record);
	return 0;
}

/* All has been said in this boot: what was not is no more. */
static void sweep(struct own_set *s, own_changed_fn *fn, void *arg)
{
	for (uint32_t i = 0; i < s->nr; i++) {
		struct own_record *r = &s->entries[i].record;

		if (!r->present || r->version)
			continue;
		r->present = 0;
		fn(arg, s->author, r);
	}
	s->whole = true;
}

int own_set_merge(struct own_set *s, const struct own_message *m,
		  own_changed_fn *fn, void *arg)
{
	const struct own_header *h = &m->header;

	if (h->since > s->version)
		return -ESTALE;
	for (int i = 0; i < h->records; i++)
		if (merge(s, &m->record[i], fn, arg))
			return -ENOMEM;
	if (h->until > s->version)
		s->version = h->until;
	if (!s->whole && s->version == h->latest)
		sweep(s, fn, arg);
	return 0;
}

void own_set_restart(struct own_set *s)
{
	for (uint32_t i = 0; i < s->nr; i++)
		s->entries[i].record.version = 0;
	s->version = 0;
	s->whole = false;
}
