/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether the parts of a configuration fit each other. */
#ifndef BATOND_CONFIG_CHECK_H
#define BATOND_CONFIG_CHECK_H

#include "config.h"

/*
 * 0, or -EINVAL with messages. `sound`: everything was read without an error;
 * otherwise nothing is said about what seems to be missing, for it may be what
 * could not be read.
 */
int config_check(const struct config *c, const char *file, bool sound,
		 struct config_errors *e);

#endif
