/* SPDX-License-Identifier: GPL-2.0-only */
/* One check of an application: a connection, a request, a command. */
#ifndef BATON_HOST_ATTEMPT_H
#define BATON_HOST_ATTEMPT_H

#include <stdbool.h>
#include <uv.h>

#include "config.h"

struct attempt;

typedef void (*attempt_done_fn)(void *arg, bool good);

/* Begin; NULL if it could not. `done` is called once, within the timeout. */
struct attempt *attempt_start(uv_loop_t *loop,
			      const struct config_application *c,
			      attempt_done_fn done, void *arg);

/* End it without a verdict. */
void attempt_cancel(struct attempt *a);

/* The status of the first line of an HTTP answer, of which `len` bytes have
 * come (RFC 9112, section 4): 100 to 999; 0: more is needed; -1: none. */
int attempt_http_status(const char *text, size_t len);

#endif
