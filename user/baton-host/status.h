/* SPDX-License-Identifier: GPL-2.0-only */
/* What the maps say of the host, for people and for scripts. */
#ifndef BATON_HOST_STATUS_H
#define BATON_HOST_STATUS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/agent/pins.h"

/* The state at `now`, CLOCK_BOOTTIME in ns; as baton-host(8) describes it.
 * NULL without memory. */
json_t *status_read(const struct pins *p, uint64_t now);

void status_print(const json_t *status, FILE *f);

#endif
