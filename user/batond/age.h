/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ageing the flow table: the controller walks the mapped table, a slice at a
 * time, frees what was idle for too long, and counts what is left.
 */
#ifndef BATOND_AGE_H
#define BATOND_AGE_H

#include "batond.h"

/* Idle time in seconds after which a flow in this state is forgotten. */
uint32_t age_limit(const struct config *c, uint8_t protocol, uint8_t state);

/* Sweep a part of the table such that all of it is swept in about
 * AGE_PERIOD_MS, when called every AGE_SLICE_MS. */
#define AGE_SLICE_MS 10
#define AGE_PERIOD_MS 5000
void age_slice(struct batond *b);

#endif
