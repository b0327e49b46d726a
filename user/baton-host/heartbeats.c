// SPDX-License-Identifier: GPL-2.0-only
#include "heartbeats.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "applications.h"
#include "lib/unix_socket.h"

#define QUEUE 128
#define GUESTS 16

struct client {
	struct heartbeats *server;
	uv_poll_t poll;
	int fd;
	struct application *application; /* whose page it has */
	struct watch *process; /* that it is; NULL: it cannot be seen */
};

struct heartbeats {
	struct applications *all;
	uv_poll_t poll;
	int fd;
	char *path;
	/* Those who have not asked yet. Anybody may connect, and say nothing,
	 * so there is room for some, and the latest displaces the earliest. */
	struct client *guests[GUESTS];
	size_t next;
};

int heartbeat_request(const char *bytes, size_t len,
		      char name[BATON_APP_NAME_LEN])
{
	size_t i;

	if (!len || len >= BATON_APP_NAME_LEN)
		return -EINVAL;
	for (i = 0; i < len; i++)
		if (!isalnum((unsigned char)bytes[i]) &&
		    (!bytes[i] || !strchr("._-", bytes[i])))
			return -EINVAL;
	memcpy(name, bytes, len);
	name[len] = '\0';
	return 0;
}

/* --- clients -------------------------------------------------------------- */

static void release(uv_handle_t *handle)
{
	struct client *c = handle->data;

	close(c->fd);
	free(c);
}

void client_drop(struct client *c)
{
	size_t i;

	if (!c)
		return;
	for (i = 0; i < GUESTS; i++)
		if (c->server->guests[i] == c)
			c->server->guests[i] = NULL;
	if (c->application)
		c->application->client = NULL;
	watch_stop(c->process);
	uv_close((uv_handle_t *)&c->poll, release);
}

static void gone(struct client *c)
{
	struct application *a = c->application;

	client_drop(c);
	application_ended(a, true,
			  "the process that wrote its heartbeat has "
			  "ended");
}

static void on_process_end(void *arg)
{
	gone(arg);
}

/* Whatever comes from who has its page: only its end has a meaning. */
static void on_client(uv_poll_t *poll, int status, int events)
{
	struct client *c = poll->data;
	char byte;

	(void)events;
	if (status < 0 || recv(c->fd, &byte, 1, MSG_DONTWAIT) <= 0)
		gone(c);
}

/* --- the request ---------------------------------------------------------- */

static struct application *named(struct applications *all, const char *name)
{
	size_t i;

	for (i = 0; i < all->nr; i++)
		if (all->one[i].config->check == APP_HEARTBEAT &&
		    !strcmp(all->one[i].config->name, name))
			return &all->one[i];
	return NULL;
}

static int answer(int to, int32_t status, int page)
{
	return unix_send(to, &status, sizeof(status), page);
}

/* Which application it asks for, and whether it may: 0 or what is wrong. */
static int judge(const struct client *c, struct application **a, pid_t *pid)
{
	char request[BATON_APP_NAME_LEN + 1], name[BATON_APP_NAME_LEN];
	ssize_t n = recv(c->fd, request, sizeof(request), MSG_DONTWAIT);
	struct ucred who;
	socklen_t len = sizeof(who);

	if (n < 0)
		return -errno;
	if (heartbeat_request(request, n, name))
		return -EINVAL;
	*a = named(c->server->all, name);
	if (!*a)
		return -ESRCH;
	if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &who, &len))
		return -errno;
	*pid = who.pid;
	return who.uid && who.uid != (*a)->user ? -EPERM : 0;
}

static int adopt(struct client *c, struct application *a, pid_t pid)
{
	struct applications *all = a->all;
	int page, err;

	/* In another PID namespace it has no number here. */
	if (pid > 0) {
		c->process = watch_start(all->loop, pid, on_process_end, c);
		if (!c->process)
			return -errno;
	}
	page = pins_new_page(all->pins, a->index);
	if (page < 0)
		return page;
	err = answer(c->fd, 0, page);
	close(page);
	if (err)
		return err;
	client_drop(a->client);
	a->client = c;
	c->application = a;
	application_ended(a, false, "its heartbeat has a page");
	return 0;
}

static void on_guest(uv_poll_t *poll, int status, int events)
{
	struct client *c = poll->data;
	struct heartbeats *h = c->server;
	struct application *a = NULL;
	pid_t pid = 0;
	int err = status < 0 ? status : judge(c, &a, &pid);
	size_t i;

	(void)events;
	if (!err)
		err = adopt(c, a, pid);
	if (!err)
		err = uv_poll_start(poll, UV_READABLE | UV_DISCONNECT,
				    on_client);
	if (err) {
		answer(c->fd, err, -1);
		client_drop(c);
		return;
	}
	for (i = 0; i < GUESTS; i++)
		if (h->guests[i] == c)
			h->guests[i] = NULL;
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
	struct heartbeats *h = poll->data;
	int fd = accept4(h->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct client *c;

	(void)status;
	(void)events;
	if (fd < 0)
		return;
	c = calloc(1, sizeof(*c));
	if (!c || uv_poll_init(h->all->loop, &c->poll, fd)) {
		free(c);
		close(fd);
		return;
	}
	c->server = h;
	c->fd = fd;
	c->poll.data = c;
	client_drop(h->guests[h->next]);
	h->guests[h->next] = c;
	h->next = (h->next + 1) % GUESTS;
	uv_poll_start(&c->poll, UV_READABLE | UV_DISCONNECT, on_guest);
}

/* --- the socket ----------------------------------------------------------- */

static void release_server(uv_handle_t *handle)
{
	struct heartbeats *h = handle->data;

	close(h->fd);
	free(h->path);
	free(h);
}

int heartbeats_listen(struct heartbeats **to, struct applications *all,
		      const char *path)
{
	struct heartbeats *h = calloc(1, sizeof(*h));
	int err;

	if (!h)
		return -ENOMEM;
	h->all = all;
	h->path = strdup(path);
	/* anybody may ask; the answer depends on who does */
	h->fd = h->path ? unix_listen(path, 0666, QUEUE) : -ENOMEM;
	err = h->fd < 0 ? h->fd : uv_poll_init(all->loop, &h->poll, h->fd);
	if (err) {
		if (h->fd >= 0)
			close(h->fd);
		free(h->path);
		free(h);
		return err;
	}
	h->poll.data = h;
	*to = h;
	return uv_poll_start(&h->poll, UV_READABLE, on_connection);
}

void heartbeats_close(struct heartbeats *h)
{
	size_t i;

	if (!h)
		return;
	for (i = 0; i < GUESTS; i++)
		client_drop(h->guests[i]);
	unlink(h->path);
	uv_close((uv_handle_t *)&h->poll, release_server);
}
