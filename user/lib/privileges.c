// SPDX-License-Identifier: GPL-2.0-only
#include "lib/privileges.h"

#include <cap-ng.h>
#include <errno.h>
#include <sys/prctl.h>

int privileges_keep(const int *capabilities, size_t n)
{
	capng_clear(CAPNG_SELECT_ALL);
	for (size_t i = 0; i < n; i++)
		if (capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED,
				 capabilities[i]))
			return -EPERM;
	if (capng_apply(CAPNG_SELECT_ALL))
		return -EPERM;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return -errno;
	return 0;
}

int privileges_drop(void)
{
	static const int needed[] = { CAP_BPF, CAP_NET_ADMIN };

	return privileges_keep(needed, sizeof(needed) / sizeof(needed[0]));
}
