// SPDX-License-Identifier: GPL-2.0-only
#include "captures.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "batond.h"
#include "lib/capture/capture_file.h"

#define SUFFIX ".pcapng"
#define WRITING_MAX                                                            \
	4 /* at a time: failures that follow each other faster than
		       * a disk writes are told without a file */

/* All that a worker needs; nothing of it is shared with the main thread but
 * the recorder's maps. */
struct job {
	uv_work_t work;
	struct captures *captures;
	struct recorder recorder;
	char *path;
	uint32_t kept;
	uint16_t wanted[BATON_MAX_OWNERS];
	char services[BATON_MAX_SERVICES][BATON_NAME_LEN];
	char hosts[BATON_MAX_HOSTS][BATON_NAME_LEN];
	struct capture_counts counts;
	int err;
};

int captures_open(struct captures *c, const char *state)
{
	int err = 0;

	*c = (struct captures){ 0 };
	if (asprintf(&c->directory, "%s/captures", state) < 0) {
		c->directory = NULL;
		err = -ENOMEM;
	} else if (mkdir(c->directory, 0700) && errno != EEXIST) {
		err = -errno;
	}
	if (!err)
		return 0;
	log_warning("%s/captures: %s: nothing is kept of failovers", state,
		    strerror(-err));
	free(c->directory);
	c->directory = NULL;
	return err;
}

/* --- in a worker ----------------------------------------------------------------- */

static int is_capture(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > strlen(SUFFIX) &&
	       !strcmp(entry->d_name + len - strlen(SUFFIX), SUFFIX);
}

/* Names begin with the time: the oldest come first. */
static void make_room(const char *directory, uint32_t kept)
{
	struct dirent **entries;
	int n = scandir(directory, &entries, is_capture, alphasort);

	for (int i = 0; i < n; i++) {
		char *path;

		if (n - i >= (int)kept && asprintf(&path, "%s/%s", directory,
						   entries[i]->d_name) >= 0) {
			unlink(path);
			free(path);
		}
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

static const char *name_text(const char *name, uint16_t id,
			     char text[CAPTURE_NAME])
{
	if (*name)
		snprintf(text, CAPTURE_NAME, "%s", name);
	else
		snprintf(text, CAPTURE_NAME, "#%u", id);
	return text;
}

static const char *service_text(void *arg, uint16_t id, char text[CAPTURE_NAME])
{
	const struct job *j = arg;

	return name_text(id < BATON_MAX_SERVICES ? j->services[id] : "", id,
			 text);
}

static const char *host_text(void *arg, uint16_t id, char text[CAPTURE_NAME])
{
	const struct job *j = arg;

	return name_text(id < BATON_MAX_HOSTS ? j->hosts[id] : "", id, text);
}

static void on_work(uv_work_t *work)
{
	struct job *j = work->data;
	const struct capture_names names = { service_text, host_text, j };
	char *part;

	make_room(j->captures->directory, j->kept);
	if (asprintf(&part, "%s.part", j->path) < 0) {
		j->err = -ENOMEM;
		return;
	}
	/* whole, or not there */
	j->err = capture_write(&j->recorder, j->wanted, part, &names,
			       &j->counts);
	if (!j->err && rename(part, j->path)) {
		j->err = -errno;
		unlink(part);
	}
	free(part);
}

/* --- in the main thread ------------------------------------------------------------ */

static void on_done(uv_work_t *work, int status)
{
	struct job *j = work->data;

	(void)status;
	j->captures->writing--;
	if (j->err)
		log_warning("%s: %s", j->path, strerror(-j->err));
	else
		log_info("%s: %llu packets, %llu were written over meanwhile",
			 j->path, (unsigned long long)j->counts.written,
			 (unsigned long long)j->counts.lost);
	free(j->path);
	free(j);
}

/* After the time, so that names are in order; and an owner, for people. */
static char *path_for(const struct captures *c, const char *owner)
{
	char *path, text[32];
	struct timespec t;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &t);
	strftime(text, sizeof(text), "%Y%m%dT%H%M%S", gmtime_r(&t.tv_sec, &tm));
	if (asprintf(&path, "%s/%s.%06ldZ-%s" SUFFIX, c->directory, text,
		     t.tv_nsec / 1000, owner) < 0)
		return NULL;
	return path;
}

static struct job *new_job(struct batond *b, const char *owner)
{
	struct job *j = calloc(1, sizeof(*j));

	if (!j)
		return NULL;
	j->path = path_for(&b->captures, owner);
	j->captures = &b->captures;
	j->recorder = b->replay.recorder;
	j->kept = b->config.captures;
	j->work.data = j;
	for (uint16_t i = 0; i < BATON_MAX_SERVICES; i++)
		memcpy(j->services[i], b->services.name[i], BATON_NAME_LEN);
	for (uint16_t i = 0; i < BATON_MAX_HOSTS; i++)
		memcpy(j->hosts[i], b->hosts.name[i], BATON_NAME_LEN);
	if (j->path)
		return j;
	free(j);
	return NULL;
}

static bool is_failover(const struct note *n)
{
	return n->kind == NOTE_MOVE && move_is_automatic(n->move.cause);
}

char *captures_begin(struct batond *b, const struct note *notes, uint32_t n)
{
	struct captures *c = &b->captures;
	struct job *j = NULL;
	char *path;

	if (!b->config.captures || !c->directory || c->writing == WRITING_MAX ||
	    !recorder_has_any(&b->replay.recorder))
		return NULL;
	for (uint32_t i = 0; i < n; i++) {
		if (!is_failover(&notes[i]))
			continue;
		if (!j)
			j = new_job(b, owner_name(b, notes[i].move.owner));
		if (!j)
			return NULL;
		j->wanted[notes[i].move.owner] = 1;
	}
	if (!j)
		return NULL;
	path = strdup(j->path);
	if (path && !uv_queue_work(&b->loop, &j->work, on_work, on_done)) {
		c->writing++;
		return path;
	}
	free(path);
	free(j->path);
	free(j);
	return NULL;
}
