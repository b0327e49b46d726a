// SPDX-License-Identifier: GPL-2.0-only
#include "control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "lib/jsontext.h"

#define LINE_MAX_BYTES (256 << 10) /* of a request */
#define QUEUE_MAX (4 << 20) /* unread answers; then the client is cut off */
#define QUEUE_EVENTS (1 << 20) /* unread events; then watchers miss some */
#define CLIENTS_MAX 256

struct client {
	uv_pipe_t pipe;
	struct batond *b;
	struct client *next;
	char *line; /* of LINE_MAX_BYTES */
	size_t length;
	bool watches;
	uint64_t lost; /* events skipped since it last kept up */
};

static uv_pipe_t listener;
static struct client *clients;
static size_t nr_clients;

/* --- writing ------------------------------------------------------------------ */

struct answer {
	uv_write_t request;
	char *text;
};

static void on_written(uv_write_t *request, int status)
{
	struct answer *a = (struct answer *)request;

	(void)status;
	free(a->text);
	free(a);
}

static void on_closed(uv_handle_t *handle)
{
	struct client *c = handle->data, **at = &clients;

	while (*at && *at != c)
		at = &(*at)->next;
	if (*at)
		*at = c->next;
	nr_clients--;
	free(c->line);
	free(c);
}

static void hang_up(struct client *c)
{
	if (!uv_is_closing((uv_handle_t *)&c->pipe))
		uv_close((uv_handle_t *)&c->pipe, on_closed);
}

/* Takes the reference to `answer`. */
static void send_line(struct client *c, json_t *answer)
{
	struct answer *a = malloc(sizeof(*a));
	char *text = json_dumps(answer, JSON_COMPACT | JSON_PRESERVE_ORDER);
	uv_buf_t buf;

	json_decref(answer);
	if (!a || !text || uv_is_closing((uv_handle_t *)&c->pipe)) {
		free(a);
		free(text);
		return;
	}
	/* What waits already: an answer by itself may be as long as that. */
	if (uv_stream_get_write_queue_size((uv_stream_t *)&c->pipe) >
	    QUEUE_MAX) {
		log_notice("a control client does not read: disconnected");
		free(a);
		free(text);
		hang_up(c);
		return;
	}
	buf = uv_buf_init(text, strlen(text) + 1);
	text[buf.len - 1] = '\n'; /* in place of the terminating NUL */
	a->text = text;
	if (uv_write(&a->request, (uv_stream_t *)&c->pipe, &buf, 1,
		     on_written)) {
		free(text);
		free(a);
		hang_up(c);
	}
}

static void send_error(struct client *c, const char *why)
{
	send_line(c, json_pack("{s:b, s:o}", "ok", 0, "error", jsontext(why)));
}

/* --- watching ----------------------------------------------------------------- */

static void on_event(json_t *event, void *arg)
{
	(void)arg;
	for (struct client *c = clients, *next; c; c = next) {
		next = c->next;
		if (!c->watches)
			continue;
		if (uv_stream_get_write_queue_size((uv_stream_t *)&c->pipe) >
		    QUEUE_EVENTS) {
			c->lost++;
			continue;
		}
		if (c->lost)
			send_line(c, json_pack("{s:I}", "lost",
					       (json_int_t)c->lost));
		c->lost = 0;
		send_line(c, json_pack("{s:O}", "event", event));
	}
}

/* --- reading ------------------------------------------------------------------ */

static void answer_line(struct client *c, const char *line, size_t length)
{
	char why[COMMAND_WHY] = "";
	json_error_t error;
	json_t *request = json_loadb(line, length, 0, &error), *data;
	const char *what = json_string_value(json_object_get(request, "do"));

	if (!json_is_object(request) || !what) {
		snprintf(why, sizeof(why),
			 "not a request: %s (expected one line with a JSON "
			 "object that has \"do\")",
			 request ? "no \"do\" in it" : error.text);
		send_error(c, why);
		/* Who does not speak JSON will not understand more either. */
		if (!json_is_object(request))
			hang_up(c);
		json_decref(request);
		return;
	}
	data = command_run(c->b, what, request, why);
	if (data) {
		send_line(c, json_pack("{s:b, s:o}", "ok", 1, "data", data));
		c->watches |= !strcmp(what, "event.watch");
	} else {
		send_error(c, why);
	}
	json_decref(request);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct client *c = handle->data;

	(void)suggested;
	*buf = uv_buf_init(c->line + c->length, LINE_MAX_BYTES - c->length);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct client *c = stream->data;
	char *start = c->line, *end;

	(void)buf;
	if (n < 0) {
		if (n == UV_ENOBUFS)
			send_error(c, "a request is longer than 256 KiB");
		hang_up(c);
		return;
	}
	c->length += n;
	while (!uv_is_closing((uv_handle_t *)stream) &&
	       (end = memchr(start, '\n', c->line + c->length - start))) {
		if (end > start)
			answer_line(c, start, end - start);
		start = end + 1;
	}
	c->length -= start - c->line;
	memmove(c->line, start, c->length);
}

static void on_connection(uv_stream_t *server, int status)
{
	struct client *c;

	if (status < 0)
		return;
	c = calloc(1, sizeof(*c));
	if (!c)
		return;
	uv_pipe_init(server->loop, &c->pipe, 0);
	c->pipe.data = c;
	c->b = server->data;
	c->line = malloc(LINE_MAX_BYTES);
	c->next = clients;
	clients = c;
	nr_clients++;
	if (uv_accept(server, (uv_stream_t *)&c->pipe) || !c->line ||
	    nr_clients > CLIENTS_MAX ||
	    uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read))
		hang_up(c);
}

/* --- the socket --------------------------------------------------------------- */

/* Directories above the socket that are missing: /run is empty after a boot. */
static void make_parent(const char *path)
{
	char dir[strlen(path) + 1], *slash;

	strcpy(dir, path);
	slash = strrchr(dir, '/');
	if (slash && slash != dir) {
		*slash = '\0';
		mkdir(dir, 0755);
	}
}

int control_open(struct batond *b, const char *path)
{
	mode_t mask;
	int err;

	make_parent(path);
	/* Whoever left it there is gone: the lock on the bpffs says so. */
	unlink(path);
	uv_pipe_init(&b->loop, &listener, 0);
	listener.data = b;
	mask = umask(0177);
	err = uv_pipe_bind(&listener, path);
	umask(mask);
	if (!err)
		err = uv_listen((uv_stream_t *)&listener, 64, on_connection);
	if (err)
		log_error("control socket %s: %s", path, uv_strerror(err));
	b->events.listener = on_event;
	return err;
}

void control_close(struct batond *b)
{
	b->events.listener = NULL;
	uv_close((uv_handle_t *)&listener, NULL);
	for (struct client *c = clients; c; c = c->next)
		hang_up(c);
}
