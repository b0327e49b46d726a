// SPDX-License-Identifier: GPL-2.0-only
#include "jsonclient.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES (256 << 10) /* of an object */
#define QUEUE_MAX (4 << 20) /* what the other side has not read */
#define RETRY 100 /* ms */

static void begin(struct jsonclient *c);

/* --- the connection ------------------------------------------------------------ */

static void on_retry(uv_timer_t *timer)
{
	begin(timer->data);
}

static void on_closed(uv_handle_t *handle)
{
	struct jsonclient *c = handle->data;

	if (!c->closed)
		uv_timer_start(&c->retry, on_retry, RETRY, 0);
}

static void hang_up(struct jsonclient *c, int err)
{
	bool news = c->up || !c->told;

	if (uv_is_closing((uv_handle_t *)&c->pipe))
		return;
	uv_close((uv_handle_t *)&c->pipe, on_closed);
	c->up = false;
	c->told = true;
	if (news && !c->closed)
		c->cb.down(c->arg, uv_strerror(err));
}

/* --- out ------------------------------------------------------------------------ */

struct going {
	uv_write_t request;
	char *text;
};

static void on_written(uv_write_t *request, int status)
{
	struct going *g = (struct going *)request;
	struct jsonclient *c = request->handle->data;

	free(g->text);
	free(g);
	if (status < 0 && status != UV_ECANCELED)
		hang_up(c, status);
}

bool jsonclient_send(struct jsonclient *c, json_t *object)
{
	struct going *g = c->up ? malloc(sizeof(*g)) : NULL;
	char *text = g ? json_dumps(object, JSON_COMPACT) : NULL;
	uv_buf_t buf;

	json_decref(object);
	if (!text) {
		free(g);
		return false;
	}
	buf = uv_buf_init(text, strlen(text) + 1);
	text[buf.len - 1] = '\n'; /* in place of the terminating NUL */
	g->text = text;
	if (uv_write(&g->request, (uv_stream_t *)&c->pipe, &buf, 1,
		     on_written)) {
		free(text);
		free(g);
		return false;
	}
	if (uv_stream_get_write_queue_size((uv_stream_t *)&c->pipe) > QUEUE_MAX)
		hang_up(c, UV_ETIMEDOUT);
	return true;
}

/* --- in ------------------------------------------------------------------------- */

static void take_line(struct jsonclient *c, const char *line, size_t length)
{
	json_t *object = json_loadb(line, length, 0, NULL);

	if (json_is_object(object))
		c->cb.object(c->arg, object);
	else
		hang_up(c, UV_EPROTO);
	json_decref(object);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct jsonclient *c = handle->data;

	(void)suggested;
	*buf = uv_buf_init(c->line + c->length, LINE_MAX_BYTES - c->length);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct jsonclient *c = stream->data;
	char *start = c->line, *end;

	(void)buf;
	if (n < 0) {
		hang_up(c, n);
		return;
	}
	c->length += n;
	while (c->up &&
	       (end = memchr(start, '\n', c->line + c->length - start))) {
		if (end > start)
			take_line(c, start, end - start);
		start = end + 1;
	}
	c->length -= start - c->line;
	memmove(c->line, start, c->length);
}

/* --- connecting ------------------------------------------------------------------ */

static void on_connected(uv_connect_t *request, int status)
{
	struct jsonclient *c = request->data;

	if (status == UV_ECANCELED)
		return;
	if (status >= 0)
		status = uv_read_start((uv_stream_t *)&c->pipe, on_alloc,
				       on_read);
	if (status < 0) {
		hang_up(c, status);
		return;
	}
	c->up = true;
	c->told = false;
	c->length = 0;
	c->cb.up(c->arg);
}

static void begin(struct jsonclient *c)
{
	uv_pipe_init(c->retry.loop, &c->pipe, 0);
	c->pipe.data = c;
	c->connect.data = c;
	uv_pipe_connect(&c->connect, &c->pipe, c->path, on_connected);
}

int jsonclient_open(struct jsonclient *c, uv_loop_t *loop, const char *path,
		    const struct jsonclient_callbacks *cb, void *arg)
{
	*c = (struct jsonclient){ .cb = *cb, .arg = arg, .path = path };
	c->line = malloc(LINE_MAX_BYTES);
	if (!c->line)
		return -ENOMEM;
	uv_timer_init(loop, &c->retry);
	c->retry.data = c;
	begin(c);
	return 0;
}

static void on_ended(uv_handle_t *handle)
{
	struct jsonclient *c = handle->data;

	free(c->line);
}

void jsonclient_close(struct jsonclient *c)
{
	if (!c->line || c->closed)
		return;
	c->closed = true;
	if (!uv_is_closing((uv_handle_t *)&c->pipe))
		hang_up(c, UV_ECANCELED);
	uv_close((uv_handle_t *)&c->retry, on_ended);
}
