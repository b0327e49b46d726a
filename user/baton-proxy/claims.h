/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who holds what this proxy knows, agreed with the switch by way of the host's
 * agent (docs/ownership.md). As an owner it goes on without a standby only once the
 * switch no longer counts on that; as a standby it says when it has everything.
 * The rules themselves are lib/ownership/own_claim.h; this is what they are about:
 * the guardian's state goes in, and a gate comes out for what tells clients more
 * than they know. What this host plays it still hears from the agent's map, which is
 * first; the switch's word follows.
 *
 * Without `ownership` in the configuration there is none of it: the gate is open.
 */
#ifndef BATON_PROXY_CLAIMS_H
#define BATON_PROXY_CLAIMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/jsonclient.h"
#include "lib/ownership/own_claim.h"
#include "lib/speak/own_json.h"

struct proxy;
struct service;

/* Of one owner, whatever services it has. */
struct claims_owner {
	const char *name;
	struct own_claim claim;
	struct own_word word; /* the newest */
	struct own_record said; /* to the agent that there is */
	bool is_said;
	uint64_t asked; /* ns, since when a release is waited for; 0: none is */
	uint64_t unnamed; /* ns, since when it is played without a word; 0: no */
	bool told; /* that it is */
	uint64_t refused; /* epoch of a word, for it is older; 0: none was */
};

struct claims {
	struct claims_owner *owner;
	size_t nr;
	struct jsonclient agent;
	uv_prepare_t turn;
	bool stirred; /* the gate may have opened */
};

/* 0, or a negative errno with `why` filled. */
int claims_open(struct proxy *p, char *why, size_t size);
void claims_close(struct proxy *p);

/*
 * May what tells an end of a connection more than it knows leave now? `stored`:
 * the standby that there is has stored what is told.
 */
bool claims_gate(const struct service *s, bool stored);

/* By the newest word, is it this memory that plays the service in its epoch? */
bool claims_is_named(const struct service *s);

/* The gate may have opened, by something else than the switch's word. */
void claims_stir(struct proxy *p);

/* Whether and how the agent is there, for people; a new reference. */
json_t *claims_show(const struct proxy *p);

#endif
