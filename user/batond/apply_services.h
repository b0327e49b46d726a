/* SPDX-License-Identifier: GPL-2.0-only */
/* The part of apply.h that concerns services and their Maglev rings. */
#ifndef BATOND_APPLY_SERVICES_H
#define BATOND_APPLY_SERVICES_H

#include "batond.h"

int services_ids(struct batond *b, const struct config *to);
int services_write(struct batond *b, const struct config *to, char why[512]);
void services_adopt(struct batond *b);

/* The part of its ring (0..1) that an owner has. */
double services_share(const struct batond *b, uint16_t service, uint16_t owner);

#endif
