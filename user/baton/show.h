/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Answers of the daemon as tables for people. The daemon may be of another
 * release: what is missing is shown as "-", and what has an unexpected type
 * is shown as it is.
 */
#ifndef BATON_SHOW_H
#define BATON_SHOW_H

#include "command.h"
#include "table.h"

command_print show_services, show_hosts, show_owners;
command_print show_maintenance;
command_print show_moves, show_replay, show_events, show_text, show_reload,
	show_counts, show_nothing;

/* What an event says of the decision that it tells, a few lines; nothing if it
 * tells none. */
void show_decision(const struct options *o, FILE *f, const json_t *event);

/* One event, as `event watch` prints them. */
void show_event(const struct options *o, FILE *f, const json_t *event);

enum show_kind {
	SHOW_PLAIN, /* as it is; lists with commas */
	SHOW_STATE, /* a word that has a colour */
	SHOW_COUNT,
	SHOW_BYTES,
	SHOW_BITS,
	SHOW_NS,
	SHOW_US,
	SHOW_MS,
	SHOW_AGO, /* milliseconds since */
};

/* How a field is shown, by the names in its path, such as "rtt_us.last". */
enum show_kind show_kind_of(const char *path);

/* A column: a field of each object. */
struct show_column {
	const char *header, *path;
};

#define SHOW_LEN(array) (sizeof(array) / sizeof((array)[0]))

void show_table(const struct options *o, FILE *f, const json_t *array,
		const struct show_column *columns, size_t nr);

/* Every field of an object, one to a line. */
void show_details(const struct options *o, FILE *f, const json_t *object);

/* A value as text, which the caller frees. */
char *show_value(const json_t *value, enum show_kind kind);

/* Numbers that may be missing, or be something else: 0. */
double show_number(const json_t *object, const char *path);
const json_t *show_find(const json_t *object, const char *path);

/* Always text: "-" for what is missing or is no text. */
const char *show_string(const json_t *object, const char *path);

#endif
