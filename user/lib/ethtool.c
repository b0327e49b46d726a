// SPDX-License-Identifier: GPL-2.0-only
#include "lib/ethtool.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* The old ioctls answer for every driver, and need neither capability nor
 * the names of the kernel's feature bits. */
static const struct {
	uint32_t command;
	uint32_t mask; /* of the answer */
} questions[] = {
	[FEATURE_TX_CHECKSUM] = { ETHTOOL_GTXCSUM, UINT32_MAX },
	[FEATURE_GRO] = { ETHTOOL_GGRO, UINT32_MAX },
	[FEATURE_RX_VLAN] = { ETHTOOL_GFLAGS, ETH_FLAG_RXVLAN },
};

int ethtool_feature(const char *ifname, enum ethtool_feature feature)
{
	struct ethtool_value value = { .cmd = questions[feature].command };
	struct ifreq ifr = { .ifr_data = (void *)&value };
	int err = 0;
	int fd;

	if (strlen(ifname) >= sizeof(ifr.ifr_name))
		return -ENODEV;
	strcpy(ifr.ifr_name, ifname);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (ioctl(fd, SIOCETHTOOL, &ifr))
		err = -errno;
	close(fd);
	return err ? err : (value.data & questions[feature].mask) != 0;
}

void ethtool_advise(const char *ifname, const char *kind,
		    void (*fn)(const char *advice, void *arg), void *arg)
{
	char text[256];

	if (ethtool_feature(ifname, FEATURE_RX_VLAN) == 1) {
		snprintf(text, sizeof(text),
			 "%s strips VLAN tags before XDP sees them; if there "
			 "are any: ethtool -K %s rxvlan off",
			 ifname, ifname);
		if (strcmp(kind, "veth"))
			fn(text, arg);
	}
	if (strcmp(kind, "veth"))
		return;
	if (ethtool_feature(ifname, FEATURE_TX_CHECKSUM) == 1) {
		snprintf(text, sizeof(text),
			 "%s leaves checksums to a device that is not there, "
			 "and TCP does not survive a redirect: "
			 "ethtool -K %s tx off",
			 ifname, ifname);
		fn(text, arg);
	}
	if (ethtool_feature(ifname, FEATURE_GRO) == 0) {
		snprintf(text, sizeof(text),
			 "%s drops frames that are redirected to it unless its "
			 "GRO is on: ethtool -K %s gro on",
			 ifname, ifname);
		fn(text, arg);
	}
}
