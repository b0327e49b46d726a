/* SPDX-License-Identifier: GPL-2.0-only */
/* BFD in the prober's loop: what probing_round() does for the hosts that are
 * watched so. */
#ifndef BATOND_PROBER_BFD_H
#define BATOND_PROBER_BFD_H

#include "prober.h"

/*
 * Have the sockets, as long as there are sessions: somebody else on this
 * machine may want the port otherwise. Are they open? If they cannot be had,
 * nobody is judged.
 */
bool probing_bfd_open(struct probing *g, uint64_t now);

/* Take what has arrived. */
void probing_bfd_read(struct probing *g);

/* With the lock held: bfd_sessions_round(). */
uint64_t probing_bfd_round(struct probing *g, uint64_t now, uint64_t together);

#endif
