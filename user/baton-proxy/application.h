/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The application that serves a service instead of a server elsewhere: a process
 * of this machine that speaks through libbaton (baton/protect.h), one at a time.
 * It is given every connection of the service; when it is gone, they wait for
 * the next one.
 */
#ifndef BATON_PROXY_APPLICATION_H
#define BATON_PROXY_APPLICATION_H

#include <stddef.h>

struct application;
struct conn;
struct service;

/* Listen at the configured unix socket. 0 or a negative errno, with `why`
 * filled. */
int application_open(struct service *s, char *why, size_t size);

/* A connection that has a relay now, new or taken over; its output, in the
 * latter case, from where the replica's ends. 0 or -ENOMEM. */
int application_add(struct service *s, struct conn *c);

/* It is over, or another host's: the application sees its end. */
void application_forget(struct service *s, struct conn *c);

#endif
