// SPDX-License-Identifier: GPL-2.0-only
/* What raw sockets receive, of either family: nothing is read beyond its end,
 * and what is taken for an error about a probe names an address. */
#include <stdlib.h>

#include "batond/probe_icmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct addr to = { 0 };

	if (!len)
		return 0;
	if (probe_icmp_quotes(data[0] & 1 ? 6 : 4, data + 1, len - 1, 7790,
			      &to) &&
	    to.family != (data[0] & 1 ? 6 : 4))
		abort();
	return 0;
}
