// SPDX-License-Identifier: GPL-2.0-only
#include "lib/jsonline.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define CHUNK ((size_t)64 << 10)

int jsonline_connect(struct jsonline *c, const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int err;

	memset(c, 0, sizeof(*c));
	c->fd = -1;
	if (strlen(path) >= sizeof(to.sun_path))
		return -ENAMETOOLONG;
	strcpy(to.sun_path, path);
	/* A full backlog is then an error, not a wait without end. */
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		return -errno;
	if (!connect(c->fd, (struct sockaddr *)&to, sizeof(to)))
		return 0;
	err = -errno;
	jsonline_close(c);
	return err;
}

void jsonline_close(struct jsonline *c)
{
	if (c->fd >= 0)
		close(c->fd);
	free(c->buffer);
	memset(c, 0, sizeof(*c));
	c->fd = -1;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Wait until the socket can be read or written. `end` < 0: for ever. */
static int await(int fd, short events, int64_t end)
{
	struct pollfd p = { .fd = fd, .events = events };
	int64_t left = -1;
	int n;

	for (;;) {
		if (end >= 0) {
			left = end - now_ms();
			if (left < 0)
				return -ETIMEDOUT;
		}
		n = poll(&p, 1, (int)left);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

static int64_t deadline(int timeout_ms)
{
	return timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
}

int jsonline_send(struct jsonline *c, const json_t *object, int timeout_ms)
{
	char *text = json_dumps(object, JSON_COMPACT);
	int64_t end = deadline(timeout_ms);
	size_t length, sent = 0;
	int err = 0;

	if (!text)
		return -ENOMEM;
	length = strlen(text);
	text[length++] = '\n'; /* where the NUL was */
	while (!err && sent < length) {
		ssize_t n =
			send(c->fd, text + sent, length - sent, MSG_NOSIGNAL);

		if (n >= 0)
			sent += n;
		else if (errno == EAGAIN)
			err = await(c->fd, POLLOUT, end);
		else if (errno != EINTR)
			err = errno == ECONNRESET ? -EPIPE : -errno;
	}
	free(text);
	return err;
}

/* Read what there is. 0, or a negative errno. */
static int fill(struct jsonline *c, int64_t end)
{
	ssize_t n;
	int err;

	if (c->size - c->length < CHUNK) {
		size_t size = c->size * 2 + CHUNK;
		char *buffer = realloc(c->buffer, size);

		if (!buffer)
			return -ENOMEM;
		c->buffer = buffer;
		c->size = size;
	}
	err = await(c->fd, POLLIN, end);
	if (err)
		return err;
	n = recv(c->fd, c->buffer + c->length, c->size - c->length, 0);
	if (n > 0)
		c->length += n;
	else if (n == 0 || errno == ECONNRESET)
		return -EPIPE;
	else if (errno != EAGAIN && errno != EINTR)
		return -errno;
	return 0;
}

/* Hand out the first `line` bytes of the buffer, and the newline's place. */
static int take(struct jsonline *c, size_t line, json_t **object)
{
	*object = json_loadb(c->buffer, line, 0, NULL);
	c->length -= line + 1;
	memmove(c->buffer, c->buffer + line + 1, c->length);
	c->scanned = 0;
	if (json_is_object(*object))
		return 0;
	json_decref(*object);
	*object = NULL;
	return -EBADMSG;
}

int jsonline_receive(struct jsonline *c, json_t **object, int timeout_ms)
{
	int64_t end = deadline(timeout_ms);
	int err;

	*object = NULL;
	for (;;) {
		char *newline = NULL;

		if (c->length > c->scanned)
			newline = memchr(c->buffer + c->scanned, '\n',
					 c->length - c->scanned);
		if (newline)
			return take(c, newline - c->buffer, object);
		c->scanned = c->length;
		if (c->length > JSONLINE_MAX)
			return -EMSGSIZE;
		err = fill(c, end);
		if (err)
			return err;
	}
}
