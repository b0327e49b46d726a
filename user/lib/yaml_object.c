// SPDX-License-Identifier: GPL-2.0-only
#include "lib/yaml_object.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/yaml_scalar.h"

static size_t *count_of(const struct yaml_field *f, void *object)
{
	return (size_t *)((char *)object + f->count);
}

static bool all_zero(const char *p, size_t size)
{
	return !*p && !memcmp(p, p + 1, size - 1);
}

struct yaml_items yaml_items(const struct yaml_field *f, const void *object)
{
	char *member = (char *)object + f->offset;
	struct yaml_items items = { 0 };
	size_t size = f->items->size;

	if (f->type == YAML_TYPE_LIST) {
		items.first = *(char **)member;
		items.count = *count_of(f, (void *)object);
		return items;
	}
	items.first = member;
	while ((items.count + 1) * size <= f->size &&
	       !all_zero(member + items.count * size, size))
		items.count++;
	return items;
}

static bool items_equal(const struct yaml_field *f, const void *a,
			const void *b)
{
	struct yaml_items ia = yaml_items(f, a), ib = yaml_items(f, b);
	size_t i;

	if (ia.count != ib.count)
		return false;
	for (i = 0; i < ia.count; i++) {
		if (!yaml_equal(f->items, yaml_item(f, &ia, i),
				yaml_item(f, &ib, i)))
			return false;
	}
	return true;
}

bool yaml_field_equal(const struct yaml_field *f, const void *a, const void *b)
{
	if (yaml_is_scalar(f->type))
		return yaml_scalar_equal(f, a, b);
	if (f->type == YAML_TYPE_SECTION)
		return yaml_equal(f->items, (const char *)a + f->offset,
				  (const char *)b + f->offset);
	return items_equal(f, a, b);
}

bool yaml_equal(const struct yaml_schema *s, const void *a, const void *b)
{
	const struct yaml_field *f;

	yaml_each_field(f, s)
	{
		if (!yaml_field_equal(f, a, b))
			return false;
	}
	return true;
}

/* Free what the members point to, and zero them. */
static void free_members(const struct yaml_schema *s, void *object);

static void free_member(const struct yaml_field *f, void *object)
{
	char *member = (char *)object + f->offset;
	struct yaml_items items;
	size_t i;

	switch (f->type) {
	case YAML_TYPE_STRING:
		free(*(char **)member);
		break;
	case YAML_TYPE_SECTION:
		/* Its struct may be the one that holds it: no memset below */
		free_members(f->items, member);
		return;
	case YAML_TYPE_LIST:
	case YAML_TYPE_ARRAY:
		items = yaml_items(f, object);
		for (i = 0; i < items.count; i++)
			yaml_clear(f->items, yaml_item(f, &items, i));
		if (f->type == YAML_TYPE_ARRAY)
			break;
		free(items.first);
		*count_of(f, object) = 0;
		break;
	default:
		break;
	}
	memset(member, 0, f->size);
}

static void free_members(const struct yaml_schema *s, void *object)
{
	const struct yaml_field *f;

	yaml_each_field(f, s) free_member(f, object);
}

void yaml_clear(const struct yaml_schema *s, void *object)
{
	free_members(s, object);
	memset(object, 0, s->size);
}

int yaml_field_default(const struct yaml_field *f, void *object)
{
	if (f->alias)
		return 0;
	if (f->type == YAML_TYPE_SECTION)
		return yaml_defaults(f->items, (char *)object + f->offset);
	free_member(f, object);
	return f->unset ? yaml_scalar_parse(f, object, f->unset) : 0;
}

int yaml_defaults(const struct yaml_schema *s, void *object)
{
	const struct yaml_field *f;
	int err = 0;

	yaml_each_field(f, s)
	{
		err = yaml_field_default(f, object);
		if (err)
			break;
	}
	return err;
}

/*
 * *object is a shallow copy: give it its own of everything that it points to.
 * What there is no memory for becomes NULL.
 */
static int own_members(const struct yaml_schema *s, void *object);

static int own_list(const struct yaml_field *f, void *object)
{
	struct yaml_items items = yaml_items(f, object);
	char *copy = NULL;
	size_t i;

	if (items.count)
		copy = calloc(items.count, f->items->size);
	*(char **)((char *)object + f->offset) = copy;
	*count_of(f, object) = 0;
	if (!copy)
		return items.count ? -ENOMEM : 0;
	for (i = 0; i < items.count; i++) {
		*count_of(f, object) = i + 1;
		if (yaml_copy(f->items, copy + i * f->items->size,
			      yaml_item(f, &items, i)))
			return -ENOMEM;
	}
	return 0;
}

static int own_member(const struct yaml_field *f, void *object)
{
	char *member = (char *)object + f->offset, **text = (char **)member;
	struct yaml_items items;
	int err = 0;
	size_t i;

	switch (f->type) {
	case YAML_TYPE_STRING:
		if (!*text)
			return 0;
		*text = strdup(*text);
		return *text ? 0 : -ENOMEM;
	case YAML_TYPE_SECTION:
		return own_members(f->items, member);
	case YAML_TYPE_ARRAY:
		items = yaml_items(f, object);
		for (i = 0; i < items.count; i++)
			if (own_members(f->items, yaml_item(f, &items, i)))
				err = -ENOMEM;
		return err;
	case YAML_TYPE_LIST:
		return own_list(f, object);
	default:
		return 0;
	}
}

static int own_members(const struct yaml_schema *s, void *object)
{
	const struct yaml_field *f;
	int err = 0;

	yaml_each_field(f, s)
	{
		if (own_member(f, object))
			err = -ENOMEM;
	}
	return err;
}

int yaml_copy(const struct yaml_schema *s, void *to, const void *from)
{
	int err;

	memcpy(to, from, s->size);
	err = own_members(s, to);
	if (err)
		yaml_clear(s, to);
	return err;
}

/* The key in the syntax of the file */
const char *yaml_key(const struct yaml_field *f, char key[YAML_KEY_TEXT])
{
	size_t i;

	for (i = 0; f->key[i] && i < YAML_KEY_TEXT - 1; i++)
		key[i] = f->key[i] == '_' ? '-' : f->key[i];
	key[i] = '\0';
	return key;
}

bool yaml_field_wanted(const struct yaml_field *f, const void *object)
{
	return f->required || (f->needed && f->needed(object));
}
