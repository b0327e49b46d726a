// SPDX-License-Identifier: GPL-2.0-only
#include "planshow.h"

#include <stdlib.h>

#include "show.h"

static void print_case_head(const struct options *o, FILE *f,
			    const json_t *down)
{
	const json_t *host;
	size_t i;

	json_array_foreach(down, i, host)
	{
		fputs(i ? " and " : "if ", f);
		text_coloured(f, COLOUR_HEAD, o->colour,
			      json_string_value(host) ?: "-");
	}
	fputs(json_array_size(down) > 1 ? " died at once:\n" : " died:\n", f);
}

static void print_owner(const struct options *o, FILE *f, const json_t *owner)
{
	const char *to = json_string_value(json_object_get(owner, "to"));
	char *flows = show_value(json_object_get(owner, "flows"), SHOW_COUNT);

	fputs("  ", f);
	text_print(f, show_string(owner, "owner"), false);
	if (to) {
		fputs(" -> ", f);
		text_coloured(f, COLOUR_GOOD, o->colour, to);
	} else {
		fputs(" stays, without a host: ", f);
		text_coloured(f, COLOUR_BAD, o->colour,
			      show_string(owner, "held_by"));
	}
	fprintf(f, "  (%s flows)\n", flows ?: "?");
	free(flows);
}

static void print_case(const struct options *o, FILE *f, const json_t *data)
{
	const json_t *owners = json_object_get(data, "owners"), *owner;
	size_t i;

	print_case_head(o, f, json_object_get(data, "down"));
	if (!json_array_size(owners))
		fputs("  nothing would move\n", f);
	json_array_foreach(owners, i, owner) print_owner(o, f, owner);
}

void show_plan(const struct options *o, FILE *f, const json_t *data,
	       const json_t *args)
{
	const json_t *two = json_object_get(data, "two"), *c;
	size_t i;

	json_array_foreach(json_object_get(data, "one"), i, c)
		print_case(o, f, c);
	if (json_object_get(args, "hosts"))
		return;
	if (!json_is_array(two)) {
		fputs("\n(too many hosts to consider pairs; name those that "
		      "matter)\n",
		      f);
		return;
	}
	fputs(json_array_size(two) ? "\nof two that die at once, these would "
				     "be too many:\n"
				   : "\nif any two died at once, every owner "
				     "would have a "
				     "host\n",
	      f);
	json_array_foreach(two, i, c) print_case(o, f, c);
}
