// SPDX-License-Identifier: GPL-2.0-only
#include "lib/yaml.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lib/suggest.h"
#include "lib/yaml_document.h"
#include "lib/yaml_object.h"
#include "lib/yaml_scalar.h"

struct reader {
	const struct yaml_source *source;
	yaml_document_t doc;
	struct config_errors *e;
	int err;
};

/* Where in the text we are, for messages: host "a": vlan */
struct place {
	const struct place *up;
	const char *what;
	const char *name; /* may be NULL, "" */
};

#define SHOWN 48 /* characters of what was found that a message repeats */

/* What may go to a terminal and into JSON, whatever was in the file. */
static size_t printable(const char *text, char *buffer, size_t size)
{
	size_t i;

	for (i = 0; text[i] && i < size - 1; i++)
		buffer[i] = text[i] >= ' ' && text[i] < 0x7f ? text[i] : '?';
	buffer[i] = '\0';
	return i;
}

static const char *shown(const char *text, char buffer[SHOWN])
{
	size_t n = printable(text, buffer, SHOWN);

	if (text[n])
		strcpy(buffer + n - 3, "...");
	return buffer;
}

static void print_place(const struct place *p, char *text, size_t size)
{
	char name[SHOWN];
	size_t n;

	if (!p)
		return;
	print_place(p->up, text, size);
	n = strlen(text);
	if (p->name && *p->name)
		snprintf(text + n, size - n, "%s \"%s\": ", p->what,
			 shown(p->name, name));
	else if (p->what)
		snprintf(text + n, size - n, "%s: ", p->what);
}

static void __attribute__((format(printf, 4, 5)))
complain(struct reader *r, const struct place *p, const yaml_node_t *node,
	 const char *format, ...)
{
	char place[256] = "", what[512];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	print_place(p, place, sizeof(place));
	r->err = config_error(r->e, r->source->file, yaml_line(r->source, node),
			      "%s%s", place, what);
}

static void no_memory(struct reader *r)
{
	config_error(r->e, r->source->file, 0, "not enough memory");
	r->err = -ENOMEM;
}

static yaml_node_t *node_of(struct reader *r, int id)
{
	return yaml_document_get_node(&r->doc, id);
}

static bool is_unset(const yaml_node_t *node)
{
	return node->type == YAML_SCALAR_NODE &&
	       node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       yaml_means_unset(yaml_text(node));
}

static const char *describe(const yaml_node_t *node, char text[SHOWN + 2])
{
	char buffer[SHOWN];

	if (node->type == YAML_SEQUENCE_NODE)
		return "a list";
	if (node->type == YAML_MAPPING_NODE)
		return "a mapping";
	if (is_unset(node))
		return "nothing";
	snprintf(text, SHOWN + 2, "\"%s\"", shown(yaml_text(node), buffer));
	return text;
}

static void read_scalar(struct reader *r, const struct place *p,
			const struct yaml_field *f, void *object,
			const yaml_node_t *node)
{
	char expected[256], found[SHOWN + 2], text[YAML_SCALAR_TEXT];
	int err = -EINVAL;

	if (node->type == YAML_SCALAR_NODE && !is_unset(node))
		err = yaml_scalar_parse(f, object, yaml_text(node));
	if (err == -ENOMEM) {
		no_memory(r);
	} else if (err) {
		yaml_scalar_expected(f, expected, sizeof(expected));
		complain(r, p, node, "expected %s, found %s", expected,
			 describe(node, found));
	} else if (f->check && f->check((char *)object + f->offset)) {
		complain(r, p, node, "expected %s, found \"%s\"",
			 f->check((char *)object + f->offset),
			 yaml_scalar_format(f, object, text));
		/* Later checks shall not stumble over it again. */
		if (yaml_field_default(f, object))
			no_memory(r);
	}
}

static void read_mapping(struct reader *r, const struct place *p,
			 const struct yaml_schema *s, void *object,
			 const yaml_node_t *node, bool merge);

