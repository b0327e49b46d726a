/* SPDX-License-Identifier: GPL-2.0-only */
/* The objects of a list, sorted: to find one, or two that are alike. */
#ifndef BATOND_CONFIG_INDEX_H
#define BATOND_CONFIG_INDEX_H

#include <stddef.h>

/* Order of two objects, as strcmp() has it; 0: alike */
typedef int config_compare(const void *a, const void *b);

struct config_index {
	const void **objects;
	size_t n;
	config_compare *compare;
};

/* Of n objects, each of `size` bytes. 0 or -ENOMEM. */
int config_index_make(struct config_index *x, const void *objects, size_t n,
		      size_t size, config_compare *compare);
void config_index_free(struct config_index *x);

/* The first of those that are like *key, or NULL. */
const void *config_index_find(const struct config_index *x, const void *key);

/* The first of those that are like objects[i], or NULL if that is itself. */
const void *config_index_earlier(const struct config_index *x, size_t i);

#endif
