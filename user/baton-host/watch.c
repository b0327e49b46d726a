// SPDX-License-Identifier: GPL-2.0-only
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

struct watch {
	uv_poll_t poll;
	int fd;
	pid_t pid;
	watch_ended *ended;
	void *arg;
};

static void release(uv_handle_t *handle)
{
	struct watch *w = handle->data;

	close(w->fd);
	free(w);
}

void watch_stop(struct watch *w)
{
	if (w)
		uv_close((uv_handle_t *)&w->poll, release);
}

/* A pidfd becomes readable when its process ends, reaped or not. */
static void on_end(uv_poll_t *poll, int status, int events)
{
	struct watch *w = poll->data;

	(void)status;
	(void)events;
	uv_poll_stop(poll);
	w->ended(w->arg);
}

/* A zombie has a pid, but that is all that it has. */
static int open_living(pid_t pid)
{
	int fd = syscall(SYS_pidfd_open, pid, 0);
	struct pollfd end = { .fd = fd, .events = POLLIN };

	if (fd < 0 || poll(&end, 1, 0) <= 0)
		return fd;
	close(fd);
	errno = ESRCH;
	return -1;
}

struct watch *watch_start(uv_loop_t *loop, pid_t pid, watch_ended *ended,
			  void *arg)
{
	struct watch *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return NULL;
	*w = (struct watch){ .pid = pid, .ended = ended, .arg = arg };
	w->fd = open_living(pid);
	if (w->fd < 0) {
		free(w);
		return NULL;
	}
	err = uv_poll_init(loop, &w->poll, w->fd);
	if (err) {
		close(w->fd);
		free(w);
		errno = -err;
		return NULL;
	}
	w->poll.data = w;
	err = uv_poll_start(&w->poll, UV_READABLE, on_end);
	if (err) {
		watch_stop(w);
		errno = -err;
		return NULL;
	}
	return w;
}

pid_t watch_pid(const struct watch *w)
{
	return w->pid;
}

pid_t watch_read_pidfile(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char text[32], *end;
	ssize_t n;
	long pid;

	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	pid = n < 0 ? -errno : 0;
	close(fd);
	if (pid)
		return pid;
	text[n] = '\0';
	if (text[0] < '1' || text[0] > '9')
		return -EINVAL;
	errno = 0;
	pid = strtol(text, &end, 10);
	if (errno || pid > INT_MAX || (*end && *end != '\n'))
		return -EINVAL;
	return pid;
}