/* The text of the item's first field, wherever it stands. */
static const char *name_of(struct reader *r, const struct yaml_schema *s,
			   const yaml_node_t *node)
{
	yaml_node_pair_t *pair;
	char key[YAML_KEY_TEXT];

	if (node->type == YAML_SCALAR_NODE)
		return yaml_text(node);
	if (node->type != YAML_MAPPING_NODE)
		return NULL;
	yaml_key(s->fields, key);
	for (pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *k = node_of(r, pair->key);
		const yaml_node_t *v = node_of(r, pair->value);

		if (k->type == YAML_SCALAR_NODE &&
		    v->type == YAML_SCALAR_NODE && !strcmp(yaml_text(k), key))
			return yaml_text(v);
	}
	return NULL;
}

static void set_line(struct reader *r, const struct yaml_schema *s,
		     void *object, const yaml_node_t *node)
{
	if (s->line)
		*(int *)((char *)object + s->line) = yaml_line(r->source, node);
}

static void read_item(struct reader *r, const struct place *up,
		      const struct yaml_schema *s, void *item,
		      const yaml_node_t *node)
{
	struct place p = { up, s->what, name_of(r, s, node) };

	if (!s->scalar || node->type != YAML_SCALAR_NODE) {
		read_mapping(r, &p, s, item, node, false);
		return;
	}
	if (yaml_defaults(s, item))
		no_memory(r);
	set_line(r, s, item, node);
	p.name = NULL;
	read_scalar(r, &p, s->fields, item, node);
}

static void read_items(struct reader *r, const struct place *p,
		       const struct yaml_field *f, void *object,
		       const yaml_node_t *node)
{
	const struct place *up = p->up;
	char found[SHOWN + 2];
	yaml_node_item_t *item;
	size_t n, most, i;
	char *first;

	if (node->type != YAML_SEQUENCE_NODE) {
		complain(r, p, node, "expected a list, found %s",
			 describe(node, found));
		return;
	}
	item = node->data.sequence.items.start;
	n = (size_t)(node->data.sequence.items.top - item);
	most = f->type == YAML_TYPE_ARRAY ? f->size / f->items->size : f->max;
	if (most && n > most) {
		complain(r, p, node_of(r, item[most]),
			 "expected at most %zu, found %zu", most, n);
		n = most;
	}
	first = (char *)object + f->offset;
	if (f->type == YAML_TYPE_LIST && n) {
		first = calloc(n, f->items->size);
		if (!first) {
			no_memory(r);
			return;
		}
		*(char **)((char *)object + f->offset) = first;
		*(size_t *)((char *)object + f->count) = n;
	}
	for (i = 0; i < n; i++)
		read_item(r, up, f->items, first + i * f->items->size,
			  node_of(r, item[i]));
}

/* Was a value given? */
static bool read_field(struct reader *r, const struct place *up,
		       const struct yaml_field *f, void *object,
		       const yaml_node_pair_t *pair, bool merge)
{
	const yaml_node_t *node = node_of(r, pair->value);
	void *member = (char *)object + f->offset;
	char key[YAML_KEY_TEXT];
	struct place p = { up, yaml_key(f, key), NULL };

	/* Former items go; a former scalar stays until there is another. */
	if (is_unset(node) || f->type == YAML_TYPE_LIST ||
	    f->type == YAML_TYPE_ARRAY) {
		if (yaml_field_default(f, object))
			no_memory(r);
	}
	if (is_unset(node))
		return false;
	if (f->type == YAML_TYPE_SECTION) {
		read_mapping(r, &p, f->items, member, node, merge);
		set_line(r, f->items, member, node_of(r, pair->key));
	} else if (yaml_is_scalar(f->type)) {
		read_scalar(r, &p, f, object, node);
	} else {
		read_items(r, &p, f, object, node);
	}
	return true;
}

static const struct yaml_field *find_field(struct reader *r,
					   const struct place *p,
					   const struct yaml_schema *s,
					   const yaml_node_t *node)
{
	char key[YAML_KEY_TEXT], best[YAML_KEY_TEXT] = "", found[SHOWN + 2];
	struct suggest suggest = { 0 };
	const struct yaml_field *f;

	if (node->type != YAML_SCALAR_NODE) {
		complain(r, p, node, "expected a key, found %s",
			 describe(node, found));
		return NULL;
	}
	suggest.word = yaml_text(node);
	yaml_each_field(f, s)
	{
		const char *before = suggest.best;

		if (!strcmp(yaml_key(f, key), yaml_text(node)))
			return f;
		suggest_try(&suggest, key);
		if (suggest.best != before)
			strcpy(best, key);
	}
	complain(r, p, node, "unknown key %s%s%s%s", describe(node, found),
		 *best ? "; did you mean \"" : "", best, *best ? "\"?" : "");
	return NULL;
}

