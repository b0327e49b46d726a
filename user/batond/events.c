// SPDX-License-Identifier: GPL-2.0-only
#include "events.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/jsontext.h"

#define FILE_TAIL (1 << 20) /* bytes read back at the start */

/* Of what was written last only whole lines are to stay. */
static void truncate_file(struct events *e, off_t size)
{
	if (ftruncate(e->fd, size))
		log_warning("%s: %s", e->path, strerror(errno));
	else
		e->written = size;
}

/*
 * What an earlier batond noted last is kept in memory as if it were ours. A
 * line that is cut off by the start of what is read is none; one that a crash
 * or a full disk cut off at the end is removed, so that ours do not continue
 * it.
 */
static void read_tail(struct events *e, off_t size)
{
	off_t from = size > FILE_TAIL ? size - FILE_TAIL : 0;
	char *tail = malloc(FILE_TAIL + 1), *line, *next;
	ssize_t n = tail ? pread(e->fd, tail, FILE_TAIL, from) : -1;

	if (n > 0)
		tail[n] = '\0';
	for (line = n > 0 ? tail : NULL; line && *line; line = next) {
		json_t *j, *seq, **slot;

		next = strchr(line, '\n');
		if (!next) {
			truncate_file(e, from + (line - tail));
			break;
		}
		*next++ = '\0';
		j = json_loads(line, 0, NULL);
		seq = json_object_get(j, "seq");
		if (!json_is_integer(seq) || json_integer_value(seq) < 1) {
			json_decref(j);
			continue;
		}
		e->next = json_integer_value(seq) + 1;
		slot = &e->ring[(e->next - 1) % EVENTS_KEPT];
		json_decref(*slot);
		*slot = j;
	}
	free(tail);
}

int events_open(struct events *e, const char *directory)
{
	struct stat st;

	*e = (struct events){ .next = 1, .fd = -1 };
	if (mkdir(directory, 0700) && errno != EEXIST)
		return -errno;
	if (asprintf(&e->path, "%s/events.jsonl", directory) < 0) {
		e->path = NULL;
		return -ENOMEM;
	}
	e->fd = open(e->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (e->fd < 0 || fstat(e->fd, &st))
		return -errno;
	e->written = st.st_size;
	read_tail(e, st.st_size);
	return 0;
}

void events_close(struct events *e)
{
	for (size_t i = 0; i < EVENTS_KEPT; i++)
		json_decref(e->ring[i]);
	if (e->fd >= 0)
		close(e->fd);
	free(e->path);
}

static void rotate(struct events *e)
{
	char old[strlen(e->path) + 3];
	int fd;

	snprintf(old, sizeof(old), "%s.1", e->path);
	if (rename(e->path, old))
		return;
	fd = open(e->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	close(e->fd);
	e->fd = fd;
	e->written = 0;
}

static void write_file(struct events *e, const json_t *event)
{
	char *line = json_dumps(event, JSON_COMPACT | JSON_PRESERVE_ORDER);
	ssize_t n, written;

	if (!line)
		return;
	n = strlen(line);
	line[n++] = '\n'; /* in place of the terminating NUL */
	/* Before, not after: a file is never empty, so the next batond finds
	 * the last sequence number in it. */
	if (e->written && e->written + n > EVENTS_FILE_MAX)
		rotate(e);
	written = write(e->fd, line, n);
	if (written == n) {
		e->written += n;
	} else {
		log_warning("%s: %s", e->path,
			    strerror(written < 0 ? errno : ENOSPC));
		if (written > 0)
			truncate_file(e, e->written);
	}
	free(line);
}

static json_t *wall_time(uint64_t mono_ns)
{
	struct timespec now;
	char text[40], day[24];
	uint64_t ns;
	time_t s;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &now);
	ns = now.tv_sec * 1000000000ULL + now.tv_nsec - clock_ns() + mono_ns;
	s = ns / 1000000000;
	gmtime_r(&s, &tm);
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text, sizeof(text), "%s.%06uZ", day,
		 (unsigned int)(ns % 1000000000 / 1000));
	return json_string(text);
}

void event_at(struct events *e, uint64_t mono_ns, enum log_level level,
	      const char *kind, json_t *fields, const char *format, ...)
{
	static const char *const severity[] = { "error", "warning", "notice",
						"info", "info" };
	json_t **slot = &e->ring[e->next % EVENTS_KEPT];
	json_t *event = json_object();
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_msg(level, "%s", text);

	mono_ns = mono_ns ?: clock_ns();
	json_object_set_new(event, "seq", json_integer(e->next++));
	json_object_set_new(event, "time", wall_time(mono_ns));
	json_object_set_new(event, "mono_ns", json_integer(mono_ns));
	json_object_set_new(event, "kind", json_string(kind));
	json_object_set_new(event, "severity", json_string(severity[level]));
	json_object_set_new(event, "text", jsontext(text));
	json_object_update(event, fields);
	json_decref(fields);

	json_decref(*slot);
	*slot = event;
	if (e->fd >= 0)
		write_file(e, event);
	if (e->listener)
		e->listener(event, e->arg);
}

json_t *events_show(const struct events *e, size_t last, uint64_t after)
{
	json_t *array = json_array();
	uint64_t first = e->next > EVENTS_KEPT ? e->next - EVENTS_KEPT : 1;

	if (after + 1 > first)
		first = after + 1;
	if (e->next > first && e->next - first > last)
		first = e->next - last;
	for (uint64_t i = first; i < e->next; i++)
		if (e->ring[i % EVENTS_KEPT])
			json_array_append(array, e->ring[i % EVENTS_KEPT]);
	return array;
}
