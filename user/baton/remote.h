/* SPDX-License-Identifier: GPL-2.0-only */
/* Commands that batond carries out, through its control socket. */
#ifndef BATON_REMOTE_H
#define BATON_REMOTE_H

#include "command.h"

command_run remote_ask; /* one request, one answer */
command_run remote_follow; /* one request, then events without end */
command_run remote_redraw; /* the same request again and again */

/*
 * What an answer says: its data (borrowed), or NULL after a complaint, with
 * *status set.
 */
const json_t *remote_data(const json_t *answer, int *status);

/* Print data for people or as JSON, as the options say. */
void remote_print(const struct verb *v, const struct options *o, FILE *f,
		  const json_t *data, const json_t *args);

#endif
