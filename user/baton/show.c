// SPDX-License-Identifier: GPL-2.0-only
#include "show.h"

#include <stdlib.h>
#include <string.h>

#include "units.h"

const json_t *show_find(const json_t *object, const char *path)
{
	while (object && *path) {
		size_t len = strcspn(path, ".");

		object = json_object_getn(object, path, len);
		path += len + (path[len] == '.');
	}
	return object;
}

double show_number(const json_t *object, const char *path)
{
	return json_number_value(show_find(object, path));
}

const char *show_string(const json_t *object, const char *path)
{
	const char *text = json_string_value(show_find(object, path));

	return text ? text : "-";
}

enum show_kind show_kind_of(const char *path)
{
	static const struct {
		const char *name;
		enum show_kind kind;
	} names[] = {
		{ "state", SHOW_STATE },	{ "word", SHOW_STATE },
		{ "verdict", SHOW_STATE },	{ "link", SHOW_STATE },
		{ "flows", SHOW_COUNT },	{ "packets", SHOW_COUNT },
		{ "bytes", SHOW_BYTES },	{ "packets_s", SHOW_COUNT },
		{ "bits_s", SHOW_BITS },	{ "flip_ns", SHOW_NS },
		{ "rtt_us", SHOW_US },		{ "detect_ms", SHOW_MS },
		{ "interval_ms", SHOW_MS },	{ "last_packet_ms", SHOW_AGO },
		{ "since_ms", SHOW_AGO },	{ "moved_ms", SHOW_AGO },
		{ "last_answer_ms", SHOW_AGO }, { "swept_ms", SHOW_AGO },
		{ "in_bytes", SHOW_BYTES },	{ "out_bytes", SHOW_BYTES },
		{ "kept_bytes", SHOW_BYTES },	{ "behind_bytes", SHOW_BYTES },
		{ "memory_bytes", SHOW_BYTES }, { "queued_bytes", SHOW_BYTES },
		{ "idle_ms", SHOW_AGO },	{ "role", SHOW_STATE },
		{ "lost_now", SHOW_STATE },
	};

	while (*path) {
		size_t len = strcspn(path, ".");

		for (size_t i = 0; i < SHOW_LEN(names); i++)
			if (strlen(names[i].name) == len &&
			    !strncmp(path, names[i].name, len))
				return names[i].kind;
		path += len + (path[len] == '.');
	}
	return SHOW_PLAIN;
}

static char *quantity(double n, enum show_kind kind)
{
	char text[UNIT_TEXT];

	switch (kind) {
	case SHOW_COUNT:
		return strdup(unit_count(text, n));
	case SHOW_BYTES:
		return strdup(unit_bytes(text, n));
	case SHOW_BITS:
		return strdup(unit_bits(text, n));
	case SHOW_NS:
		return strdup(unit_ns(text, n));
	case SHOW_US:
		return strdup(unit_ns(text, n * 1e3));
	case SHOW_MS:
		return strdup(unit_ns(text, n * 1e6));
	case SHOW_AGO:
		return strdup(unit_ago(text, n));
	default:
		return NULL;
	}
}

/* An item of a list: "web-a 50%" for what has a name and a share. */
static void print_item(FILE *f, const json_t *item)
{
	const json_t *name = json_object_get(item, "name");
	const json_t *share = json_object_get(item, "share");
	char *text = show_value(name ? name : item, SHOW_PLAIN);

	fputs(text, f);
	if (share)
		fprintf(f, " %.0f%%", json_number_value(share) * 100);
	free(text);
}

static char *joined(const json_t *array)
{
	const json_t *item;
	size_t i, size;
	char *text;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	json_array_foreach(array, i, item)
	{
		if (i)
			putc(',', f);
		print_item(f, item);
	}
	if (!i)
		putc('-', f);
	return fclose(f) ? NULL : text;
}

char *show_value(const json_t *value, enum show_kind kind)
{
	char *text = NULL;

	if (json_is_string(value))
		text = strdup(json_string_value(value));
	else if (json_is_boolean(value))
		text = strdup(json_is_true(value) ? "yes" : "no");
	else if (json_is_number(value))
		text = quantity(json_number_value(value), kind);
	else if (json_is_array(value))
		text = joined(value);
	else if (!value || json_is_null(value))
		text = strdup("-");
	if (!text)
		text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY |
						 JSON_REAL_PRECISION(6));
	return text ? text : xrealloc(NULL, 1, 1);
}

static bool kind_right(enum show_kind kind)
{
	return kind != SHOW_PLAIN && kind != SHOW_STATE;
}

static enum colour kind_colour(enum show_kind kind, const char *text)
{
	return kind == SHOW_STATE || !strcmp(text, "-") ? colour_of(text)
							: COLOUR_NONE;
}

void show_table(const struct options *o, FILE *f, const json_t *array,
		const struct show_column *columns, size_t nr)
{
	struct column heads[TABLE_COLUMNS];
	const json_t *object;
	struct table t;
	size_t i, k;

	for (k = 0; k < nr; k++)
		heads[k] = (struct column){ columns[k].header,
					    kind_right(show_kind_of(
						    columns[k].path)) };
	table_init(&t, heads, nr);
	json_array_foreach(array, i, object)
	{
		for (k = 0; k < nr; k++) {
			enum show_kind kind = show_kind_of(columns[k].path);
			char *text = show_value(
				show_find(object, columns[k].path), kind);

			table_cell(&t, kind_colour(kind, text), text);
			free(text);
		}
	}
	table_flush(&t, f, o->colour);
	table_free(&t);
}

/* How deep objects in objects are taken apart; what is deeper is shown whole */
#define DETAIL_DEPTH 4

struct details {
	struct table table;
	const char *path[DETAIL_DEPTH];
};

static void add_details(struct details *d, const json_t *object, int depth)
{
	const json_t *value;
	const char *key;
	char path[128];

	json_object_foreach((json_t *)object, key, value)
	{
		size_t len = 0;
		enum show_kind kind;
		char *shown;

		d->path[depth] = key;
		if (json_object_size(value) && depth + 1 < DETAIL_DEPTH) {
			add_details(d, value, depth + 1);
			continue;
		}
		path[0] = '\0';
		for (int i = 0; i <= depth && len < sizeof(path); i++)
			len += snprintf(path + len, sizeof(path) - len, "%s%s",
					i ? "." : "", d->path[i]);
		kind = show_kind_of(path);
		shown = show_value(value, kind);
		table_cell(&d->table, COLOUR_HEAD, path);
		table_cell(&d->table, kind_colour(kind, shown), shown);
		free(shown);
	}
}

void show_details(const struct options *o, FILE *f, const json_t *object)
{
	static const struct column heads[] = { { "", false }, { "", false } };
	struct details d;

	table_init(&d.table, heads, SHOW_LEN(heads));
	d.table.headed = true; /* none is wanted */
	add_details(&d, object, 0);
	table_flush(&d.table, f, o->colour);
	table_free(&d.table);
}
