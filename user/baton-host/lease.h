/* SPDX-License-Identifier: GPL-2.0-only */
/* The TC program that silences the VIPs, at the egress of interfaces. */
#ifndef BATON_HOST_LEASE_H
#define BATON_HOST_LEASE_H

#include "config.h"
#include "datapath.h"

/* Put it on the interfaces of the configuration, if there is something for it
 * to do, in place of an earlier one of ours. 0 or a negative errno, logged. */
int lease_attach(struct datapath *d, const struct config *c);

/* Take ours off every interface that the configuration does not name; NULL:
 * off all. The qdisc stays, as others may use it. */
void lease_detach(const struct config *keep);

#endif
