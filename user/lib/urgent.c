// SPDX-License-Identifier: GPL-2.0-only
#include "lib/urgent.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/resource.h>

#define PRIORITY 1

/* What it was before, of this thread; an operator may have chosen it. */
static __thread struct {
	bool raised;
	int policy;
	struct sched_param param;
} before;

/* sched(7): who has this limit needs no capability. */
int urgent_allow(void)
{
	const struct rlimit limit = { PRIORITY, PRIORITY };

	return setrlimit(RLIMIT_RTPRIO, &limit) ? -errno : 0;
}

void urgent_begin(void)
{
	const struct sched_param param = { .sched_priority = PRIORITY };

	if (before.raised)
		return;
	before.policy = sched_getscheduler(0);
	if (before.policy < 0 || sched_getparam(0, &before.param) ||
	    before.param.sched_priority >= PRIORITY)
		return;
	/* once it is set an unprivileged thread cannot take that back */
	before.policy |= SCHED_RESET_ON_FORK;
	before.raised =
		!sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &param);
}

void urgent_end(void)
{
	if (before.raised)
		sched_setscheduler(0, before.policy, &before.param);
	before.raised = false;
}
