/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What happened: the last events in memory, all of them in a file of one JSON
 * object per line, and to whoever watches.
 */
#ifndef BATOND_EVENTS_H
#define BATOND_EVENTS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/log.h"

#define EVENTS_KEPT 4096
#define EVENTS_FILE_MAX (16 << 20) /* bytes; then the file becomes FILE.1 */

typedef void (*event_listener)(json_t *event, void *arg);

struct events {
	json_t *ring[EVENTS_KEPT]; /* by sequence % EVENTS_KEPT */
	uint64_t next; /* sequence number of the next event, from 1 */
	char *path;
	int fd; /* -1: no file */
	size_t written;
	event_listener listener;
	void *arg;
};

/*
 * directory: where events.jsonl is kept. Its last events are shown with those
 * to come, whose sequence numbers go on from there. 0, or a negative errno;
 * without a file events are kept in memory all the same.
 */
int events_open(struct events *e, const char *directory);
void events_close(struct events *e);

/*
 * Note an event, and log its text. `fields` (a reference that is taken, or
 * NULL) are those of its kind; mono_ns 0 is now; it
 * is of the clock of lib/clock.h. See docs/control.md.
 */
void event_at(struct events *e, uint64_t mono_ns, enum log_level level,
	      const char *kind, json_t *fields, const char *format, ...)
	__attribute__((format(printf, 6, 7)));

#define event(e, level, kind, fields, ...)                                     \
	event_at(e, 0, level, kind, fields, __VA_ARGS__)

/* New array of the last `last` events, or of those after sequence `after`. */
json_t *events_show(const struct events *e, size_t last, uint64_t after);

#endif
