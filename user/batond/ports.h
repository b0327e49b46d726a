/* SPDX-License-Identifier: GPL-2.0-only */
/* The switch's ports: attaching to interfaces, and what is amiss with them. */
#ifndef BATOND_PORTS_H
#define BATOND_PORTS_H

#include "batond.h"

/* Attach to all ports of the configuration, and leave those that are none any
 * more. 0, or a negative errno with the reason logged. */
int ports_attach(struct batond *b, const struct config *c);

#endif
