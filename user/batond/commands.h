/* SPDX-License-Identifier: GPL-2.0-only */
/* What can be asked of batond: the requests of docs/control.md. */
#ifndef BATOND_COMMANDS_H
#define BATOND_COMMANDS_H

#include <jansson.h>

#include "batond.h"
#include "lib/jsonserver.h"

#define COMMAND_WHY JSONSERVER_WHY

/* The answer's data (a new reference), or NULL with `why` filled. */
json_t *command_run(struct batond *b, const char *what, const json_t *request,
		    char why[COMMAND_WHY]);

/* One for each request; see the table in commands.c. */
typedef json_t *command_fn(struct batond *b, const json_t *request,
			   char why[COMMAND_WHY]);

command_fn show_status, show_services, show_hosts, show_owners, show_stats,
	show_ownership, show_events, show_config, show_maintenance, show_plan;

/* Reread the file, or take over an edited configuration. */
command_fn reload_config;

#endif
