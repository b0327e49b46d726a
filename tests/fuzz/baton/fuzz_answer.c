// SPDX-License-Identifier: GPL-2.0-only
/*
 * Any JSON that a daemon may answer is printed without crashing. The first
 * byte chooses how, the rest is the answer, and after a line break another,
 * earlier one for rates.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "baton/remote.h"
#include "baton/show.h"
#include "baton/stats.h"

static command_print *const prints[] = {
	show_services, show_hosts, show_owners, show_moves,  show_events,
	show_text,     show_stats, show_status, show_reload, show_nothing,
};

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct options o = { 0 };
	const uint8_t *newline;
	struct verb verb = { 0 };
	json_t *answer, *before, *args;
	char *text;
	FILE *f;

	if (size < 2)
		return 0;
	verb.print = prints[input[0] % SHOW_LEN(prints)];
	o.colour = input[0] & 0x80;
	o.all = input[0] & 0x40;
	o.json = (input[0] & 0x30) == 0x30;
	input++;
	size--;
	newline = memchr(input, '\n', size);
	answer = json_loadb((const char *)input,
			    newline ? (size_t)(newline - input) : size,
			    JSON_DECODE_ANY, NULL);
	before = newline ? json_loadb((const char *)newline,
				      size - (newline - input), JSON_DECODE_ANY,
				      NULL)
			 : NULL;
	args = json_pack("{s:s}", "name", "x");
	if (answer) {
		f = open_memstream(&text, &size);
		stats_rates(answer, before, 0.5);
		remote_print(&verb, &o, f, answer, args);
		fclose(f);
		free(text);
	}
	json_decref(args);
	json_decref(before);
	json_decref(answer);
	return 0;
}
