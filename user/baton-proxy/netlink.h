/* SPDX-License-Identifier: GPL-2.0-only */
/* Requests to the kernel that are answered by yes or no (netlink(7)). */
#ifndef BATON_PROXY_NETLINK_H
#define BATON_PROXY_NETLINK_H

#include <libmnl/libmnl.h>

/* Send a request, of which NLM_F_REQUEST and NLM_F_ACK are set here, and wait for
 * the kernel's answer: 0 or a negative errno. Nothing else may arrive at the
 * socket meanwhile. */
int netlink_ask(struct mnl_socket *nl, struct nlmsghdr *n);

#endif
