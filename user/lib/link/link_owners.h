/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What this node is to each owner, in which epoch: the guard of every DATA
 * frame (promise: at most one owner in an epoch). One table for all links of a
 * program. Epochs only grow. Pure.
 */
#ifndef LIB_LINK_OWNERS_H
#define LIB_LINK_OWNERS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/link/link_frame.h"

struct link_owner {
	uint32_t tag, epoch;
	uint8_t role; /* enum baton_link_role */
	bool taken; /* a peer has spoken as its OWNER in this epoch */
};

struct link_owners {
	struct link_owner *entries; /* sorted by tag */
	size_t nr;
};

void link_owners_free(struct link_owners *o);

struct link_owner *link_owners_find(const struct link_owners *o, uint32_t tag);

/*
 * This node is `role` to the owner in `epoch`. 0, -EINVAL (tag 0), -ENOMEM, or
 * -ESTALE if a later epoch is known, or if the role is OWNER and a peer has
 * spoken as that in this epoch.
 */
int link_owners_set(struct link_owners *o, uint32_t tag, uint8_t role,
		    uint32_t epoch);

/* Forget it: frames about it are refused from now on. */
void link_owners_forget(struct link_owners *o, uint32_t tag);

/*
 * May this DATA frame of a peer be accepted? 0, or the enum baton_link_reason
 * for which not. The word of a peer that plays the owner in a later epoch than
 * the known one is taken: the epoch is known from now on, and if this node was
 * its OWNER, it is its STANDBY, and *deposed says so.
 */
int link_owners_accept(struct link_owners *o, const struct link_frame *f,
		       bool *deposed);

/*
 * May this node send it? 0 with f->role filled, -ENOENT, -ESTALE (not the
 * epoch that is known) or -EPERM (its role may not send that).
 */
int link_owners_permit(const struct link_owners *o, struct link_frame *f);

/*
 * A peer refused a frame because it knows this epoch: so does this node now.
 * Returns whether that ended its being OWNER (it is nothing to it then).
 */
bool link_owners_told(struct link_owners *o, uint32_t tag, uint32_t epoch);

#endif
