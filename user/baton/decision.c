// SPDX-License-Identifier: GPL-2.0-only
/* What an event says of the facts that a decision rests upon, for people. */
#include <string.h>

#include "show.h"
#include "units.h"

static void head(const struct options *o, FILE *f, const char *label)
{
	fputs("    ", f);
	text_coloured(f, COLOUR_HEAD, o->colour, label);
	fprintf(f, "%*s", (int)(9 - strlen(label)), "");
}

/* The event before, whose text says most of it, and the probes' sequences. */
static void show_because(const struct options *o, FILE *f,
			 const json_t *because)
{
	const json_t *probes = json_object_get(because, "probes");

	if (!json_is_object(because))
		return;
	head(o, f, "because");
	fprintf(f, "#%.0f ", show_number(because, "seq"));
	text_print(f, show_string(because, "text"), false);
	if (json_is_object(probes))
		fprintf(f, "; probes %.0f to %.0f, one every %g ms",
			show_number(probes, "first"),
			show_number(probes, "last"),
			show_number(probes, "interval_ms"));
	putc('\n', f);
}

static void show_guards(const struct options *o, FILE *f, const json_t *guards)
{
	const json_t *since = show_find(guards, "min_move_interval.since_ms");
	double limit = show_number(guards, "min_move_interval.limit_ms");
	char text[UNIT_TEXT];

	if (!json_is_object(guards))
		return;
	head(o, f, "guards");
	fprintf(f, "%.0f of %.0f hosts died at once (limit %.0f%%), ",
		show_number(guards, "max_down.died"),
		show_number(guards, "max_down.hosts"),
		show_number(guards, "max_down.percent"));
	if (json_is_number(since))
		fprintf(f, "last moved %s before",
			unit_ns(text, json_number_value(since) * 1e6));
	else
		fputs("not moved before", f);
	fprintf(f, " (limit %s)", unit_ns(text, limit * 1e6));
	if (json_is_true(json_object_get(guards, "maintenance")))
		fputs(", maintenance", f);
	if (json_is_true(json_object_get(guards, "dry_run")))
		fputs(", dry run", f);
	putc('\n', f);
}

static void show_others(const struct options *o, FILE *f, const json_t *event)
{
	const json_t *others = json_object_get(event, "others"), *other;
	size_t i;

	if (!json_array_size(others))
		return;
	head(o, f, "others");
	json_array_foreach(others, i, other)
	{
		fputs(i ? "; " : "", f);
		text_print(f, show_string(other, "host"), false);
		putc(' ', f);
		text_print(f, show_string(other, "why"), false);
	}
	if (json_is_true(json_object_get(event, "more_others")))
		fputs("; and more", f);
	putc('\n', f);
}

/* What the new host got of what the old one did not acknowledge; nothing if
 * there was nothing. */
static void show_replayed(const struct options *o, FILE *f,
			  const json_t *replayed)
{
	double packets = show_number(replayed, "packets");
	double lost = show_number(replayed, "too_large") +
		      show_number(replayed, "overwritten") +
		      show_number(replayed, "refused");

	if (!packets && !lost && !show_number(replayed, "incomplete"))
		return;
	head(o, f, "replayed");
	fprintf(f, "%.0f packets of %.0f connections in %.2f ms", packets,
		show_number(replayed, "connections"),
		show_number(replayed, "ms"));
	if (lost)
		fprintf(f, "; %.0f could not be", lost);
	if (show_number(replayed, "incomplete"))
		fprintf(f, "; %.0f connections miss some",
			show_number(replayed, "incomplete"));
	putc('\n', f);
}

void show_decision(const struct options *o, FILE *f, const json_t *event)
{
	show_because(o, f, json_object_get(event, "because"));
	show_guards(o, f, json_object_get(event, "guards"));
	show_others(o, f, event);
	show_replayed(o, f, json_object_get(event, "replayed"));
}
