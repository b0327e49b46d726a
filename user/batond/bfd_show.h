/* SPDX-License-Identifier: GPL-2.0-only */
/* BFD sessions for people and programs that ask (docs/control.md). */
#ifndef BATOND_BFD_SHOW_H
#define BATOND_BFD_SHOW_H

#include <jansson.h>

#include "batond.h"

const char *bfd_diag_label(uint8_t diag);

/* All of a session; null if there is none with the host. */
json_t *bfd_json(const struct bfd_host *h, uint64_t now);

/* What concerns no host by itself. */
json_t *bfd_status_json(const struct bfd_sessions *s);

/* What is noted of a session, and the event that tells of it. */
struct note_bfd bfd_note(const struct bfd_host *h);
void bfd_tell(struct batond *b, const struct note *n);

#endif
