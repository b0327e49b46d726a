/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The picture that a node has of all, for people: the same from whichever node is
 * asked (row K4). Each returns a new reference.
 */
#ifndef LIB_OWN_SHOW_H
#define LIB_OWN_SHOW_H

#include <jansson.h>

#include "own_speaker.h"

/* What a node says of itself, and when it was last heard; null: never. */
json_t *own_show_announced(const struct own_speaker *s, uint16_t id);

/* Of a host that is not the switch: what the switch says of the hosts that take
 * part, and of owners. `name`: of that one only, if not NULL. */
json_t *own_show_hosts(const struct own_speaker *s, const char *name);
json_t *own_show_owners(const struct own_speaker *s, const char *name);

/* Messages by what became of them. */
json_t *own_show_verdicts(const struct own_speaker *s);

#endif
