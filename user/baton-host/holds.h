/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What programs of this host say that they hold of owners, each over a connection
 * to the agent's control socket, and for as long as that lasts.
 */
#ifndef BATON_HOST_HOLDS_H
#define BATON_HOST_HOLDS_H

#include <jansson.h>
#include <stdbool.h>

#include "lib/jsonserver.h"
#include "lib/ownership/own_wire.h"

struct holds {
	struct hold *first; /* the newest */
	size_t nr;
};

/* Who asks says this. 0 with the owner's name filled, or a negative errno with
 * `why` filled. */
int holds_take(struct holds *h, const struct jsonserver_client *of,
	       const json_t *request, char owner[BATON_NAME_LEN],
	       char why[JSONSERVER_WHY]);

/* What was said of an owner last; NULL: nothing by anybody who is there. */
const struct own_holding *holds_find(const struct holds *h, const char *owner);

/* It is not there any more: what it said counts no longer, owner by owner. True, with
 * a name filled, until nothing is left of it. */
bool holds_drop(struct holds *h, const struct jsonserver_client *of,
		char owner[BATON_NAME_LEN]);

#endif
