/* SPDX-License-Identifier: GPL-2.0-only */
/* What the agent may do once it runs. */
#ifndef BATON_HOST_PRIVILEGES_H
#define BATON_HOST_PRIVILEGES_H

/*
 * Give up everything but CAP_BPF (the sets of addresses change on reload) and
 * CAP_NET_ADMIN (VIPs on lo), for good, and hide the memory, which holds a
 * key. 0 or a negative errno.
 */
int privileges_drop(void);

#endif
