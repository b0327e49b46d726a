// SPDX-License-Identifier: GPL-2.0-only
/* Requests for a page, and the answers that checks get: never more is read
 * than has come, and nothing that is not as it should be is taken. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "baton-host/heartbeats.h"
#include "baton-host/http_status.h"

static void require(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data;
	char name[BATON_APP_NAME_LEN];
	int status = http_status(bytes, size), shorter;

	if (!heartbeat_request(bytes, size, name)) {
		require(size && size < sizeof(name) && strlen(name) == size);
		require(!memcmp(name, bytes, size) && !strpbrk(name, "/ \n"));
	}
	require(status == -EPROTO || (status >= 100 && status <= 599) ||
		(!status && size < HTTP_STATUS_LINE));
	/* What was said of the beginning holds for the whole. */
	if (size) {
		shorter = http_status(bytes, size - 1);
		require(!shorter || shorter == status);
	}
	return 0;
}
