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

/*
 * For an application that stands by for others with state of its own, as
 * baton-proxy does: what it could go on with if it had to (row K8). The switch
 * prefers a standby that has everything, and gives an owner back to its home
 * only when that is COMPLETE, and so says who plays it.
 *
 *   COMPLETE  it has everything, and is kept up to date; or it plays
 *             everything, and its standby has that (the default)
 *   ALONE     it has had everything, and is not kept up to date at the moment;
 *             or it plays something that nobody else has
 *   PARTIAL   it lacks something
 *
 * Any thread may call it; the last word holds.
 */
enum baton_heartbeat_state {
	BATON_HEARTBEAT_COMPLETE,
	BATON_HEARTBEAT_ALONE,
	BATON_HEARTBEAT_PARTIAL,
};

void baton_heartbeat_say(struct baton_heartbeat *h,
			 enum baton_heartbeat_state state);

/* The application ends in good order, or wants to be watched no longer: its
 * heartbeat counts as failed until it is opened again. NULL is allowed. */
void baton_heartbeat_close(struct baton_heartbeat *h);

#ifdef __cplusplus
}
#endif

#endif
