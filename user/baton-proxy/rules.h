/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The packet filter's rules that bring packets of protected connections into
 * the queues: what comes in into the first, SYN, FIN and RST that go out into
 * the second, and with policies that withhold acknowledgements all that goes out
 * to clients. A proxy that dies leaves them, and so its kernel says nothing
 * that the proxy did not mean; the next one adopts them.
 *
 * They are made with iptables-legacy(8): not every kernel has nftables' queue.
 */
#ifndef BATON_PROXY_RULES_H
#define BATON_PROXY_RULES_H

#include "config.h"

/* Exactly those of the configuration's protected services. 0 or a negative
 * errno, with `why` filled. */
int rules_install(const struct config *c, char *why, size_t size);

void rules_remove(void);

#endif
