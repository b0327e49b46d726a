// SPDX-License-Identifier: GPL-2.0-only
#include "jsonserver.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jsonpipe.h"
#include "jsontext.h"
#include "log.h"
#include "unix_socket.h"

#define QUEUE_EVENTS (1 << 20) /* unread events; then watchers miss some */
#define CLIENTS_MAX 256

struct jsonserver_client {
	struct jsonpipe pipe;
	struct jsonserver *server;
	struct jsonserver_client *next;
	bool watches;
	uint64_t lost; /* events skipped since it last kept up */
};

struct jsonserver {
	uv_pipe_t listener;
	struct jsonserver_client *clients;
	size_t nr_clients;
	bool closed; /* freed with its last handle */
	jsonserver_fn *answer;
	jsonserver_gone_fn *gone;
	void *arg;
};

/* --- clients ------------------------------------------------------------------ */

static void free_if_unused(struct jsonserver *s)
{
	if (s->closed && !s->clients)
		free(s);
}

static void on_closed(void *arg)
{
	struct jsonserver_client *c = arg;
	struct jsonserver *s = c->server;
	struct jsonserver_client **at = &s->clients;

	while (*at && *at != c)
		at = &(*at)->next;
	if (*at)
		*at = c->next;
	s->nr_clients--;
	free(c);
	free_if_unused(s);
}

static void hang_up(struct jsonserver_client *c)
{
	if (jsonpipe_close(&c->pipe) && c->server->gone)
		c->server->gone(c->server->arg, c);
}

/* Takes the reference to `answer`. */
static void send_line(struct jsonserver_client *c, json_t *answer)
{
	int err = jsonpipe_send(&c->pipe, answer);

	if (err == UV_ETIMEDOUT)
		log_notice("a control client does not read: disconnected");
	if (err)
		hang_up(c);
}

static void send_error(struct jsonserver_client *c, const char *why)
{
	send_line(c, json_pack("{s:b, s:o}", "ok", 0, "error", jsontext(why)));
}

/* --- watching ----------------------------------------------------------------- */

void jsonserver_watch(struct jsonserver_client *client)
{
	client->watches = true;
}

static void tell(struct jsonserver_client *c, json_t *event)
{
	if (c->pipe.uv.write_queue_size > QUEUE_EVENTS) {
		c->lost++;
		return;
	}
	if (c->lost)
		send_line(c, json_pack("{s:I}", "lost", (json_int_t)c->lost));
	c->lost = 0;
	send_line(c, json_pack("{s:O}", "event", event));
}

void jsonserver_event(struct jsonserver *server, json_t *event)
{
	for (struct jsonserver_client *c = server->clients, *next; c;
	     c = next) {
		next = c->next;
		if (c->watches)
			tell(c, event);
	}
}

/* --- reading ------------------------------------------------------------------ */

static void on_line(void *arg, const json_t *request, const char *error)
{
	struct jsonserver_client *c = arg;
	struct jsonserver *s = c->server;
	char why[JSONSERVER_WHY] = "";
	const char *what = json_string_value(json_object_get(request, "do"));
	json_t *data;

	if (!what) {
		snprintf(why, sizeof(why),
			 "not a request: %s (expected one line with a JSON "
			 "object that has \"do\")",
			 request ? "no \"do\" in it" : error);
		send_error(c, why);
		/* Who does not speak JSON will not understand more either. */
		if (!json_is_object(request))
			hang_up(c);
		return;
	}
	data = s->answer(s->arg, c, what, request, why);
	if (data)
		send_line(c, json_pack("{s:b, s:o}", "ok", 1, "data", data));
	else
		send_error(c, why);
}

static void on_end(void *arg, int err)
{
	struct jsonserver_client *c = arg;

	if (err == UV_ENOBUFS)
		send_error(c, "a request is longer than 256 KiB");
	hang_up(c);
}

static void on_connection(uv_stream_t *listener, int status)
{
	static const struct jsonpipe_callbacks callbacks = {
		.line = on_line, .end = on_end, .closed = on_closed
	};
	struct jsonserver *s = listener->data;
	struct jsonserver_client *c;

	if (status < 0)
		return;
	c = calloc(1, sizeof(*c));
	if (!c)
		return;
	jsonpipe_init(&c->pipe, listener->loop, &callbacks, c);
	c->server = s;
	c->next = s->clients;
	s->clients = c;
	s->nr_clients++;
	if (uv_accept(listener, (uv_stream_t *)&c->pipe.uv) ||
	    s->nr_clients > CLIENTS_MAX || jsonpipe_begin(&c->pipe))
		hang_up(c);
}

/* --- the socket --------------------------------------------------------------- */

static void on_listener_closed(uv_handle_t *handle)
{
	struct jsonserver *s = handle->data;

	s->closed = true;
	free_if_unused(s);
}

int jsonserver_open(struct jsonserver **server, uv_loop_t *loop,
		    const char *path, jsonserver_fn *answer, void *arg)
{
	struct jsonserver *s = calloc(1, sizeof(*s));
	mode_t mask;
	int err;

	if (!s)
		return -ENOMEM;
	/* who asks may be gone before the answer */
	signal(SIGPIPE, SIG_IGN);
	s->answer = answer;
	s->arg = arg;
	unix_make_parent(path); /* the error is bind()'s */
	unlink(path);
	uv_pipe_init(loop, &s->listener, 0);
	s->listener.data = s;
	mask = umask(0177);
	err = uv_pipe_bind(&s->listener, path);
	umask(mask);
	if (!err)
		err = uv_listen((uv_stream_t *)&s->listener, 64, on_connection);
	if (err) {
		log_error("control socket %s: %s", path, uv_strerror(err));
		jsonserver_close(s);
		return err;
	}
	*server = s;
	return 0;
}

void jsonserver_on_gone(struct jsonserver *server, jsonserver_gone_fn *gone)
{
	server->gone = gone;
}

void jsonserver_close(struct jsonserver *s)
{
	for (struct jsonserver_client *c = s->clients; c; c = c->next)
		hang_up(c);
	uv_close((uv_handle_t *)&s->listener, on_listener_closed);
}

json_t *jsonserver_found(json_t *array, const json_t *request, const char *kind,
			 char why[JSONSERVER_WHY])
{
	const char *one = json_string_value(json_object_get(request, "name"));

	if (!one || json_array_size(array))
		return array;
	snprintf(why, JSONSERVER_WHY, "no %s %.64s (see: baton %s show)", kind,
		 one, kind);
	json_decref(array);
	return NULL;
}
