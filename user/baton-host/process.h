/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A process that a file names by its pid, as daemons write it: its end is
 * noticed at once, by a pidfd; its start by looking now and then.
 */
#ifndef BATON_HOST_PROCESS_H
#define BATON_HOST_PROCESS_H

#include <stdbool.h>
#include <uv.h>

typedef void (*process_fn)(void *arg, bool lives);

struct process {
	const char *pidfile;
	process_fn changed;
	void *arg;
	int fd; /* pidfd; -1: it does not live */
	uv_poll_t *watch;
};

/* Nothing is looked at yet; it counts as not living. */
void process_init(struct process *p, const char *pidfile, process_fn changed,
		  void *arg);

/* Look whether it lives by now, unless that is known; whether it does. */
bool process_look(struct process *p, uv_loop_t *loop);

void process_stop(struct process *p);

#endif
