/* SPDX-License-Identifier: GPL-2.0-only */
/* One attempt to find out whether an application works. */
#ifndef BATON_HOST_ATTEMPT_H
#define BATON_HOST_ATTEMPT_H

#include <uv.h>

#include "config.h"

/* Its end: `why` is one line about what was not good, NULL when it was. */
typedef void attempt_done(void *arg, const char *why);

struct attempt;

/*
 * Start one by TCP, HTTP or a command. `done` is called once, from the loop.
 * NULL, with errno set, when it cannot even be started. The configuration must
 * last until the attempt's end.
 */
struct attempt *attempt_begin(uv_loop_t *loop,
			      const struct config_application *c,
			      attempt_done *done, void *arg);

/* End it, which has not ended yet: `done` will not be called. A command and
 * its children are killed. */
void attempt_give_up(struct attempt *a);

#endif
