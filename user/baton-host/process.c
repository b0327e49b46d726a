// SPDX-License-Identifier: GPL-2.0-only
#include "process.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "applications.h"

void process_init(struct process *p, const char *pidfile, process_fn changed,
		  void *arg)
{
	*p = (struct process){
		.pidfile = pidfile, .changed = changed, .arg = arg, .fd = -1
	};
}

void process_stop(struct process *p)
{
	if (p->fd < 0)
		return;
	uv_poll_stop(p->watch);
	application_close(p->watch);
	close(p->fd);
	p->fd = -1;
}

static void on_end(uv_poll_t *poll, int status, int events)
{
	struct process *p = poll->data;

	(void)status;
	(void)events;
	process_stop(p);
	p->changed(p->arg, false);
}

/* The process that the file names, if it lives; -1. */
static int open_named(const char *pidfile)
{
	FILE *f = fopen(pidfile, "re");
	int pid = 0, fd;

	if (!f)
		return -1;
	if (fscanf(f, "%d", &pid) != 1)
		pid = 0;
	fclose(f);
	if (pid <= 0)
		return -1;
	fd = syscall(SYS_pidfd_open, pid, 0);
	if (fd >= 0) {
		struct pollfd ended = { .fd = fd, .events = POLLIN };

		/* A zombie has a pid, but that is all that it has. */
		if (poll(&ended, 1, 0) > 0) {
			close(fd);
			fd = -1;
		}
	}
	return fd;
}

bool process_look(struct process *p, uv_loop_t *loop)
{
	if (p->fd >= 0)
		return true;
	p->fd = open_named(p->pidfile);
	if (p->fd < 0)
		return false;
	p->watch = malloc(sizeof(*p->watch));
	if (!p->watch || uv_poll_init(loop, p->watch, p->fd)) {
		free(p->watch);
		close(p->fd);
		p->fd = -1;
		return false;
	}
	p->watch->data = p;
	uv_poll_start(p->watch, UV_READABLE, on_end);
	p->changed(p->arg, true);
	return true;
}
