// SPDX-License-Identifier: GPL-2.0-only
#include "jsonclient.h"

#define RETRY 100 /* ms */

static void begin(struct jsonclient *c);

static void on_retry(uv_timer_t *timer)
{
	begin(timer->data);
}

static void on_closed(void *arg)
{
	struct jsonclient *c = arg;

	if (!c->closed)
		uv_timer_start(&c->retry, on_retry, RETRY, 0);
}

static void hang_up(struct jsonclient *c, int err)
{
	bool news = c->up || !c->told;

	if (!jsonpipe_close(&c->pipe))
		return;
	c->up = false;
	c->told = true;
	if (news && !c->closed)
		c->cb.down(c->arg, uv_strerror(err));
}

static void on_failed(void *arg, int err)
{
	hang_up(arg, err);
}

static void on_line(void *arg, const json_t *value, const char *why)
{
	struct jsonclient *c = arg;

	(void)why;
	if (json_is_object(value))
		c->cb.object(c->arg, value);
	else
		hang_up(c, UV_EPROTO);
}

bool jsonclient_send(struct jsonclient *c, json_t *object)
{
	if (jsonpipe_send(&c->pipe, object))
		return false;
	if (c->pipe.uv.write_queue_size > JSONPIPE_QUEUE)
		hang_up(c, UV_ETIMEDOUT);
	return true;
}

static void on_connected(uv_connect_t *request, int status)
{
	struct jsonclient *c = request->data;

	if (status == UV_ECANCELED)
		return;
	if (status >= 0)
		status = jsonpipe_begin(&c->pipe);
	if (status < 0) {
		hang_up(c, status);
		return;
	}
	c->up = true;
	c->told = false;
	c->cb.up(c->arg);
}

static void begin(struct jsonclient *c)
{
	static const struct jsonpipe_callbacks callbacks = {
		.line = on_line,
		.end = on_failed,
		.unsent = on_failed,
		.closed = on_closed,
	};

	jsonpipe_init(&c->pipe, c->retry.loop, &callbacks, c);
	c->connect.data = c;
	uv_pipe_connect(&c->connect, &c->pipe.uv, c->path, on_connected);
}

void jsonclient_open(struct jsonclient *c, uv_loop_t *loop, const char *path,
		     const struct jsonclient_callbacks *cb, void *arg)
{
	*c = (struct jsonclient){ .cb = *cb, .arg = arg, .path = path };
	uv_timer_init(loop, &c->retry);
	c->retry.data = c;
	begin(c);
}

void jsonclient_close(struct jsonclient *c)
{
	if (!c->path || c->closed)
		return;
	c->closed = true;
	hang_up(c, UV_ECANCELED);
	uv_close((uv_handle_t *)&c->retry, NULL);
}
