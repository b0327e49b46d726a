/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ICMP errors about probes, as hints (row K6): somebody says that a host or its
 * port cannot be reached (RFC 792, RFC 4443 section 3.1). Anybody can say so,
 * therefore a hint never condemns: it makes a burst of probes, and not often
 * (detect.h).
 *
 * They are read from raw sockets. With IP_RECVERR on the sockets of the probes
 * an error about one host would make the next probe to another one fail, as
 * though there were no way to that.
 */
#ifndef BATOND_PROBE_ICMP_H
#define BATOND_PROBE_ICMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/addr.h"

/* A non-blocking socket for the family's errors, or negative errno; needs
 * CAP_NET_RAW. */
int probe_icmp_open(int family);

/*
 * Does what a raw socket of the family (4 or 6) received say that a UDP packet
 * to `port` (host byte order) did not arrive? `to`: where that was sent.
 */
bool probe_icmp_quotes(int family, const void *data, size_t len, uint16_t port,
		       struct addr *to);

#endif
