// SPDX-License-Identifier: GPL-2.0-only
/* How services, hosts, owners, moves and events are shown. */
#include <stdlib.h>
#include <string.h>

#include "show.h"

static const struct show_column service_columns[] = {
	{ "SERVICE", "name" },		{ "VIP", "vip" },
	{ "PROTOCOL", "protocol" },	{ "PORT", "port" },
	{ "AFFINITY", "affinity" },	{ "BACK-OF", "back_of" },
	{ "IN", "traffic.in.packets" }, { "OUT", "traffic.out.packets" },
	{ "OWNERS", "owners" },
};

static const struct show_column host_columns[] = {
	{ "HOST", "name" },
	{ "STATE", "state" },
	{ "WORD", "word" },
	{ "ADDRESS", "address" },
	{ "FORWARD", "forward" },
	{ "INTERFACE", "interface" },
	{ "FLOWS", "flows" },
	{ "RTT", "rtt_us.smooth" },
	{ "LOST", "lost" },
	{ "DETECT", "detect_ms" },
	{ "ANSWERED", "last_answer_ms" },
	{ "BARRED", "barred" },
	{ "FAILED", "failed" },
	{ "OWNERS", "owners" },
};

static const struct show_column owner_columns[] = {
	{ "OWNER", "name" },	    { "STATE", "state" },
	{ "HOST", "host" },	    { "NEXT", "next" },
	{ "HOME", "home" },	    { "EPOCH", "epoch" },
	{ "FLOWS", "flows" },	    { "MOVED", "moved_ms" },
	{ "POLICY", "policy" },	    { "STANDBYS", "standbys" },
	{ "COMPLETE", "complete" }, { "HELD", "held_by" },
};

static const struct show_column move_columns[] = {
	{ "OWNER", "owner" }, { "FROM", "from" },    { "TO", "to" },
	{ "EPOCH", "epoch" }, { "FLIP", "flip_ns" }, { "CAUSE", "cause" },
};

/* A table; or everything, when one object was asked for by its name. */
static void show_objects(const struct options *o, FILE *f, const json_t *data,
			 const json_t *args, const struct show_column *columns,
			 size_t nr)
{
	if (json_object_get(args, "name") && json_array_size(data) == 1)
		show_details(o, f, json_array_get(data, 0));
	else
		show_table(o, f, data, columns, nr);
}

/* X(function, columns) */
#define OBJECT_TABLES(X)                                                       \
	X(show_services, service_columns)                                      \
	X(show_hosts, host_columns)                                            \
	X(show_owners, owner_columns)

#define X(function, columns)                                                   \
	void function(const struct options *o, FILE *f, const json_t *data,    \
		      const json_t *args)                                      \
	{                                                                      \
		show_objects(o, f, data, args, columns, SHOW_LEN(columns));    \
	}
OBJECT_TABLES(X)
#undef X

void show_moves(const struct options *o, FILE *f, const json_t *data,
		const json_t *args)
{
	(void)args;
	if (json_array_size(data))
		show_table(o, f, data, move_columns, SHOW_LEN(move_columns));
	else
		fputs("nothing moved\n", f);
}

void show_replay(const struct options *o, FILE *f, const json_t *data,
		 const json_t *args)
{
	(void)args;
	if (json_is_object(data))
		show_details(o, f, data);
	else
		fputs("nothing is recorded\n", f);
}

void show_maintenance(const struct options *o, FILE *f, const json_t *data,
		      const json_t *args)
{
	const json_t *hosts = json_object_get(data, "hosts");
	char *names = show_value(hosts, SHOW_PLAIN);

	(void)o;
	(void)args;
	if (json_is_true(json_object_get(data, "maintenance")))
		fputs("maintenance: nothing moves by itself\n", f);
	else if (json_array_size(hosts))
		fputs("maintenance of some hosts\n", f);
	else
		fputs("no maintenance\n", f);
	if (json_array_size(hosts)) {
		fputs("hosts: ", f);
		text_print(f, names, false);
		putc('\n', f);
	}
	if (json_is_true(json_object_get(data, "dry_run")))
		fputs("dry run: nothing moves by itself, events say what "
		      "would have\n",
		      f);
	free(names);
}

void show_event(const struct options *o, FILE *f, const json_t *event)
{
	const char *severity = show_string(event, "severity");
	const char *text = json_string_value(json_object_get(event, "text"));
	char *whole = NULL;

	if (!text)
		text = whole =
			json_dumps(event, JSON_COMPACT | JSON_ENCODE_ANY);
	text_coloured(f, COLOUR_DIM, o->colour, show_string(event, "time"));
	putc(' ', f);
	text_coloured(f, colour_of(severity), o->colour, severity);
	fprintf(f, "%*s",
		(int)(strlen(severity) < 8 ? 8 - strlen(severity) : 1), "");
	text_print(f, text ? text : "", false);
	putc('\n', f);
	free(whole);
	show_decision(o, f, event);
}

void show_events(const struct options *o, FILE *f, const json_t *data,
		 const json_t *args)
{
	const json_t *event;
	size_t i;

	(void)args;
	json_array_foreach(data, i, event) show_event(o, f, event);
}

void show_text(const struct options *o, FILE *f, const json_t *data,
	       const json_t *args)
{
	(void)o;
	(void)args;
	text_print(f, show_string(data, "text"), true);
}

void show_reload(const struct options *o, FILE *f, const json_t *data,
		 const json_t *args)
{
	double changes = show_number(data, "changes");

	(void)o;
	(void)args;
	fprintf(f, "%.0f %s\n", changes, changes == 1 ? "change" : "changes");
}

void show_counts(const struct options *o, FILE *f, const json_t *data,
		 const json_t *args)
{
	(void)args;
	if (json_object_size(data))
		show_details(o, f, data);
	else
		fputs("nobody is spoken to: there is no node-key, or nothing "
		      "was heard of the switch yet\n",
		      f);
}

void show_nothing(const struct options *o, FILE *f, const json_t *data,
		  const json_t *args)
{
	(void)o;
	(void)f;
	(void)data;
	(void)args;
}
