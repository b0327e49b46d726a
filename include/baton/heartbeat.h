/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Heartbeats: how an application tells the switch, by way of the host's XDP
 * program, that its work goes on (row K6). Link with -lbaton.
 *
 *	struct baton_heartbeat *h;
 *	int err = baton_heartbeat_open(&h, "web", NULL);
 *	...
 *	for (;;) {
 *		baton_heartbeat_beat(h);
 *		... one turn of the loop that does the work ...
 *	}
 *
 * Call baton_heartbeat_beat() in the loop that does the work, at least three
 * times within the application's limit; not in a thread of its own, which
 * would go on while the work is stuck. It costs one reading of the clock and
 * one store, no system call.
 *
 * baton-host hands the page over to the user whom its configuration names for
 * the application, and watches the process that asked: when that ends, the
 * application has failed at once.
 */
#ifndef BATON_HEARTBEAT_H
#define BATON_HEARTBEAT_H

#ifdef __cplusplus
extern "C" {
#endif

#define BATON_HEARTBEAT_SOCKET "/run/baton-host/heartbeat.sock"

struct baton_heartbeat;

/*
 * Get the page of the application `name` from the baton-host that listens at
 * the unix socket `path`, NULL: the default. It is the caller's until
 * baton_heartbeat_close(), and has not beaten yet. 0, or a negative errno:
 *   -ENOENT, -ECONNREFUSED  no baton-host there
 *   -ESRCH    it knows no application of this name with check: heartbeat
 *   -EPERM    it is not for this user
 *   -EINVAL   no application can have this name
 *   -EPROTO   what answered is no baton-host
 *   -ENOMEM, and other errors of its end or of this one
 * Call it in the process that does the work, behind every fork: baton-host
 * watches this one. Who opens it anew, as the next process does, gets another
 * page, and takes the place of the one before.
 */
int baton_heartbeat_open(struct baton_heartbeat **h, const char *name,
			 const char *path);

/* The work goes on. Any thread may call it. */
void baton_heartbeat_beat(struct baton_heartbeat *h);

/* The application ends in good order, or wants to be watched no longer: its
 * heartbeat counts as failed until it is opened again. NULL is allowed. */
void baton_heartbeat_close(struct baton_heartbeat *h);

#ifdef __cplusplus
}
#endif

#endif
