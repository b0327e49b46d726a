/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Make the running system follow a configuration: the settings of the XDP
 * program, the sets of addresses, and the VIPs on lo.
 */
#ifndef BATON_HOST_APPLY_H
#define BATON_HOST_APPLY_H

#include "config.h"
#include "lib/agent/pins.h"
#include "lib/probe_key.h"

/* `key` NULL: no probes are answered. The host's word is left as it is. */
void apply_settings(struct baton_host_settings *s, const struct config *c,
		    const struct probe_key *key);

/* 0 or a negative errno; what is wrong has been logged. */
int apply_peers(const struct pins *p, const struct config *c);
int apply_vips(const struct pins *p, const struct config *c);

/* Take every VIP off lo that was put there, and set ARP's sysctls back. */
int apply_nothing(const struct pins *p);

#endif
