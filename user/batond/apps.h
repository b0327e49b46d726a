/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Applications: by name in the configuration, by tag in probes, by a bit of 64
 * in the cluster, which asks for nothing but sets of them.
 */
#ifndef BATOND_APPS_H
#define BATOND_APPS_H

#include <stdint.h>

#include "baton/probe.h"
#include "config.h"

#define APPS_MAX 64

struct apps {
	char name[APPS_MAX][BATON_APP_NAME_LEN]; /* "": bit not used */
	uint32_t tag[APPS_MAX];
};

struct probe_app;

/* Bits for those that services name; one that had a bit keeps it. */
void apps_configure(struct apps *a, const struct config *c);

/* The bit of a name or tag, 0: there is none. */
uint64_t apps_named(const struct apps *a, const char *name);
uint64_t apps_tagged(const struct apps *a, uint32_t tag);

/* Those that an owner needs: of the services that name it. */
uint64_t apps_needed(const struct apps *a, const struct config *c,
		     const char *owner);

/* Those that are in this state, of the BATON_PROBE_APPS that a host tells of. */
uint64_t apps_in(const struct apps *a, const struct probe_app *told,
		 enum baton_app_state state);

#endif
