// SPDX-License-Identifier: GPL-2.0-only
/* One object of a running configuration: added, changed, removed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "config_check.h"
#include "config_schema.h"

/* A list of config.h and the table of its objects */
struct list {
	const struct yaml_field *field;
	char **first;
	size_t *count;
	size_t size;
};

static int find_list(struct list *l, struct config *c, const char *kind,
		     struct config_errors *e)
{
	const struct yaml_field *f;

	for (f = config_schema.fields; f->key; f++) {
		if (f->type != YAML_TYPE_LIST || strcmp(f->items->what, kind))
			continue;
		l->field = f;
		l->first = (char **)((char *)c + f->offset);
		l->count = (size_t *)((char *)c + f->count);
		l->size = f->items->size;
		return 0;
	}
	return config_error(e, NULL, 0,
			    "unknown kind of object \"%s\"; expected host, "
			    "owner or service",
			    kind);
}

static void *find_object(const struct list *l, const char *name)
{
	size_t i;

	for (i = 0; i < *l->count; i++) {
		/* The name is the first member of all of them. */
		if (!strcmp(*l->first + i * l->size, name))
			return *l->first + i * l->size;
	}
	return NULL;
}

static void *append(const struct list *l)
{
	char *first = realloc(*l->first, (*l->count + 1) * l->size);

	if (!first)
		return NULL;
	*l->first = first;
	first += (*l->count)++ * l->size;
	return memset(first, 0, l->size);
}

static int no_memory(struct config_errors *e)
{
	config_error(e, NULL, 0, "not enough memory");
	return -ENOMEM;
}

static int put(struct config *c, const char *kind, const char *text,
	       bool replace, struct config_errors *e)
{
	struct yaml_source source = { .text = text,
				      .len = strlen(text),
				      .merge = replace };
	char name[BATON_NAME_LEN + 1]; /* too long a name stays too long */
	struct list l;
	void *object;
	int err;

	err = find_list(&l, c, kind, e);
	if (!err)
		err = yaml_read_name(l.field->items, &source, name,
				     sizeof(name), e);
	if (err)
		return err;
	if (!*name)
		return config_error(e, NULL, 0, "%s: %s is missing", kind,
				    l.field->items->fields->key);
	object = find_object(&l, name);
	if (object && !replace) {
		config_error(e, NULL, 0,
			     "%s \"%s\" exists; set it to change it", kind,
			     name);
		return -EEXIST;
	}
	if (!object && replace) {
		config_error(e, NULL, 0, "there is no %s \"%s\"", kind, name);
		return -ENOENT;
	}
	if (!object && *l.count == l.field->max) {
		config_error(e, NULL, 0,
			     "%s \"%s\": there are %zu already, "
			     "the most that is possible",
			     kind, name, *l.count);
		return -ENOSPC;
	}
	if (!object)
		object = append(&l);
	if (!object)
		return no_memory(e);
	return yaml_read(l.field->items, object, &source, e);
}

static void in_use(const char *kind, const char *name, const char *by_kind,
		   const char *by, struct config_errors *e, int *err)
{
	config_error(e, NULL, 0, "%s \"%s\" is in use by %s \"%s\"", kind, name,
		     by_kind, by);
	*err = -EBUSY;
}

static int host_in_use(const struct config *c, const char *name,
		       struct config_errors *e)
{
	size_t i, j;
	int err = 0;

	for (i = 0; i < c->nr_owners; i++) {
		const struct config_owner *o = &c->owners[i];
		bool uses = !strcmp(o->host, name);

		for (j = 0; j < BATON_MAX_STANDBYS; j++)
			uses |= !strcmp(o->standbys[j], name);
		if (uses)
			in_use("host", name, "owner", o->name, e, &err);
	}
	return err;
}

static int owner_in_use(const struct config *c, const char *name,
			struct config_errors *e)
{
	size_t i, j;
	int err = 0;

	for (i = 0; i < c->nr_services; i++) {
		const struct config_service *s = &c->services[i];
		bool uses = false;

		for (j = 0; j < s->nr_owners; j++)
			uses |= !strcmp(s->owners[j].name, name);
		if (uses)
			in_use("owner", name, "service", s->name, e, &err);
	}
	return err;
}

static int service_in_use(const struct config *c, const char *name,
			  struct config_errors *e)
{
	int err = 0;

	for (size_t i = 0; i < c->nr_services; i++)
		if (!strcmp(c->services[i].back_of, name))
			in_use("service", name, "service", c->services[i].name,
			       e, &err);
	return err;
}

static int drop(struct config *c, const char *kind, const char *name,
		struct config_errors *e)
{
	struct list l;
	char *object, *end;
	int err;

	err = find_list(&l, c, kind, e);
	if (err)
		return err;
	object = find_object(&l, name);
	if (!object) {
		config_error(e, NULL, 0, "there is no %s \"%s\"", kind, name);
		return -ENOENT;
	}
	if (!strcmp(kind, "host"))
		err = host_in_use(c, name, e);
	else if (!strcmp(kind, "owner"))
		err = owner_in_use(c, name, e);
	else if (!strcmp(kind, "service"))
		err = service_in_use(c, name, e);
	if (err)
		return err;
	end = *l.first + *l.count * l.size;
	yaml_clear(l.field->items, object);
	memmove(object, object + l.size, (size_t)(end - object) - l.size);
	--*l.count;
	return 0;
}

/* Let *next, an edited copy, take the place of *c unless `err`. */
static int replace_by(struct config *c, struct config *next, int err,
		      struct config_errors *e)
{
	if (!err)
		err = config_check(next, NULL, true, e);
	if (err) {
		config_free(next);
		return err;
	}
	config_free(c);
	*c = *next;
	return 0;
}

int config_put(struct config *c, const char *kind, const char *text,
	       bool replace, struct config_errors *e)
{
	struct config next;

	if (config_copy(&next, c))
		return no_memory(e);
	return replace_by(c, &next, put(&next, kind, text, replace, e), e);
}

int config_drop(struct config *c, const char *kind, const char *name,
		struct config_errors *e)
{
	struct config next;

	if (config_copy(&next, c))
		return no_memory(e);
	return replace_by(c, &next, drop(&next, kind, name, e), e);
}
