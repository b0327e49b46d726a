// SPDX-License-Identifier: GPL-2.0-only
/*
 * The part of the bench that must be in C. bench.py builds the laboratory,
 * runs this, and makes sense of its lines.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xdpbench.h"

#define TEXT_OPTIONS(X)                                                        \
	X("objects", objects)                                                  \
	X("bpffs", bpffs)                                                      \
	X("client", client)                                                    \
	X("switch", sw)                                                        \
	X("host-a", host_a)                                                    \
	X("host-b", host_b)                                                    \
	X("only", only)

#define NUMBER_OPTIONS(X)                                                      \
	X("rounds", rounds)                                                    \
	X("repeat", repeat)                                                    \
	X("cpu", cpu)

#define COMMANDS(X)                                                            \
	X(time, "what a packet costs in the program")                          \
	X(live, "what a packet costs from end to end")                         \
	X(store, "what moving an owner costs")                                 \
	X(flip, "what becomes of packets while an owner moves")                \
	X(cut, "how long until a host that is cut off has lost its owner")

static const struct {
	const char *name;
	int (*run)(const struct bench_options *o);
} commands[] = {
#define X(name, text) { #name, bench_##name },
	COMMANDS(X)
#undef X
};

static void take(struct bench_options *o, const char *name, const char *value)
{
#define X(option, field)                                                       \
	if (!strcmp(name, option))                                             \
		o->field = value;
	TEXT_OPTIONS(X)
#undef X
#define X(option, field)                                                       \
	if (!strcmp(name, option))                                             \
		o->field = strtoul(value, NULL, 0);
	NUMBER_OPTIONS(X)
#undef X
}

static int usage(void)
{
	fputs("usage: xdpbench [--OPTION VALUE]... COMMAND\n"
#define X(name, text) "  " #name ": " text "\n"
	      COMMANDS(X)
#undef X
		      ,
	      stderr);
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
#define X(option, field) { option, required_argument, NULL, 'o' },
		TEXT_OPTIONS(X) NUMBER_OPTIONS(X)
#undef X
			{ 0 }
	};
	struct bench_options o = { .rounds = 7, .repeat = 100000 };
	unsigned int i;
	int c, at;

	while ((c = getopt_long(argc, argv, "", options, &at)) != -1) {
		if (c != 'o')
			return usage();
		take(&o, options[at].name, optarg);
	}
	if (optind != argc - 1 || !o.objects || !o.bpffs)
		return usage();
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(argv[optind], commands[i].name))
			return commands[i].run(&o) ? 1 : 0;
	return usage();
}
