// SPDX-License-Identifier: GPL-2.0-only
#include "command.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/why.h"

#define fail(error, ...) why_set(error, COMMAND_ERROR, -EINVAL, __VA_ARGS__)

/* The words that are left to understand. */
struct words {
	char *const *word;
	int nr;
};

static const char *next(struct words *w)
{
	if (!w->nr)
		return NULL;
	w->nr--;
	return *w->word++;
}

/* A table of names, whatever else is in it: the i-th, NULL after the last. */
typedef const char *name_at(const void *table, size_t i);

static const char *object_name(const void *table, size_t i)
{
	return ((const struct object *)table)[i].name;
}

static const char *verb_name(const void *table, size_t i)
{
	const struct object *o = table;

	return i < o->nr_verbs ? o->verbs[i].name : NULL;
}

static const char *keyword_name(const void *table, size_t i)
{
	return ((const struct keyword *)table)[i].name;
}

/* The names of a table that begin with `prefix`: "a, b, c". */
static void candidates(char *text, size_t len, const void *table, name_at *name,
		       const char *prefix)
{
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; name(table, i) && used < len; i++)
		if (!strncmp(name(table, i), prefix, strlen(prefix)))
			used += snprintf(text + used, len - used, "%s%s",
					 used ? ", " : "", name(table, i));
}

/* The index of a name, given whole or by an unambiguous beginning. */
static int match(const void *table, name_at *name, const char *word,
		 const char *what, char error[COMMAND_ERROR])
{
	int found = -1, hits = 0;
	char names[160];

	for (size_t i = 0; name(table, i); i++) {
		if (!strcmp(name(table, i), word))
			return (int)i;
		if (strncmp(name(table, i), word, strlen(word)))
			continue;
		found = (int)i;
		hits++;
	}
	if (hits == 1)
		return found;
	candidates(names, sizeof(names), table, name, hits ? word : "");
	if (hits)
		return fail(error, "%s '%.40s' is ambiguous: %s", what, word,
			    names);
	return fail(error, "unknown %s '%.40s', expected one of: %s", what,
		    word, names);
}

static bool number(const char *text, json_int_t *n)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*n = strtoll(text, &end, 10);
	return !errno && !*end;
}

/* Text as the JSON value that prints as the same text. */
static json_t *scalar(const char *text)
{
	bool canonical = text[0] != '0' || !text[1];
	json_int_t n;

	if (canonical && number(text, &n))
		return json_integer(n);
	if (!strcmp(text, "true") || !strcmp(text, "false"))
		return json_boolean(text[0] == 't');
	return json_string(text);
}

/* "name", or "name:weight" as an object. */
static json_t *list_item(const char *text, size_t len)
{
	const char *colon = memchr(text, ':', len);
	char *weight;
	json_t *item;

	if (!colon)
		return json_stringn(text, len);
	weight = strndup(colon + 1, text + len - colon - 1);
	item = json_pack("{s:s%, s:o}", "name", text, (size_t)(colon - text),
			 "weight", weight ? scalar(weight) : NULL);
	free(weight);
	return item;
}

/* NULL if an item is not valid UTF-8 */
static json_t *list(const char *text)
{
	json_t *items = json_array();

	while (*text) {
		size_t len = strcspn(text, ",");

		if (len && json_array_append_new(items, list_item(text, len))) {
			json_decref(items);
			return NULL;
		}
		text += len + (text[len] == ',');
	}
	return items;
}

/* The daemon knows the fields; all that is known here is which are lists. */
static json_t *field_value(const char *field, const char *text)
{
	if (!strcmp(field, "owners") || !strcmp(field, "standbys"))
		return list(text);
	return scalar(text);
}

static int set_new(json_t *args, const char *key, json_t *value,
		   char error[COMMAND_ERROR])
{
	if (json_object_get(args, key)) {
		json_decref(value);
		return fail(error, "'%.40s' is given twice", key);
	}
	if (json_object_set_new(args, key, value))
		return fail(error, "'%.40s': not valid UTF-8", key);
	return 0;
}

static int parse_fields(struct words *w, json_t *object,
			char error[COMMAND_ERROR])
{
	const char *field, *value;
	int err = 0;

	while (!err && (field = next(w))) {
		value = next(w);
		if (!value)
			return fail(error, "a value is expected after '%.40s'",
				    field);
		err = set_new(object, field, field_value(field, value), error);
	}
	return err;
}

static int parse_keyword(const struct keyword *k, struct words *w, json_t *args,
			 char error[COMMAND_ERROR])
{
	const char *key = k->key ? k->key : k->name, *text;
	json_int_t n;

	if (k->kind == KEYWORD_TRUE || k->kind == KEYWORD_FALSE)
		return set_new(args, key, json_boolean(k->kind == KEYWORD_TRUE),
			       error);
	text = next(w);
	if (!text)
		return fail(error, "a value is expected after '%s'", k->name);
	if (k->kind == KEYWORD_TEXT)
		return set_new(args, key, json_string(text), error);
	if (!number(text, &n))
		return fail(error, "%s: '%.40s' is not a number", k->name,
			    text);
	return set_new(args, key, json_integer(n), error);
}

