/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where frames to a host go: port, link addresses, MTU, and the outer header
 * if it has one. Partly from the configuration, partly from the kernel's
 * routing and neighbour tables, which are followed as they change.
 */
#ifndef BATOND_RESOLVE_H
#define BATOND_RESOLVE_H

#include "batond.h"

/* Write the host's record. Without a link address yet, the kernel is made to
 * look for it, and packets for the host are dropped as unresolved. */
void resolve_host(struct batond *b, const struct config_host *h, uint16_t id);

void resolve_all(struct batond *b);

/* Start following the kernel's tables. 0 or a negative errno. */
int resolve_watch(struct batond *b);

#endif
