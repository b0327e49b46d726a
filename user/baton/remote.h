/* SPDX-License-Identifier: GPL-2.0-only */
/* Commands that a daemon carries out, through its control socket. */
#ifndef BATON_REMOTE_H
#define BATON_REMOTE_H

#include "command.h"
#include "lib/jsonline.h"

command_run remote_ask; /* one request, one answer */
command_run remote_follow; /* one request, then events without end */
command_run remote_redraw; /* the same request again and again */

/* A connection with the daemon that the options name. */
struct remote {
	struct jsonline line;
	const struct options *options;
};

/* Each complains for itself, and returns the exit status. */
int remote_open(struct remote *r, const struct options *o);
void remote_close(struct remote *r);

/* Ask, and wait for the data, a new reference; NULL after a complaint, with
 * *status set. `args` may be NULL. */
json_t *remote_request(struct remote *r, const char *request,
		       const json_t *args, int *status);

/*
 * What an answer says: its data (borrowed), or NULL after a complaint, with
 * *status set.
 */
const json_t *remote_data(const json_t *answer, const struct options *o,
			  int *status);

/* Print data for people or as JSON, as the options say. */
void remote_print(const struct verb *v, const struct options *o, FILE *f,
		  const json_t *data, const json_t *args);

#endif
