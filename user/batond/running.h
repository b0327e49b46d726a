/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The configuration that runs: the file's, with what was changed by hand
 * since. Changes by hand are written to STATE/running.yaml, so that they
 * survive a crash of batond as the connections do; they end when the file is
 * read again, by a reload or because it differs at the next start.
 */
#ifndef BATOND_RUNNING_H
#define BATOND_RUNNING_H

#include <jansson.h>

#include "batond.h"

/*
 * Read what is to run: running.yaml if it is based on the present file and
 * the maps were adopted, else the file. 0 or a negative errno, errors logged.
 */
int running_read(struct batond *b, struct config *file, bool adopted);

/* Each: json null, or {"changes": N}; NULL with `why` and nothing changed. */
json_t *running_put(struct batond *b, const char *kind, const char *yaml,
		    bool replace, char *why);
json_t *running_drop(struct batond *b, const char *kind, const char *name,
		     char *why);
json_t *running_reload(struct batond *b, char *why);

/* maintenance: of a host or, with `host` NULL, of guards:; as an edit. */
json_t *running_set_maintenance(struct batond *b, const char *host, bool on,
				char *why);

#endif
