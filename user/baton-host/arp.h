/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VIP is on several hosts of one link, so none of them may speak of it in
 * ARP: arp_ignore and arp_announce of ip-sysctl, for all interfaces. (IPv6
 * answers neighbour solicitations only for addresses of the interface that
 * they arrive on, and so never for those of lo.)
 */
#ifndef BATON_HOST_ARP_H
#define BATON_HOST_ARP_H

#include "baton/host.h"

/* Raise the sysctls to 1 and 2 where they are lower, and remember what they
 * were. 0 or a negative errno, logged; so the next. */
int arp_silence(struct baton_host_settings *s);

/* Set back what arp_silence() changed, if nobody changed it since. */
int arp_restore(struct baton_host_settings *s);

#endif
