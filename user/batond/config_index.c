// SPDX-License-Identifier: GPL-2.0-only
#include "config_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Equal names in the order of their objects, which lie in one array. */
static int compare(const void *a, const void *b)
{
	const char *na = *(const char *const *)a, *nb = *(const char *const *)b;
	int order = strcmp(na, nb);

	return order ? order : (na > nb) - (na < nb);
}

static int compare_name(const void *name, const void *entry)
{
	return strcmp(name, *(const char *const *)entry);
}

int config_index_make(struct config_index *x, const void *objects, size_t n,
		      size_t size)
{
	size_t i;

	x->n = n;
	x->names = n ? calloc(n, sizeof(*x->names)) : NULL;
	if (n && !x->names)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		x->names[i] = (const char *)objects + i * size;
	if (n)
		qsort(x->names, n, sizeof(*x->names), compare);
	return 0;
}

bool config_index_has(const struct config_index *x, const char *name)
{
	return x->n &&
	       bsearch(name, x->names, x->n, sizeof(*x->names), compare_name);
}

void config_index_free(struct config_index *x)
{
	free(x->names);
	x->names = NULL;
	x->n = 0;
}
