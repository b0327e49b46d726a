/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbers for names. The data plane knows services, hosts and owners by small
 * numbers, which the flow table remembers; so a name keeps its number across
 * reloads and restarts, and a number that was given up rests until a sweep of
 * the table has found the last flow that mentions it.
 */
#ifndef BATOND_IDS_H
#define BATOND_IDS_H

#include <stdbool.h>
#include <stdint.h>

#include "baton/abi.h"

#define IDS_MAX 4096

struct ids {
	char name[IDS_MAX][BATON_NAME_LEN]; /* "": free, or resting */
	uint8_t rest[IDS_MAX]; /* full sweeps until it may be given again */
	uint16_t limit; /* ids are below it; 0 is never one */
	uint16_t top; /* highest id ever given */
};

void ids_init(struct ids *ids, uint16_t limit);

/* The id of a name, 0: it has none. */
uint16_t ids_find(const struct ids *ids, const char *name);

/* The name of an id, NULL: nobody has it. */
const char *ids_name(const struct ids *ids, uint16_t id);

/* The id of a name, a new one if need be; 0: all are taken. */
uint16_t ids_get(struct ids *ids, const char *name);

/* The name has had this id before (adoption). */
void ids_put(struct ids *ids, uint16_t id, const char *name);

/* Give up an id. It rests for two sweeps: one may be under way. */
void ids_drop(struct ids *ids, uint16_t id);

/* A sweep of the whole flow table has ended. */
void ids_swept(struct ids *ids);

#endif
