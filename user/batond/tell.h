/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Notes become events: what happened to hosts, and each decision with what led
 * to it. The main thread's; docs/control.md has the fields.
 */
#ifndef BATOND_TELL_H
#define BATOND_TELL_H

#include <jansson.h>

#include "batond.h"

/* What is kept from one note to the next. */
struct telling {
	json_t *because; /* the event that the last decision was due to; the
			  * caller's reference, NULL at first */
	const char *capture; /* file about those that failed over; or NULL */
};

/* In the order in which they were noted. */
void tell(struct batond *b, const struct note *n, struct telling *t);

/* A move as the answer to a request has it. */
json_t *tell_move_json(const struct batond *b, const struct note *n);

#endif
