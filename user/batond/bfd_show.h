/* SPDX-License-Identifier: GPL-2.0-only */
/* BFD sessions for people and programs that ask (docs/control.md). */
#ifndef BATOND_BFD_SHOW_H
#define BATOND_BFD_SHOW_H

#include <jansson.h>

#include "bfd_session.h"

const char *bfd_state_label(uint8_t state);
const char *bfd_diag_label(uint8_t diag);

/* How many packets were discarded for which reason. */
json_t *bfd_discards_json(const uint64_t discarded[BFD_NR_DISCARDS]);

/* All of a session; null if there is none with the host. */
json_t *bfd_json(const struct bfd_host *h, uint64_t now);

#endif
