// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "show.h"
#include "stats.h"
#include "units.h"

static void line(const struct options *o, FILE *f, const char *label)
{
	text_coloured(f, COLOUR_HEAD, o->colour, label);
	fprintf(f, "%*s", (int)(10 - strlen(label)), "");
}

/* "3 up, 1 down": the words of an object of numbers, in their colours. */
static void tally(const struct options *o, FILE *f, const json_t *counts)
{
	const char *word, *separator = "";
	const json_t *n;

	json_object_foreach((json_t *)counts, word, n)
	{
		bool some = json_number_value(n) > 0;

		fprintf(f, "%s%.0f ", separator, json_number_value(n));
		text_coloured(f, some ? colour_of(word) : COLOUR_DIM, o->colour,
			      word);
		separator = ", ";
	}
	putc('\n', f);
}

static void text_line(const struct options *o, FILE *f, const json_t *data,
		      const char *label)
{
	char *text = show_value(json_object_get(data, label), SHOW_PLAIN);

	line(o, f, label);
	text_print(f, text, false);
	putc('\n', f);
	free(text);
}

/* Only if nothing moves by itself, which should strike whoever looks. */
static void moves_line(const struct options *o, FILE *f, const json_t *data)
{
	bool maintenance = json_is_true(json_object_get(data, "maintenance"));

	if (!maintenance && !json_is_true(json_object_get(data, "dry_run")))
		return;
	line(o, f, "moves");
	text_coloured(f, COLOUR_WARN, o->colour,
		      maintenance ? "only by hand: maintenance"
				  : "only by hand: dry run");
	putc('\n', f);
}

static void show_ports(const struct options *o, FILE *f, const json_t *ports)
{
	static const struct show_column columns[] = {
		{ "PORT", "interface" },
		{ "INDEX", "index" },
		{ "LINK", "link" },
		{ "XDP", "mode" },
		{ "DISPATCHER", "dispatcher" },
		{ "NOTES", "notes" },
	};

	putc('\n', f);
	show_table(o, f, ports, columns, SHOW_LEN(columns));
}

static void show_verdicts(const struct options *o, FILE *f,
			  const json_t *reasons)
{
	static const struct show_column columns[] = {
		{ "VERDICT", "verdict" }, { "PACKETS", "packets" },
		{ "BYTES", "bytes" },	  { "PACKETS/S", "packets_s" },
		{ "BITS/S", "bits_s" },
	};
	json_t *verdicts = stats_by_verdict(reasons);

	putc('\n', f);
	show_table(o, f, verdicts, columns, SHOW_LEN(columns));
	json_decref(verdicts);
}

void show_status(const struct options *o, FILE *f, const json_t *data,
		 const json_t *args)
{
	const json_t *flows = json_object_get(data, "flows");
	char up[UNIT_TEXT], four[UNIT_TEXT], six[UNIT_TEXT];

	(void)args;
	line(o, f, "batond");
	text_print(f, show_string(data, "version"), false);
	fprintf(f, ", ABI %.0f, pid %.0f, up %s%s\n", show_number(data, "abi"),
		show_number(data, "pid"),
		unit_ns(up, show_number(data, "uptime_s") * 1e9),
		json_is_true(json_object_get(data, "adopted")) ? ", adopted "
								 "what an "
								 "earlier one "
								 "left"
							       : "");
	text_line(o, f, data, "config");
	text_line(o, f, data, "bpffs");
	text_line(o, f, data, "fence");
	moves_line(o, f, data);
	line(o, f, "hosts");
	tally(o, f, json_object_get(data, "hosts"));
	line(o, f, "owners");
	tally(o, f, json_object_get(data, "owners"));
	text_line(o, f, data, "services");
	line(o, f, "flows");
	fprintf(f, "%s IPv4, %s IPv6\n",
		unit_count(four, show_number(flows, "flows4")),
		unit_count(six, show_number(flows, "flows6")));
	if (json_array_size(json_object_get(data, "ports")))
		show_ports(o, f, json_object_get(data, "ports"));
	/* what `status watch` asks for as well */
	if (json_object_get(data, "stats"))
		show_verdicts(o, f, show_find(data, "stats.reasons"));
}
