/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a program that holds an owner's state and the agent of its host say to
 * each other, as JSON (docs/control.md): the one what it holds, the other what the
 * switch's word on that owner is. Pure.
 */
#ifndef LIB_OWN_JSON_H
#define LIB_OWN_JSON_H

#include <jansson.h>

#include "lib/link/link_key.h"
#include "lib/ownership/own_wire.h"

/* The switch's word on an owner, and whom it is about. */
struct own_word {
	struct own_owner owner;
	uint16_t self; /* id of the host on which it is told */
	uint16_t keys; /* places whose host is known by a key */
	struct link_public key[BATON_OWNERSHIP_PLACES];
};

/* New references, NULL without memory. */
json_t *own_json_holding(const char *owner, const struct own_holding *h);
json_t *own_json_word(const struct own_word *w);

/* 0, or -EINVAL with `why` naming the field and what was expected. The id of the
 * owner is left to who knows it. */
int own_json_take_holding(const json_t *from, char owner[BATON_NAME_LEN],
			  struct own_holding *h, char *why, size_t size);
int own_json_take_word(const json_t *from, struct own_word *w, char *why,
		       size_t size);

#endif
