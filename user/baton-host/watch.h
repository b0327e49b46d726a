/* SPDX-License-Identifier: GPL-2.0-only */
/* Hear at once when a process ends. */
#ifndef BATON_HOST_WATCH_H
#define BATON_HOST_WATCH_H

#include <sys/types.h>
#include <uv.h>

struct watch;

typedef void watch_ended(void *arg);

/*
 * Call `ended` once, from the loop, when the process has ended, unless
 * watch_stop() is called before. NULL with errno set: ESRCH, there is none.
 */
struct watch *watch_start(uv_loop_t *loop, pid_t pid, watch_ended *ended,
			  void *arg);
void watch_stop(struct watch *w);

pid_t watch_pid(const struct watch *w);

/* The pid in a file, decimal, alone on the first line. A negative errno,
 * -EINVAL when it holds none. */
pid_t watch_read_pidfile(const char *path);

#endif
