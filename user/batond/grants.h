/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What has been granted of owners' state, where a batond that starts again finds it:
 * in a map, beside the owners' words (docs/maps.md).
 */
#ifndef BATOND_GRANTS_H
#define BATOND_GRANTS_H

#include "batond.h"

/* With the lock held: write it down, before it is announced, and, in a new epoch,
 * before the owner's word is stored. */
void grants_keep(struct batond *b, uint16_t owner);

/* What was written down of an owner whose places, host and epoch the cluster has. If
 * that was another epoch, nothing counts. */
void grants_adopt(struct batond *b, uint16_t owner);

#endif
