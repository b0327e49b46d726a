// SPDX-License-Identifier: GPL-2.0-only
#include "descriptors.h"

#include <fcntl.h>
#include <sys/resource.h>

#include "lib/log.h"

#define OTHERS 256 /* queues, maps, links, listeners */

void descriptors_raise(const struct config *c)
{
	struct rlimit limit;
	rlim_t needed = OTHERS;

	for (size_t i = 0; i < c->nr_services; i++)
		needed += 2 * (rlim_t)c->services[i].connections;
	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= needed)
		return;
	if (!setrlimit(RLIMIT_NOFILE,
		       &(struct rlimit){ needed, limit.rlim_max > needed
							 ? limit.rlim_max
							 : needed }))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	log_warning("%llu file descriptors are allowed, %llu may be needed: "
		    "see LimitNOFILE= in systemd.exec(5), or ulimit -n",
		    (unsigned long long)limit.rlim_cur,
		    (unsigned long long)needed);
}

int descriptors_spare(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}
