/* SPDX-License-Identifier: GPL-2.0-only */
/* What the readers and writers of lib/yaml*.c share about structs and their
 * tables. */
#ifndef LIB_YAML_OBJECT_H
#define LIB_YAML_OBJECT_H

#include "lib/yaml.h"

#define YAML_KEY_TEXT 64

#define yaml_each_field(f, s) for (f = (s)->fields; f->key; f++)

/* Items of an ARRAY or LIST. */
struct yaml_items {
	char *first;
	size_t count;
};

struct yaml_items yaml_items(const struct yaml_field *f, const void *object);

static inline void *yaml_item(const struct yaml_field *f,
			      const struct yaml_items *items, size_t i)
{
	return items->first + i * f->items->size;
}

bool yaml_field_equal(const struct yaml_field *f, const void *a, const void *b);

/* Must it be given? */
bool yaml_field_wanted(const struct yaml_field *f, const void *object);

/* The key in the syntax of the file: '-' where the table says '_'. */
const char *yaml_key(const struct yaml_field *f, char key[YAML_KEY_TEXT]);

/* Give members their defaults; what they held is freed. 0 or -ENOMEM. */
int yaml_field_default(const struct yaml_field *f, void *object);
int yaml_defaults(const struct yaml_schema *s, void *object);

#endif