/* Fields that must be given, as bits by their number. */
static uint64_t wanted(const struct yaml_schema *s, const void *object)
{
	const struct yaml_field *f;
	uint64_t bits = 0;

	yaml_each_field(f, s)
	{
		if (yaml_field_wanted(f, object))
			bits |= UINT64_C(1) << (f - s->fields);
	}
	return bits;
}

/* *had: the fields that need not be asked for any more */
static void read_pairs(struct reader *r, const struct place *p,
		       const struct yaml_schema *s, void *object,
		       const yaml_node_t *node, bool merge, uint64_t *had)
{
	const yaml_node_t *given[YAML_MAX_FIELDS] = { 0 };
	yaml_node_pair_t *pair;

	for (pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = node_of(r, pair->key);
		const struct yaml_field *f = find_field(r, p, s, key);
		uint64_t bit;
		long i;

		if (!f)
			continue;
		i = f - s->fields - f->alias;
		bit = UINT64_C(1) << i;
		if (given[i]) {
			complain(r, p, key,
				 "%s is given twice, first on line %zu",
				 yaml_text(key), given[i]->start_mark.line + 1);
			continue;
		}
		given[i] = key;
		if (read_field(r, p, f, object, pair, merge))
			*had |= bit;
		else
			*had &= ~bit;
	}
}

static void read_mapping(struct reader *r, const struct place *p,
			 const struct yaml_schema *s, void *object,
			 const yaml_node_t *node, bool merge)
{
	const struct yaml_field *f;
	char found[SHOWN + 2], key[YAML_KEY_TEXT];
	uint64_t had, missing;

	if (!merge && yaml_defaults(s, object))
		no_memory(r);
	had = merge ? wanted(s, object) : 0;
	set_line(r, s, object, node);
	if (node->type != YAML_MAPPING_NODE) {
		complain(r, p, node, "expected a mapping, found %s",
			 describe(node, found));
		return;
	}
	read_pairs(r, p, s, object, node, merge, &had);
	missing = wanted(s, object) & ~had;
	yaml_each_field(f, s)
	{
		if (missing & UINT64_C(1) << (f - s->fields))
			complain(r, p, node, "%s is missing", yaml_key(f, key));
	}
}

static int load(struct reader *r)
{
	int err = yaml_document_load(&r->doc, r->source, r->e);

	if (err == -ENOMEM)
		no_memory(r);
	return err;
}

int yaml_read(const struct yaml_schema *s, void *object,
	      const struct yaml_source *source, struct config_errors *e)
{
	struct reader r = { .source = source, .e = e };
	struct place top = { NULL, s->what, NULL };
	yaml_node_t *root;
	int err;

	err = load(&r);
	if (err)
		return err;
	root = yaml_document_get_root_node(&r.doc);
	if (root && !is_unset(root)) {
		top.name = name_of(&r, s, root);
		read_mapping(&r, s->what ? &top : NULL, s, object, root,
			     source->merge);
	} else if (!source->merge && yaml_defaults(s, object)) {
		no_memory(&r);
	}
	yaml_document_delete(&r.doc);
	return r.err;
}

int yaml_read_name(const struct yaml_schema *s,
		   const struct yaml_source *source, char *name, size_t size,
		   struct config_errors *e)
{
	struct reader r = { .source = source, .e = e };
	const char *text = NULL;
	yaml_node_t *root;
	int err;

	err = load(&r);
	if (err)
		return err;
	root = yaml_document_get_root_node(&r.doc);
	if (root && root->type == YAML_MAPPING_NODE)
		text = name_of(&r, s, root);
	printable(text ? text : "", name, size);
	yaml_document_delete(&r.doc);
	return 0;
}
