// SPDX-License-Identifier: GPL-2.0-only
/* Handing out pages to applications: the other end of user/libbaton. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "applications.h"
#include "lib/log.h"

#define QUEUE 16

/* A client that has connected and not said yet who it is. */
struct guest {
	struct applications *all;
	uv_poll_t poll;
	int fd;
};

void heartbeats_drop(struct application *a)
{
	if (a->client < 0)
		return;
	uv_poll_stop(a->watch);
	application_close(a->watch);
	close(a->client);
	a->client = -1;
}

/* Whatever comes from who has its page: only its end has a meaning. */
static void on_client(uv_poll_t *poll, int status, int events)
{
	struct application *a = poll->data;
	char byte;

	(void)events;
	if (status >= 0 && recv(a->client, &byte, 1, MSG_DONTWAIT) > 0)
		return;
	heartbeats_drop(a);
	application_set_down(a, true, "who wrote its heartbeat has ended");
}

/* --- the request -------------------------------------------------------------- */

static struct application *named(struct applications *all, const char *name)
{
	for (size_t i = 0; i < all->nr; i++)
		if (all->one[i].config->check == APP_HEARTBEAT &&
		    !strcmp(all->one[i].config->name, name))
			return &all->one[i];
	return NULL;
}

/* A new page, in its place: whoever has an earlier one writes in vain. */
static int make_page(const struct application *a)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "heartbeat",
				sizeof(uint32_t),
				sizeof(struct baton_heartbeat_page), 1, &opts);

	if (fd < 0)
		return -errno;
	if (bpf_map_update_elem(a->all->pins->fd[PIN_heartbeats], &a->index,
				&fd, BPF_ANY)) {
		int err = -errno;

		close(fd);
		return err;
	}
	pins_map_page(a->all->pins, a->index, fd);
	return fd;
}

static int answer(int to, int32_t status, int page)
{
	struct iovec iov = { &status, sizeof(status) };
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (page >= 0) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control.room);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(page));
		memcpy(CMSG_DATA(c), &page, sizeof(page));
	}
	return sendmsg(to, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* Who asks, for which application: 0 and the application, or what is wrong. */
static int judge(struct applications *all, int fd, struct application **a)
{
	char name[BATON_APP_NAME_LEN + 1];
	ssize_t n = recv(fd, name, sizeof(name) - 1, MSG_DONTWAIT);
	struct ucred who;
	socklen_t len = sizeof(who);

	if (n <= 0)
		return n ? -errno : -ENOTCONN;
	name[n] = '\0';
	*a = named(all, name);
	if (!*a)
		return -ESRCH;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len))
		return -errno;
	return who.uid && who.uid != (*a)->user ? -EPERM : 0;
}

static int adopt(struct application *a, int fd)
{
	uv_poll_t *watch = malloc(sizeof(*watch));
	int page, err;

	if (!watch)
		return -ENOMEM;
	page = make_page(a);
	err = page < 0 ? page : answer(fd, 0, page);
	if (page >= 0)
		close(page);
	if (!err)
		err = uv_poll_init(a->all->loop, watch, fd);
	if (err) {
		free(watch);
		return err;
	}
	heartbeats_drop(a);
	a->client = fd;
	a->watch = watch;
	watch->data = a;
	uv_poll_start(watch, UV_READABLE | UV_DISCONNECT, on_client);
	application_set_down(a, false, "its heartbeat has a page");
	return 0;
}

static void on_guest_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void on_guest_left(uv_handle_t *handle)
{
	struct guest *g = handle->data;
	struct applications *all = g->all;
	struct application *a = NULL;
	int fd = g->fd;
	int err = judge(all, fd, &a);

	free(g);
	if (!err)
		err = adopt(a, fd);
	if (!err)
		return;
	answer(fd, err, -1);
	close(fd);
}

/* One descriptor has one handle, so this one goes before the next comes. */
static void on_guest(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	uv_poll_stop(poll);
	uv_close((uv_handle_t *)poll, on_guest_left);
}

static void on_listener(uv_poll_t *poll, int status, int events)
{
	struct applications *all = poll->data;
	int fd = accept4(all->listener, NULL, NULL,
			 SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct guest *g;

	(void)status;
	(void)events;
	if (fd < 0)
		return;
	g = calloc(1, sizeof(*g));
	if (!g || uv_poll_init(all->loop, &g->poll, fd)) {
		free(g);
		close(fd);
		return;
	}
	g->all = all;
	g->fd = fd;
	g->poll.data = g;
	if (uv_poll_start(&g->poll, UV_READABLE | UV_DISCONNECT, on_guest)) {
		close(fd);
		uv_close((uv_handle_t *)&g->poll, on_guest_closed);
	}
}

/* --- the socket ----------------------------------------------------------------- */

static int make_parent(const char *path)
{
	char *parent = strdup(path), *slash = strrchr(parent, '/');
	int err = 0;

	if (slash && slash != parent) {
		*slash = '\0';
		err = mkdir(parent, 0755) && errno != EEXIST ? -errno : 0;
	}
	free(parent);
	return err;
}

int heartbeats_listen(struct applications *all, const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int err;

	if (strlen(path) >= sizeof(at.sun_path))
		return -ENAMETOOLONG;
	strcpy(at.sun_path, path);
	err = make_parent(path);
	if (err)
		return err;
	all->listener = socket(
		AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (all->listener < 0)
		return -errno;
	unlink(path);
	/* Anybody may ask; the answer depends on who does. */
	if (bind(all->listener, (struct sockaddr *)&at, sizeof(at)) ||
	    chmod(path, 0666) || listen(all->listener, QUEUE))
		return -errno;
	all->accepting = malloc(sizeof(*all->accepting));
	if (!all->accepting)
		return -ENOMEM;
	err = uv_poll_init(all->loop, all->accepting, all->listener);
	all->accepting->data = all;
	return err ?: uv_poll_start(all->accepting, UV_READABLE, on_listener);
}

void heartbeats_close(struct applications *all)
{
	if (all->accepting) {
		uv_poll_stop(all->accepting);
		application_close(all->accepting);
	}
	if (all->listener >= 0)
		close(all->listener);
	all->accepting = NULL;
	all->listener = -1;
}
