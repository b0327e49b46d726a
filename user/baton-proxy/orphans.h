/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sockets that a dead proxy left in the kernel, or the kernel made or keeps by
 * itself: they try for minutes to begin or end their connections, which another
 * host plays now, and would stand in the way if these came back.
 */
#ifndef BATON_PROXY_ORPHANS_H
#define BATON_PROXY_ORPHANS_H

#include "config.h"
#include "segment.h"

/* What asks the kernel for it. NULL with errno. */
struct orphans *orphans_open(void);
void orphans_close(struct orphans *o);

/* Destroy all connected sockets at the addresses of protected services, and those
 * with clients' addresses to their servers; to be called before there are any of
 * ours. Their number, or a negative errno. */
int orphans_destroy(struct orphans *o, const struct config *c);

/* Destroy the one with these ends, if there is any, in whatever state. `o` may be
 * NULL: nothing is. */
void orphan_destroy(struct orphans *o, const struct tuple *t);

#endif
