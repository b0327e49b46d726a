// SPDX-License-Identifier: GPL-2.0-only
/*
 * The part of the bench that must be in C. bench.py builds the laboratory,
 * runs this, and makes sense of its lines.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xdpbench.h"

/* X(option, field): text; the numbers are set by hand below */
#define TEXT_OPTIONS(X)                                                        \
	X("objects", objects)                                                  \
	X("bpffs", bpffs)                                                      \
	X("only", only)                                                        \
	X("port", port)                                                        \
	X("client-ns", client_ns)                                              \
	X("client-if", client_if)                                              \
	X("host0-ns", host_ns[0])                                              \
	X("host0-if", host_if[0])                                              \
	X("host1-ns", host_ns[1])                                              \
	X("host1-if", host_if[1])

#define NUMBER_OPTIONS(X)                                                      \
	X("rounds", rounds)                                                    \
	X("repeat", repeat)                                                    \
	X("cpu", cpu)

static const struct {
	const char *name;
	int (*run)(const struct bench_options *o);
} commands[] = {
	{ "time", bench_time },
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

int main(int argc, char **argv)
{
	static const struct option options[] = {
#define X(option, field) { option, required_argument, NULL, 'o' },
		TEXT_OPTIONS(X) NUMBER_OPTIONS(X)
#undef X
			{ 0 }
	};
	struct bench_options o = { .rounds = 7, .repeat = 1000000 };
	unsigned int i;
	int c, at;

	while ((c = getopt_long(argc, argv, "", options, &at)) != -1) {
		if (c != 'o')
			return 2;
		take(&o, options[at].name, optarg);
	}
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (optind < argc && !strcmp(argv[optind], commands[i].name))
			return commands[i].run(&o) ? 1 : 0;
	fprintf(stderr, "usage: xdpbench [options] time\n");
	return 2;
}
