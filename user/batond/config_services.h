/* SPDX-License-Identifier: GPL-2.0-only */
/* How services stand to each other. Pure. */
#ifndef BATOND_CONFIG_SERVICES_H
#define BATOND_CONFIG_SERVICES_H

#include "config.h"

/* Would both take the same packets? */
bool config_services_overlap(const struct config_service *a,
			     const struct config_service *b);

/* Of a service that is the back of another: what is expected of it, or of that
 * one, and is not so; NULL: nothing. */
const char *config_back_wrong(const struct config *c,
			      const struct config_service *s);

#endif
