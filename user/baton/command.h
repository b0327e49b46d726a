/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The command line's grammar: tables of objects and verbs, and what turns
 * words into arguments. Pure; what the verbs do is in other files.
 */
#ifndef BATON_COMMAND_H
#define BATON_COMMAND_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "options.h"

/* What the words after a verb begin with. */
enum command_first {
	FIRST_NOTHING,
	FIRST_NAME,
	FIRST_NAME_OPTIONAL,
	FIRST_NAMES_OPTIONAL, /* "hosts": as many as there are */
	FIRST_SECONDS_OPTIONAL,
};

enum keyword_kind {
	KEYWORD_TEXT,
	KEYWORD_NUMBER,
	KEYWORD_TRUE, /* takes no value: sets its key to true */
	KEYWORD_FALSE,
};

struct keyword {
	const char *name; /* NULL ends a table */
	enum keyword_kind kind;
	const char *key; /* in the arguments; NULL: the name */
};

struct verb;
typedef int command_run(const struct verb *verb, json_t *args,
			const struct options *o);
typedef void command_print(const struct options *o, FILE *f, const json_t *data,
			   const json_t *args);

struct verb {
	const char *name; /* NULL: the object alone is the command */
	const char *synopsis, *help;
	enum command_first first;
	const struct keyword *keywords; /* NULL: none */
	bool fields; /* any "field value" may follow the name */
	const char *on; /* key that is true unless a keyword sets it */

	command_run *run; /* returns the exit status */
	const char *request; /* what the daemon is asked to do */
	const char *also; /* a second request, its data is put into the first's */
	command_print *print; /* its answer, for people */
};

/* Who is asked, unless a verb does without. */
struct daemon {
	const char *name;
	const char *socket; /* where, unless an option says otherwise */
};

struct object {
	const char *name; /* NULL ends a table */
	const char *help;
	const struct verb *verbs; /* the first is what no verb means */
	size_t nr_verbs;
	const struct daemon *daemon;
};

extern const struct object command_objects[];

#define COMMAND_ERROR 256

struct command {
	const struct object *object; /* NULL: help on everything */
	const struct verb *verb; /* NULL: help on the object */
	json_t *args; /* NULL: help is asked for */
};

/*
 * Understand the words. 0 (c->args is the caller's then), or -EINVAL with a
 * message. Names are looked up in `objects`, and may be abbreviated as long
 * as they remain unambiguous.
 */
int command_parse(const struct object *objects, char *const *words, int nr,
		  struct command *c, char error[COMMAND_ERROR]);

void command_help(const struct object *objects, const struct command *c,
		  FILE *f);

#endif
