// SPDX-License-Identifier: GPL-2.0-only
#include "attempt.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX 64 /* as much of an answer as holds its status */

struct attempt {
	const struct config_application *config;
	attempt_done_fn done; /* NULL: it has been told */
	void *arg;
	union {
		uv_handle_t handle;
		uv_tcp_t tcp;
		uv_process_t process;
	};
	uv_timer_t timer;
	int open; /* handles that are not closed yet */
	uv_connect_t connect;
	uv_write_t write;
	char request[512];
	char answer[ANSWER_MAX];
	size_t got;
};

static void on_closed(uv_handle_t *handle)
{
	struct attempt *a = handle->data;

	if (!--a->open)
		free(a);
}

static void close_all(struct attempt *a)
{
	a->done = NULL;
	uv_close((uv_handle_t *)&a->timer, on_closed);
	uv_close(&a->handle, on_closed);
}

static void finish(struct attempt *a, bool good)
{
	attempt_done_fn done = a->done;
	void *arg = a->arg;

	if (!done)
		return;
	close_all(a);
	done(arg, good);
}

/* What still runs is of no use any more. */
static void end_command(struct attempt *a)
{
	if (a->config->check == APP_COMMAND && uv_is_active(&a->handle))
		kill(-a->process.pid, SIGKILL);
}

static void on_timeout(uv_timer_t *timer)
{
	struct attempt *a = timer->data;

	end_command(a);
	finish(a, false);
}

void attempt_cancel(struct attempt *a)
{
	end_command(a);
	close_all(a);
}

/* --- HTTP ------------------------------------------------------------------- */

int attempt_http_status(const char *text, size_t len)
{
	static const char start[] = "HTTP/1.";
	size_t digits = sizeof("HTTP/1.1 ") - 1;
	int status = 0;

	if (memcmp(text, start,
		   len < sizeof(start) - 1 ? len : sizeof(start) - 1))
		return -1;
	if (len < digits + 3)
		return 0;
	if (text[digits - 1] != ' ')
		return -1;
	for (int i = 0; i < 3; i++) {
		char c = text[digits + i];

		if (c < '0' || c > '9')
			return -1;
		status = status * 10 + c - '0';
	}
	return status >= 100 ? status : -1;
}

static void give_room(uv_handle_t *handle, size_t wanted, uv_buf_t *buf)
{
	struct attempt *a = handle->data;

	(void)wanted;
	*buf = uv_buf_init(a->answer + a->got, ANSWER_MAX - a->got);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct attempt *a = stream->data;
	int status;

	(void)buf;
	if (n < 0) {
		finish(a, false);
		return;
	}
	a->got += n;
	status = attempt_http_status(a->answer, a->got);
	if (status)
		finish(a, status >= 200 && status < 400);
	else if (a->got == ANSWER_MAX)
		finish(a, false);
}

static void on_written(uv_write_t *write, int status)
{
	struct attempt *a = write->data;

	if (status && status != UV_ECANCELED)
		finish(a, false);
}

static void ask(struct attempt *a)
{
	char address[ADDR_TEXT];
	bool six = a->config->address.family == 6;
	int len = snprintf(a->request, sizeof(a->request),
			   "GET %s HTTP/1.1\r\nHost: %s%s%s:%u\r\n"
			   "User-Agent: baton-host\r\nConnection: "
			   "close\r\n\r\n",
			   a->config->path, six ? "[" : "",
			   addr_format(&a->config->address, address),
			   six ? "]" : "", a->config->port);
	uv_buf_t buf = uv_buf_init(a->request, len);

	a->write.data = a;
	if (len >= (int)sizeof(a->request) ||
	    uv_write(&a->write, (uv_stream_t *)&a->tcp, &buf, 1, on_written) ||
	    uv_read_start((uv_stream_t *)&a->tcp, give_room, on_read))
		finish(a, false);
}

/* --- connections ------------------------------------------------------------ */

static void on_connected(uv_connect_t *connect, int status)
{
	struct attempt *a = connect->data;

	if (status == UV_ECANCELED)
		return;
	if (!status && a->config->check == APP_HTTP)
		ask(a);
	else
		finish(a, !status);
}

static int start_connection(uv_loop_t *loop, struct attempt *a)
{
	struct sockaddr_storage to;
	int err = uv_tcp_init(loop, &a->tcp);

	if (err)
		return err;
	a->open++;
	a->handle.data = a;
	a->connect.data = a;
	addr_sockaddr(&a->config->address, a->config->port, &to);
	return uv_tcp_connect(&a->connect, &a->tcp, (struct sockaddr *)&to,
			      on_connected);
}

/* --- commands ----------------------------------------------------------------- */

static void on_ended(uv_process_t *process, int64_t status, int signal)
{
	struct attempt *a = process->data;

	finish(a, !status && !signal);
}

static int start_command(uv_loop_t *loop, struct attempt *a)
{
	char *argv[] = { "/bin/sh", "-c", a->config->command, NULL };
	/* A group of its own, so that all that it starts can be ended. */
	const uv_process_options_t options = {
		.file = argv[0],
		.args = argv,
		.exit_cb = on_ended,
		.flags = UV_PROCESS_DETACHED,
	};

	a->open++; /* also if it fails, the handle is to be closed */
	a->handle.data = a;
	return uv_spawn(loop, &a->process, &options);
}

/* --- all ------------------------------------------------------------------------ */

struct attempt *attempt_start(uv_loop_t *loop,
			      const struct config_application *c,
			      attempt_done_fn done, void *arg)
{
	struct attempt *a = calloc(1, sizeof(*a));
	int err;

	if (!a)
		return NULL;
	a->config = c;
	a->done = done;
	a->arg = arg;
	uv_timer_init(loop, &a->timer);
	a->timer.data = a;
	a->open = 1;
	err = c->check == APP_COMMAND ? start_command(loop, a)
				      : start_connection(loop, a);
	if (!err)
		err = uv_timer_start(&a->timer, on_timeout, c->timeout_ms, 0);
	if (!err)
		return a;
	a->done = NULL;
	uv_close((uv_handle_t *)&a->timer, on_closed);
	if (a->open > 1)
		uv_close(&a->handle, on_closed);
	return NULL;
}
