// SPDX-License-Identifier: GPL-2.0-only
#include <getopt.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"

enum { OPTION_COLOUR = 256 };

static const struct option long_options[] = {
	{ "socket", required_argument, NULL, 's' },
	{ "bpffs", required_argument, NULL, 'b' },
	{ "timeout", required_argument, NULL, 't' },
	{ "json", no_argument, NULL, 'j' },
	{ "pretty", no_argument, NULL, 'p' },
	{ "all", no_argument, NULL, 'a' },
	{ "color", required_argument, NULL, OPTION_COLOUR },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static int set_colour(struct options *o, const char *when)
{
	if (!strcmp(when, "always"))
		o->colour = true;
	else if (!strcmp(when, "never"))
		o->colour = false;
	else if (strcmp(when, "auto"))
		return complain(STATUS_USAGE,
				"--color %s: auto, always or never is expected",
				when);
	return STATUS_OK;
}

static int set_timeout(struct options *o, const char *text)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end || !(seconds > 0 && seconds <= 86400))
		return complain(STATUS_USAGE,
				"--timeout %s: seconds are expected, more than "
				"0, at most 86400",
				text);
	o->timeout_ms = seconds * 1000 < 1 ? 1 : (int)(seconds * 1000);
	return STATUS_OK;
}

static void defaults(struct options *o)
{
	const char *no_color = getenv("NO_COLOR");

	memset(o, 0, sizeof(*o));
	o->bpffs = "/sys/fs/bpf/baton";
	o->timeout_ms = 5000;
	o->redraw = isatty(STDOUT_FILENO);
	o->colour = o->redraw && !(no_color && *no_color);
}

static int run(struct options *o, char *const *words, int nr)
{
	const struct daemon *daemon;
	struct command c = { 0 };
	char error[COMMAND_ERROR];
	int status;

	if (!nr) {
		command_help(command_objects, &c, stderr);
		return STATUS_USAGE;
	}
	if (command_parse(command_objects, words, nr, &c, error)) {
		complain(STATUS_USAGE, "%s", error);
		if (c.verb)
			command_help(command_objects, &c, stderr);
		return STATUS_USAGE;
	}
	if (!c.args) {
		command_help(command_objects, &c, stdout);
		return STATUS_OK;
	}
	daemon = c.object->daemon;
	o->daemon = daemon->name;
	o->socket = o->socket ?: daemon->socket;
	status = c.verb->run(c.verb, c.args, o);
	json_decref(c.args);
	return status;
}

/* --help is the word "help", after the object and the verb. */
static int run_help(struct options *o, char *const *words, int nr)
{
	char help[] = "help", *with_help[3];
	int n;

	for (n = 0; n < nr && n < 2; n++)
		with_help[n] = words[n];
	with_help[n++] = help;
	return run(o, with_help, n);
}

int main(int argc, char **argv)
{
	struct options o;
	bool help = false;
	int status = STATUS_OK, c;

	/* There is one thread, and there may be millions of lines. */
	__fsetlocking(stdout, FSETLOCKING_BYCALLER);
	defaults(&o);
	while (!status && (c = getopt_long(argc, argv, "s:b:t:jpaVh",
					   long_options, NULL)) != -1) {
		switch (c) {
		case 's':
			o.socket = optarg;
			break;
		case 'b':
			o.bpffs = optarg;
			break;
		case 't':
			status = set_timeout(&o, optarg);
			break;
		case 'p':
			o.pretty = true;
			/* fall through */
		case 'j':
			o.json = true;
			break;
		case 'a':
			o.all = true;
			break;
		case OPTION_COLOUR:
			status = set_colour(&o, optarg);
			break;
		case 'V':
			puts("baton " BATON_VERSION);
			return STATUS_OK;
		case 'h':
			help = true;
			break;
		default:
			return STATUS_USAGE;
		}
	}
	if (!status)
		status = (help ? run_help : run)(&o, argv + optind,
						 argc - optind);
	if (fflush(stdout) || ferror(stdout)) {
		perror("baton: standard output");
		status = status ? status : STATUS_REFUSED;
	}
	return status;
}
