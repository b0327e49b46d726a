// SPDX-License-Identifier: GPL-2.0-only
/* Any text is refused with a message, or is a configuration that holds what
 * the agent relies on. */
#include <stdlib.h>
#include <string.h>

#include "baton-host/config.h"

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check_application(const struct config_application *a)
{
	require(a->name[0] && memchr(a->name, '\0', sizeof(a->name)));
	require(a->check < NR_APP_CHECKS && a->limit_ms && a->interval_ms &&
		a->timeout_ms && a->rise && a->fall);
	switch (a->check) {
	case APP_HTTP:
		require(a->path && a->path[0] == '/');
		/* fall through */
	case APP_TCP:
		require(a->address.family && a->port);
		break;
	case APP_COMMAND:
		require(a->nr_command && a->command[0].text[0] == '/');
		break;
	case APP_PROCESS:
		require(a->pidfile != NULL);
		break;
	default:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_errors e = { 0 };
	struct config c;
	int err = config_parse(&c, "fuzz", (const char *)data, size, &e);

	if (err) {
		require(err < 0 && e.count && e.text);
	} else {
		require(!e.text && c.nr_interfaces && c.nr_switches);
		require(c.nr_applications <= BATON_PROBE_APPS);
		for (size_t i = 0; i < c.nr_applications; i++)
			check_application(&c.applications[i]);
		require(!config_needs_restart(&c, &c));
	}
	config_free(&c);
	config_errors_free(&e);
	return 0;
}
