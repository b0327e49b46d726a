/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sockets that a dead proxy left in the kernel: they try for minutes to end
 * their connections, which another host plays now, and would stand in the way
 * if these came back.
 */
#ifndef BATON_PROXY_ORPHANS_H
#define BATON_PROXY_ORPHANS_H

#include "config.h"

/* Destroy all connected sockets at the addresses of protected services, and those
 * with clients' addresses to their servers; to be called before there are any of
 * ours. Their number, or a negative errno. */
int orphans_destroy(const struct config *c);

#endif
