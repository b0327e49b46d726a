/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BATON_HASHED_H
#define BATON_HASHED_H

#include "lib/flowmap.h"
#include "names.h"

/*
 * The owner that consistent hashing gives a connection that is not in the
 * flow table. Its id (0: the ring is empty), or a negative errno with a
 * message.
 */
int hashed_owner(const char *bpffs, const struct baton_meta *meta,
		 const struct names *n, const struct flowmap_key *key,
		 char error[PINNED_ERROR]);

#endif
