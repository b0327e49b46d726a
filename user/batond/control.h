/* SPDX-License-Identifier: GPL-2.0-only */
/* The control socket: docs/control.md. */
#ifndef BATOND_CONTROL_H
#define BATOND_CONTROL_H

#include "batond.h"

/* 0, or a negative errno with a message logged. */
int control_open(struct batond *b, const char *path);
void control_close(struct batond *b);

#endif
