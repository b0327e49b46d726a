/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Servers of transparent services answer to their clients' addresses, and the
 * switch brings that to this host: its kernel is to take it as its own. For each
 * such server a rule of the routing policy (ip-rule(8)) leads what comes from
 * its address and port to a table in which every address is local.
 *
 * A proxy that dies leaves them, as it leaves the packet filter's rules: where
 * packets wait for nobody, nobody says that it does not know them.
 */
#ifndef BATON_PROXY_LOCAL_ROUTES_H
#define BATON_PROXY_LOCAL_ROUTES_H

#include "config.h"

/* The table, and the rules' priority: after that of this host's own addresses,
 * before all that routes. */
#define LOCAL_ROUTES_TABLE 7792

/* Those of the configuration; what is there already stays. 0 or a negative
 * errno, with `why` filled. Needs CAP_NET_ADMIN. */
int local_routes_install(const struct config *c, char *why, size_t size);

/* All, also those of other configurations. */
void local_routes_remove(void);

#endif
