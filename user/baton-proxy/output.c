// SPDX-License-Identifier: GPL-2.0-only
#include "output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "baton/protect.h"

#define ROOM_MIN 4096

int output_add(struct output *o, const uint8_t *bytes, size_t nr)
{
	size_t room = o->room ?: ROOM_MIN;
	uint8_t *all;

	if (nr > BATON_OUTPUT_MAX - o->nr)
		return -ENOBUFS;
	while (room < o->nr + nr)
		room *= 2;
	if (room != o->room) {
		all = realloc(o->bytes, room);
		if (!all)
			return -ENOMEM;
		o->bytes = all;
		o->room = room;
	}
	memcpy(o->bytes + o->nr, bytes, nr);
	o->nr += nr;
	return 0;
}

int output_ask(struct output *o, const struct cut *cut, const struct cut *last,
	       uint64_t input)
{
	const struct cut *before = o->asks ? &o->asked : last;

	if (cut->input < before->input || cut->input > input ||
	    cut->output < before->output || before->end ||
	    cut->output - last->output > BATON_OUTPUT_MAX)
		return -EINVAL;
	o->asked = *cut;
	o->asks = true;
	return 0;
}

bool output_ready(const struct output *o, const struct cut *last)
{
	return o->asks && o->asked.output - last->output <= o->nr;
}

void output_done(struct output *o, const struct cut *last)
{
	size_t n = o->asked.output - last->output;

	o->asks = false;
	o->nr -= n;
	if (o->nr) {
		memmove(o->bytes, o->bytes + n, o->nr);
		return;
	}
	free(o->bytes); /* an idle connection has none */
	o->bytes = NULL;
	o->room = 0;
}

void output_clear(struct output *o)
{
	free(o->bytes);
	o->bytes = NULL;
	o->nr = o->room = 0;
	o->asks = false;
	o->handle = 0;
}
