// SPDX-License-Identifier: GPL-2.0-only
#include "yaml_checks.h"

#include <stddef.h>

#include "addr.h"

const char *yaml_check_path(const void *value)
{
	const char *path = *(char *const *)value;

	return *path == '/' ? NULL : "a path that starts with /";
}

const char *yaml_check_unicast(const void *value)
{
	return addr_is_unicast(value) ? NULL
				      : "the unicast address of one machine";
}
