/* SPDX-License-Identifier: GPL-2.0-only */
/* Which connections a `flow` command is about. */
#ifndef BATON_FILTER_H
#define BATON_FILTER_H

#include <jansson.h>
#include <stdbool.h>

#include "command.h"
#include "lib/flowmap.h"
#include "names.h"

struct filter {
	struct addr client; /* family 0: any */
	unsigned int prefix; /* bits of it that count */
	int port; /* -1: any */
	uint16_t service, owner, host; /* 0: any */
	int state; /* -1: any */
	int confirmed; /* -1: any */
	json_int_t limit; /* connections to show, -1: all */
};

/*
 * From the arguments of a command. 0, -EINVAL (not understood), -ENOENT (no
 * such service, owner or host), with a message.
 */
int filter_parse(struct filter *f, const json_t *args, const struct names *n,
		 char error[COMMAND_ERROR]);

bool filter_match(const struct filter *f, const struct names *n,
		  const struct flowmap_slot *slot);

/*
 * Does it say all of a connection's key? Of IPsec the port may be left out.
 */
bool filter_is_key(const struct filter *f, const struct names *n,
		   struct flowmap_key *key);

#endif
