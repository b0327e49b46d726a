// SPDX-License-Identifier: GPL-2.0-only
#include "jsonpipe.h"

#include <stdlib.h>
#include <string.h>

void jsonpipe_init(struct jsonpipe *p, uv_loop_t *loop,
		   const struct jsonpipe_callbacks *cb, void *arg)
{
	*p = (struct jsonpipe){ .cb = cb, .arg = arg };
	uv_pipe_init(loop, &p->uv, 0);
	p->uv.data = p;
}

static bool is_closed(const struct jsonpipe *p)
{
	return uv_is_closing((const uv_handle_t *)&p->uv);
}

static void on_closed(uv_handle_t *handle)
{
	struct jsonpipe *p = handle->data;

	free(p->line);
	p->cb->closed(p->arg);
}

bool jsonpipe_close(struct jsonpipe *p)
{
	if (is_closed(p))
		return false;
	uv_close((uv_handle_t *)&p->uv, on_closed);
	return true;
}

/* --- out ------------------------------------------------------------------------ */

static void on_written(uv_write_t *request, int status)
{
	struct jsonpipe *p = request->handle->data;

	free(request->data);
	free(request);
	if (status < 0 && !is_closed(p) && p->cb->unsent)
		p->cb->unsent(p->arg, status);
}

int jsonpipe_send(struct jsonpipe *p, json_t *object)
{
	uv_write_t *request = malloc(sizeof(*request));
	char *text = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);
	int err = UV_ENOMEM;
	uv_buf_t buf;

	json_decref(object);
	if (!p->line || is_closed(p)) {
		err = UV_ENOTCONN;
	} else if (p->uv.write_queue_size > JSONPIPE_QUEUE) {
		/* what waits already: this may be as long as that by itself */
		err = UV_ETIMEDOUT;
	} else if (request && text) {
		buf = uv_buf_init(text, strlen(text) + 1);
		text[buf.len - 1] = '\n'; /* in place of the terminating NUL */
		request->data = text;
		err = uv_write(request, (uv_stream_t *)&p->uv, &buf, 1,
			       on_written);
	}
	if (err) {
		free(request);
		free(text);
	}
	return err;
}

/* --- in ------------------------------------------------------------------------- */

static void take_line(struct jsonpipe *p, const char *line, size_t length)
{
	json_error_t error;
	json_t *value = json_loadb(line, length, 0, &error);

	p->cb->line(p->arg, value, error.text);
	json_decref(value);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct jsonpipe *p = handle->data;

	(void)suggested;
	*buf = uv_buf_init(p->line + p->length, JSONPIPE_LINE - p->length);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct jsonpipe *p = stream->data;
	char *start = p->line, *end;

	(void)buf;
	if (n < 0) {
		p->cb->end(p->arg, n);
		return;
	}
	p->length += n;
	while (!is_closed(p) &&
	       (end = memchr(start, '\n', p->line + p->length - start))) {
		if (end > start)
			take_line(p, start, end - start);
		start = end + 1;
	}
	p->length -= start - p->line;
	memmove(p->line, start, p->length);
}

int jsonpipe_begin(struct jsonpipe *p)
{
	p->line = malloc(JSONPIPE_LINE);
	if (!p->line)
		return UV_ENOMEM;
	return uv_read_start((uv_stream_t *)&p->uv, on_alloc, on_read);
}
