// SPDX-License-Identifier: GPL-2.0-only
#include "attempt.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "http_status.h"
#include "lib/program.h"

#define REQUEST_SIZE 2048

/* It lives until its handle is closed. */
struct attempt {
	const struct config_application *config;
	attempt_done *done; /* NULL: it is over, nobody wants to hear */
	void *arg;
	union {
		uv_handle_t handle;
		uv_tcp_t tcp;
		uv_process_t process;
	};
	uv_connect_t connect;
	uv_write_t write;
	char request[REQUEST_SIZE];
	char answer[HTTP_STATUS_LINE];
	size_t heard;
};

static void release(uv_handle_t *handle)
{
	free(handle->data);
}

static void end(struct attempt *a, const char *why)
{
	attempt_done *done = a->done;

	if (!done)
		return;
	a->done = NULL;
	uv_close(&a->handle, release);
	done(a->arg, why);
}

/* --- TCP, HTTP ------------------------------------------------------------ */

static void judge(struct attempt *a, int status)
{
	uint16_t wanted = a->config->status;
	char why[64];

	if (status < 0)
		return end(a, "what answers does not speak HTTP");
	if (wanted ? status == wanted : status >= 200 && status < 400)
		return end(a, NULL);
	snprintf(why, sizeof(why), "status %d", status);
	end(a, why);
}

static void on_room(uv_handle_t *handle, size_t wanted, uv_buf_t *buffer)
{
	struct attempt *a = handle->data;

	(void)wanted;
	*buffer =
		uv_buf_init(a->answer + a->heard, sizeof(a->answer) - a->heard);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
	struct attempt *a = stream->data;
	int status;

	(void)buffer;
	if (n < 0)
		return end(a, n == UV_EOF ? "the connection ends before the "
					    "status"
					  : uv_strerror(n));
	a->heard += n;
	status = http_status(a->answer, a->heard);
	if (status)
		judge(a, status);
}

static void on_written(uv_write_t *write, int status)
{
	if (status)
		end(write->data, uv_strerror(status));
}

static void on_connected(uv_connect_t *connect, int status)
{
	struct attempt *a = connect->data;
	uv_stream_t *stream = (uv_stream_t *)&a->tcp;
	uv_buf_t request;
	int err;

	if (!a->done)
		return;
	if (status || a->config->check == APP_TCP)
		return end(a, status ? uv_strerror(status) : NULL);
	request = uv_buf_init(a->request, strlen(a->request));
	a->write.data = a;
	err = uv_write(&a->write, stream, &request, 1, on_written);
	if (!err)
		err = uv_read_start(stream, on_room, on_read);
	if (err)
		end(a, uv_strerror(err));
}

static int write_request(struct attempt *a)
{
	const struct config_application *config = a->config;
	char address[ADDR_TEXT], host[ADDR_TEXT + 10];

	snprintf(host, sizeof(host),
		 config->address.family == 6 ? "[%s]:%u" : "%s:%u",
		 addr_format(&config->address, address), config->port);
	return http_request(a->request, sizeof(a->request), host, config->path);
}

static int start_connection(struct attempt *a, uv_loop_t *loop)
{
	struct sockaddr_storage to;
	int err;

	addr_sockaddr(&a->config->address, a->config->port, &to);
	err = a->config->check == APP_HTTP ? write_request(a) : 0;
	if (err < 0)
		return err;
	err = uv_tcp_init(loop, &a->tcp);
	if (err)
		return err;
	a->handle.data = a->connect.data = a;
	err = uv_tcp_connect(&a->connect, &a->tcp, (struct sockaddr *)&to,
			     on_connected);
	if (err)
		uv_close(&a->handle, release);
	return err;
}

/* --- commands ------------------------------------------------------------- */

static void on_exit_status(uv_process_t *process, int64_t status, int signal)
{
	struct attempt *a = process->data;
	char why[64];

	if (!a->done) { /* killed: now nobody else can get its pid from us */
		uv_close(&a->handle, release);
		return;
	}
	if (!status && !signal)
		return end(a, NULL);
	if (signal)
		snprintf(why, sizeof(why), "ended by signal %d", signal);
	else
		snprintf(why, sizeof(why), "exit status %d", (int)status);
	end(a, why);
}

static int start_command(struct attempt *a, uv_loop_t *loop)
{
	static char *environment[] = { PROGRAM_PATH, NULL };
	char *argv[a->config->nr_command + 1];
	size_t i;
	int err;

	for (i = 0; i < a->config->nr_command; i++)
		argv[i] = a->config->command[i].text;
	argv[i] = NULL;
	err = program_start(loop, &a->process, argv, environment,
			    on_exit_status);
	a->handle.data = a;
	if (err)
		uv_close(&a->handle, release);
	return err;
}

/* -------------------------------------------------------------------------- */

struct attempt *attempt_begin(uv_loop_t *loop,
			      const struct config_application *c,
			      attempt_done *done, void *arg)
{
	struct attempt *a = calloc(1, sizeof(*a));
	int err;

	if (!a)
		return NULL;
	a->config = c;
	a->arg = arg;
	a->done = done;
	if (c->check == APP_COMMAND)
		err = start_command(a, loop);
	else
		err = start_connection(a, loop);
	if (!err)
		return a;
	/* With a handle, it goes when that is closed. */
	if (!a->handle.data)
		free(a);
	errno = -err;
	return NULL;
}

void attempt_give_up(struct attempt *a)
{
	a->done = NULL;
	/* The exit comes, and only then is the pid anybody else's. */
	if (a->config->check == APP_COMMAND)
		kill(-a->process.pid, SIGKILL);
	else
		uv_close(&a->handle, release);
}
