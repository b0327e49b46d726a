/* SPDX-License-Identifier: GPL-2.0-only */
/* The operator's program that boots a standby (row K7). */
#ifndef BATOND_HOOK_H
#define BATOND_HOOK_H

#include "batond.h"

int hook_start(struct batond *b); /* 0 or a negative errno */

#endif
