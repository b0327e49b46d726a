// SPDX-License-Identifier: GPL-2.0-only
#include "config_index.h"

#include <errno.h>
#include <stdlib.h>

/* Those that are alike stay in the order of their list, which is an array. */
static int order(const void *a, const void *b, void *index)
{
	const char *oa = *(const char *const *)a, *ob = *(const char *const *)b;
	struct config_index *x = index;
	int o = x->compare(oa, ob);

	return o ? o : (oa > ob) - (oa < ob);
}

int config_index_make(struct config_index *x, const void *objects, size_t n,
		      size_t size, config_compare *compare)
{
	size_t i;

	x->n = 0;
	x->compare = compare;
	x->objects = n ? calloc(n, sizeof(*x->objects)) : NULL;
	if (!x->objects)
		return n ? -ENOMEM : 0;
	for (i = 0; i < n; i++)
		x->objects[i] = (const char *)objects + i * size;
	x->n = n;
	qsort_r(x->objects, n, sizeof(*x->objects), order, x);
	return 0;
}

void config_index_free(struct config_index *x)
{
	free(x->objects);
	x->objects = NULL;
	x->n = 0;
}

const void *config_index_find(const struct config_index *x, const void *key)
{
	size_t low = 0, high = x->n, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (x->compare(x->objects[middle], key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == x->n || x->compare(x->objects[low], key))
		return NULL;
	return x->objects[low];
}

const void *config_index_earlier(const struct config_index *x, size_t i)
{
	const void *first = config_index_find(x, x->objects[i]);

	return first == x->objects[i] ? NULL : first;
}
