/* SPDX-License-Identifier: GPL-2.0-only */
/* Names of the objects of a list, sorted: to find one, or two of one name. */
#ifndef BATOND_CONFIG_INDEX_H
#define BATOND_CONFIG_INDEX_H

#include <stdbool.h>
#include <stddef.h>

struct config_index {
	/* They point to the objects; equal ones are in the list's order. */
	const char **names;
	size_t n;
};

/* The name is the first member of the n objects. 0 or -ENOMEM. */
int config_index_make(struct config_index *x, const void *objects, size_t n,
		      size_t size);
bool config_index_has(const struct config_index *x, const char *name);
void config_index_free(struct config_index *x);

#endif
