/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an application has written to a connection and not committed yet
 * (baton/protect.h): nobody else has it, and it dies with the application.
 * Pure.
 */
#ifndef BATON_PROXY_OUTPUT_H
#define BATON_PROXY_OUTPUT_H

#include "replica.h"

struct output {
	uint8_t *bytes; /* from the end of what is committed on */
	size_t nr, room;
	struct cut asked; /* if `asks`: a commit that waits for its bytes */
	bool asks;

	uint64_t released; /* output that may be sent to the client */
	uint32_t handle; /* 0: no application has it now */
	bool resumed; /* one may have had it */
	bool left; /* one has ended it: no other is to get it */
};

/* The application has written: 0, -ENOBUFS (more than BATON_OUTPUT_MAX), or
 * -ENOMEM. */
int output_add(struct output *o, const uint8_t *bytes, size_t nr);

/*
 * It commits: `last` is the cut where it stands, `input` how much it can have
 * read. 0; or -EINVAL: nobody can go on from there. Of commits that wait for
 * their bytes the newest alone counts.
 */
int output_ask(struct output *o, const struct cut *cut, const struct cut *last,
	       uint64_t input);

/* Is there a commit all of whose bytes are there? They begin at o->bytes. */
bool output_ready(const struct output *o, const struct cut *last);

/* It has been carried out. */
void output_done(struct output *o, const struct cut *last);

/* The application is gone: so is what it has not committed. */
void output_clear(struct output *o);

#endif