static int parse_keywords(const struct verb *v, struct words *w, json_t *args,
			  char error[COMMAND_ERROR])
{
	int err = 0, i;

	while (!err && w->nr) {
		if (!v->keywords)
			return fail(error, "'%.40s': nothing more is expected",
				    *w->word);
		i = match(v->keywords, keyword_name, next(w), "keyword", error);
		err = i < 0 ? i
			    : parse_keyword(&v->keywords[i], w, args, error);
	}
	return err;
}

/* All the words that are left. */
static int parse_names(struct words *w, json_t *args, char error[COMMAND_ERROR])
{
	json_t *names = json_array();

	while (w->nr) {
		if (json_array_append_new(names, json_string(*w->word))) {
			json_decref(names);
			return fail(error, "'%.40s': not valid UTF-8",
				    *w->word);
		}
		next(w);
	}
	return set_new(args, "hosts", names, error);
}

static int parse_first(const struct verb *v, struct words *w, json_t *args,
		       char error[COMMAND_ERROR])
{
	json_int_t n;

	switch (v->first) {
	case FIRST_NOTHING:
		return 0;
	case FIRST_NAME:
		if (!w->nr)
			return fail(error, "a name is expected");
		return set_new(args, "name", json_string(next(w)), error);
	case FIRST_NAME_OPTIONAL:
		if (!w->nr)
			return 0;
		return set_new(args, "name", json_string(next(w)), error);
	case FIRST_NAMES_OPTIONAL:
		return w->nr ? parse_names(w, args, error) : 0;
	case FIRST_SECONDS_OPTIONAL:
		if (!w->nr)
			return 0;
		if (!number(*w->word, &n) || n < 1 || n > 86400)
			return fail(error,
				    "'%.40s': seconds are expected, 1 to 86400",
				    *w->word);
		next(w);
		return set_new(args, "seconds", json_integer(n), error);
	}
	return 0;
}

static int parse_args(const struct verb *v, struct words *w, json_t *args,
		      char error[COMMAND_ERROR])
{
	int err = parse_first(v, w, args, error);
	json_t *object;

	if (!err && !v->fields)
		err = parse_keywords(v, w, args, error);
	if (!err && v->on && !json_object_get(args, v->on))
		json_object_set_new(args, v->on, json_true());
	if (err || !v->fields)
		return err;
	/* The name is the first of the object's fields. */
	object = json_copy(args);
	json_object_clear(args);
	json_object_set_new(args, "object", object);
	return parse_fields(w, object, error);
}

static bool asks_for_help(const struct words *w)
{
	return w->nr && !strcmp(*w->word, "help");
}

int command_parse(const struct object *objects, char *const *words, int nr,
		  struct command *c, char error[COMMAND_ERROR])
{
	struct words w = { words, nr };
	int i = 0, err;

	memset(c, 0, sizeof(*c));
	if (!w.nr || asks_for_help(&w))
		return 0;
	i = match(objects, object_name, next(&w), "object", error);
	if (i < 0)
		return i;
	c->object = &objects[i];
	if (asks_for_help(&w))
		return 0;
	i = 0;
	if (w.nr && c->object->verbs[0].name)
		i = match(c->object, verb_name, next(&w), "verb", error);
	if (i < 0)
		return i;
	c->verb = &c->object->verbs[i];
	if (asks_for_help(&w))
		return 0;
	c->args = json_object();
	err = parse_args(c->verb, &w, c->args, error);
	if (err) {
		json_decref(c->args);
		c->args = NULL;
	}
	return err;
}

static void verb_help(const struct object *o, const struct verb *v, FILE *f)
{
	fprintf(f, "  baton %s%s%s%s%s\n      %s\n", o->name,
		v->name ? " " : "", v->name ? v->name : "",
		v->synopsis ? " " : "", v->synopsis ? v->synopsis : "",
		v->help);
}

void command_help(const struct object *objects, const struct command *c,
		  FILE *f)
{
	const struct object *o;

	if (c->verb) {
		verb_help(c->object, c->verb, f);
		return;
	}
	if (c->object) {
		fprintf(f, "%s: %s\n", c->object->name, c->object->help);
		for (size_t i = 0; i < c->object->nr_verbs; i++)
			verb_help(c->object, &c->object->verbs[i], f);
		return;
	}
	fputs("usage: baton [options] OBJECT [VERB] [NAME] [field value ...]\n"
	      "       baton OBJECT help\n\nobjects:\n",
	      f);
	for (o = objects; o->name; o++)
		fprintf(f, "  %-12s%s\n", o->name, o->help);
	fputs("\noptions:\n"
	      "  -s, --socket PATH      control socket of batond or "
	      "baton-proxy\n"
	      "  -b, --bpffs DIR        where batond pins its maps\n"
	      "  -t, --timeout SECONDS  to wait for an answer\n"
	      "  -j, --json             print JSON\n"
	      "  -p, --pretty           print JSON, indented\n"
	      "  -a, --all              statistics that are zero, too\n"
	      "      --color WHEN       auto, always or never\n"
	      "  -V, --version          print the version\n"
	      "  -h, --help             print this\n\n"
	      "Objects, verbs and keywords may be abbreviated.\n",
	      f);
}
