/* SPDX-License-Identifier: GPL-2.0-only */
/* What requests that show something have in common. */
#ifndef BATOND_COMMANDS_JSON_H
#define BATOND_COMMANDS_JSON_H

#include <stdio.h>
#include <string.h>

#include "commands.h"

static inline json_t *string_or_null(const char *s)
{
	return s && *s ? json_string(s) : json_null();
}

static inline json_t *counter_json(const struct baton_counter *c)
{
	return json_pack("{s:I, s:I}", "packets", (json_int_t)c->packets,
			 "bytes", (json_int_t)c->bytes);
}

static inline json_t *traffic_json(const struct batond *b, int map, uint16_t id)
{
	struct baton_traffic t = dataplane_traffic(&b->dp, map, id);

	return json_pack("{s:o, s:o}", "in", counter_json(&t.in), "out",
			 counter_json(&t.out));
}

/* The objects that a request asks for: the one it names, or all. */
static inline bool asked(const json_t *request, const char *name)
{
	const char *one = json_string_value(json_object_get(request, "name"));

	return !one || !strcmp(one, name);
}

#endif
