// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "config.h"
#include "config_schema.h"

/* The list of a configuration that a field of its schema describes. */
struct list {
	const char *items;
	size_t n;
};

static struct list list_of(const struct config *c, const struct yaml_field *f)
{
	const char *base = (const char *)c;
	struct list l;

	memcpy(&l.items, base + f->offset, sizeof(l.items));
	memcpy(&l.n, base + f->count, sizeof(l.n));
	return l;
}

/* The first field of an item is its name, and stands in the item itself. */
static const char *find(const struct list *l, const struct yaml_schema *s,
			const char *name)
{
	for (size_t i = 0; i < l->n; i++) {
		const char *item = l->items + i * s->size;

		if (!strcmp(item + s->fields[0].offset, name))
			return item;
	}
	return NULL;
}

static uint32_t differences(const struct list *a, const struct list *b,
			    const struct yaml_schema *s)
{
	uint32_t n = 0;

	for (size_t i = 0; i < a->n; i++) {
		const char *item = a->items + i * s->size, *other;

		other = find(b, s, item + s->fields[0].offset);
		n += !other || !yaml_equal(s, item, other);
	}
	for (size_t i = 0; i < b->n; i++)
		n += !find(a, s, b->items + i * s->size + s->fields[0].offset);
	return n;
}

uint32_t config_changes(const struct config *a, const struct config *b)
{
	const struct yaml_field *f;
	uint32_t n = 0;

	for (f = config_schema.fields; f->key; f++) {
		struct list la, lb;

		if (f->type != YAML_TYPE_LIST)
			continue;
		la = list_of(a, f);
		lb = list_of(b, f);
		n += differences(&la, &lb, f->items);
	}
	return n;
}
