/* SPDX-License-Identifier: GPL-2.0-only */
/* The TC program that silences the VIPs, at the egress of interfaces. */
#ifndef BATON_HOST_LEASE_H
#define BATON_HOST_LEASE_H

/* Put the program there, in place of an earlier one of ours. 0 or a negative
 * errno. */
int lease_attach(int program, const char *ifname);

/* Take ours off; 0 also when it is not there. The qdisc stays, as others may
 * use it. */
int lease_detach(const char *ifname);

#endif
