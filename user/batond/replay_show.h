/* SPDX-License-Identifier: GPL-2.0-only */
/* The recorder, for people and programs that ask (docs/control.md). */
#ifndef BATOND_REPLAY_SHOW_H
#define BATOND_REPLAY_SHOW_H

#include <jansson.h>

#include "batond.h"

/* How much is recorded, and how much there is room for. */
json_t *recorder_json(const struct recorder *r);

/* What the host of an owner was given; null if nothing is recorded. */
json_t *replay_json(const struct replay_result *r);

#endif
