/* SPDX-License-Identifier: GPL-2.0-only */
/* The control socket of baton-proxy: docs/control.md. */
#ifndef BATON_PROXY_CONTROL_H
#define BATON_PROXY_CONTROL_H

#include <jansson.h>

#include "exposure.h"
#include "proxy.h"

/* 0, or a negative errno, logged. */
int control_open(struct proxy *p);
void control_close(struct proxy *p);

/* How a service that this host plays is protected. */
struct protection service_protection(const struct service *s);

/* --- show.c: new references, NULL without memory --- */
json_t *show_proxy(const struct proxy *p);
json_t *show_connections(const struct proxy *p, const struct service *s);

#endif
