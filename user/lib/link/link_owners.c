// SPDX-License-Identifier: GPL-2.0-only
#include "lib/link/link_owners.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OWNER BATON_LINK_ROLE_OWNER
#define STANDBY BATON_LINK_ROLE_STANDBY
#define NONE BATON_LINK_ROLE_NONE

void link_owners_free(struct link_owners *o)
{
	free(o->entries);
	*o = (struct link_owners){ 0 };
}

/* Where the tag is, or belongs. */
static size_t place(const struct link_owners *o, uint32_t tag)
{
	size_t low = 0, high = o->nr;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (o->entries[middle].tag < tag)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct link_owner *link_owners_find(const struct link_owners *o, uint32_t tag)
{
	size_t i = place(o, tag);

	return i < o->nr && o->entries[i].tag == tag ? &o->entries[i] : NULL;
}

static int add(struct link_owners *o, const struct link_owner *new)
{
	size_t i = place(o, new->tag);
	struct link_owner *entries =
		reallocarray(o->entries, o->nr + 1, sizeof(*entries));

	if (!entries)
		return -ENOMEM;
	memmove(&entries[i + 1], &entries[i], (o->nr - i) * sizeof(*entries));
	entries[i] = *new;
	o->entries = entries;
	o->nr++;
	return 0;
}

int link_owners_set(struct link_owners *o, uint32_t tag, uint8_t role,
		    uint32_t epoch)
{
	const struct link_owner new = { tag, epoch, role, false };
	struct link_owner *e = link_owners_find(o, tag);

	if (!tag || role >= BATON_LINK_NR_ROLES)
		return -EINVAL;
	if (!e)
		return add(o, &new);
	if (epoch < e->epoch)
		return -ESTALE;
	if (epoch > e->epoch)
		*e = new;
	else if (role == OWNER && e->taken)
		return -ESTALE;
	e->role = role;
	return 0;
}

void link_owners_forget(struct link_owners *o, uint32_t tag)
{
	struct link_owner *e = link_owners_find(o, tag);

	if (e) {
		o->nr--;
		memmove(e, e + 1, (&o->entries[o->nr] - e) * sizeof(*e));
	}
}

int link_owners_accept(struct link_owners *o, const struct link_frame *f,
		       bool *deposed)
{
	struct link_owner *e;

	*deposed = false;
	if (!f->owner)
		return 0;
	e = link_owners_find(o, f->owner);
	if (!e)
		return BATON_LINK_BAD_OWNER;
	if (f->epoch < e->epoch)
		return BATON_LINK_BAD_EPOCH_OLD;
	if (f->role == OWNER && f->epoch > e->epoch) {
		*deposed = e->role == OWNER;
		e->epoch = f->epoch;
		e->taken = true;
		if (*deposed)
			e->role = STANDBY;
		return 0;
	}
	/* who makes this node an owner is its switch, never a peer */
	if (f->epoch > e->epoch)
		return BATON_LINK_BAD_EPOCH_AHEAD;
	if ((f->role == OWNER) == (e->role == OWNER))
		return BATON_LINK_BAD_CONFLICT;
	if (f->role == OWNER)
		e->taken = true;
	return 0;
}

static bool is_snapshot(uint8_t type)
{
	return link_type_is_data(type) && type != BATON_LINK_STREAM;
}

int link_owners_permit(const struct link_owners *o, struct link_frame *f)
{
	const struct link_owner *e;

	f->role = NONE;
	if (!f->owner)
		return 0;
	e = link_owners_find(o, f->owner);
	if (!e)
		return -ENOENT;
	if (e->epoch != f->epoch)
		return -ESTALE;
	if (e->role == NONE || (is_snapshot(f->type) && e->role != OWNER))
		return -EPERM;
	f->role = e->role;
	return 0;
}

bool link_owners_told(struct link_owners *o, uint32_t tag, uint32_t epoch)
{
	struct link_owner *e = link_owners_find(o, tag);
	bool was_owner;

	if (!e || epoch <= e->epoch)
		return false;
	was_owner = e->role == OWNER;
	e->epoch = epoch;
	e->taken = false;
	if (was_owner)
		e->role = NONE;
	return was_owner;
}
