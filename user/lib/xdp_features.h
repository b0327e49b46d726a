/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel says that XDP can do with a device (netlink family
 * "netdev", since Linux 6.3). */
#ifndef LIB_XDP_FEATURES_H
#define LIB_XDP_FEATURES_H

/* Does the device transmit what is redirected to it, as it is set up now?
 * 1, 0, or a negative errno: -ENOENT from a kernel that does not tell. */
int xdp_takes_redirects(int ifindex);

#endif
