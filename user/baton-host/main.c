// SPDX-License-Identifier: GPL-2.0-only
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "agent.h"
#include "lib/log.h"

#define DEFAULT_CONFIG "/etc/baton/host.yaml"

static const char usage[] =
	"usage: baton-host [--config FILE] [--verbose]      run in foreground\n"
	"       baton-host [--config FILE] --check          check the file\n"
	"       baton-host [--config FILE] --detach         undo everything\n"
	"       baton-host [--config FILE] --say WORD       up, draining or "
	"leaving\n"
	"       baton-host [--config FILE] --status [--json] show how it is\n"
	"       baton-host --version | --help\n"
	"The file is " DEFAULT_CONFIG " unless given. See baton-host(8).\n";

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "check", no_argument, NULL, 'C' },
	{ "detach", no_argument, NULL, 'd' },
	{ "say", required_argument, NULL, 's' },
	{ "status", no_argument, NULL, 'S' },
	{ "json", no_argument, NULL, 'j' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static const char *const words[] = {
#define X(name, label) [BATON_WORD_##name] = label,
	BATON_HOST_WORDS(X)
#undef X
};

enum exit_status { DONE, FAILED, MISUSED };

static int word_of(const char *label)
{
	int i;

	for (i = 0; i < BATON_NR_HOST_WORDS; i++)
		if (!strcmp(words[i], label))
			return i;
	return -1;
}

static int misused(const char *what)
{
	fprintf(stderr, "baton-host: %s\n%s", what, usage);
	return MISUSED;
}

int main(int argc, char **argv)
{
	const char *path = DEFAULT_CONFIG;
	enum { RUN, CHECK, DETACH, SAY, STATUS } what = RUN;
	enum log_level level = LOG_L_INFO;
	int option, word = -1, chosen = 0, err;
	struct config config;
	bool json = false;

	while ((option = getopt_long(argc, argv, "c:jvVh", long_options,
				     NULL)) != -1) {
		switch (option) {
		case 'c':
			path = optarg;
			break;
		case 'C':
			what = CHECK;
			chosen++;
			break;
		case 'd':
			what = DETACH;
			chosen++;
			break;
		case 's':
			what = SAY;
			chosen++;
			word = word_of(optarg);
			if (word < 0)
				return misused("--say: up, draining or leaving "
					       "is expected");
			break;
		case 'S':
			what = STATUS;
			chosen++;
			break;
		case 'j':
			json = true;
			break;
		case 'v':
			level = LOG_L_DEBUG;
			break;
		case 'V':
			puts("baton-host " BATON_VERSION);
			return DONE;
		case 'h':
			fputs(usage, stdout);
			return DONE;
		default:
			fputs(usage, stderr);
			return MISUSED;
		}
	}
	if (optind < argc)
		return misused("no further arguments are expected");
	if (chosen > 1)
		return misused("--check, --detach, --say and --status exclude "
			       "each other");
	if (json && what != STATUS)
		return misused("--json is for --status");

	log_init("baton-host", level);
	err = agent_config(&config, path);
	if (err)
		goto out;
	switch (what) {
	case RUN:
		err = agent_run(path, &config);
		break;
	case CHECK:
		break;
	case DETACH:
		err = agent_detach(&config);
		break;
	case SAY:
		err = agent_say(&config, word);
		break;
	case STATUS:
		err = agent_status(&config, json);
		break;
	}
out:
	config_free(&config);
	return err ? FAILED : DONE;
}
