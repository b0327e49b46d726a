// SPDX-License-Identifier: GPL-2.0-only
/*
 * An application that says what it likes: its commits are carried out with just
 * the bytes that it has written, in their order, and none that cannot be.
 *
 * Steps: a byte that says which. 0 to 127: it writes so many bytes. 128 to 254:
 * it commits (the next two bytes: how far ahead of the newest commit of its input
 * and output, as signed numbers; 254: the end, too). 255: it dies.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "baton-proxy/output.h"
#include "baton/protect.h"

#define INPUT 1000 /* that it can have read */

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* Its stream counts: what is written at a position follows from that. */
static uint8_t byte_at(uint64_t position)
{
	return position * 7 + (position >> 8);
}

static void carry_out(struct output *o, struct cut *last)
{
	struct cut cut;

	if (!output_ready(o, last))
		return;
	cut = o->asked;
	require(cut.input >= last->input && cut.input <= INPUT);
	require(cut.output >= last->output && !last->end);
	for (uint64_t at = last->output; at < cut.output; at++)
		require(o->bytes[at - last->output] == byte_at(at));
	output_done(o, last);
	*last = cut;
	require(!o->asks);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct output o = { 0 };
	struct cut last = { 0 };

	while (size) {
		uint8_t what = *data++, bytes[128];

		size--;
		if (what < 128) {
			for (int i = 0; i < what; i++)
				bytes[i] = byte_at(last.output + o.nr + i);
			require(!output_add(&o, bytes, what));
		} else if (what < 255 && size >= 2) {
			const struct cut cut = {
				last.input + (int8_t)data[0],
				last.output + (int8_t)data[1],
				what == 254,
			};

			output_ask(&o, &cut, &last, INPUT);
			data += 2;
			size -= 2;
		} else {
			output_clear(&o);
		}
		carry_out(&o, &last);
		require(o.nr <= o.room || !o.room);
		require(o.nr <= BATON_OUTPUT_MAX);
	}
	output_clear(&o);
	return 0;
}
