// SPDX-License-Identifier: GPL-2.0-only
#include "lib/urgent.h"

#include <errno.h>
#include <sched.h>
#include <sys/resource.h>

#define PRIORITY 1

/* sched(7): who has this limit needs no capability. */
int urgent_allow(void)
{
	const struct rlimit limit = { PRIORITY, PRIORITY };

	return setrlimit(RLIMIT_RTPRIO, &limit) ? -errno : 0;
}

void urgent_begin(void)
{
	const struct sched_param sp = { .sched_priority = PRIORITY };

	sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &sp);
}

void urgent_end(void)
{
	const struct sched_param sp = { 0 };

	sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &sp);
}
