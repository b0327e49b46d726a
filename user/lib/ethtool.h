/* SPDX-License-Identifier: GPL-2.0-only */
/* Features of a network device that decide whether XDP works on it. */
#ifndef LIB_ETHTOOL_H
#define LIB_ETHTOOL_H

/* X(NAME, what `ethtool -K DEV` calls it) */
#define ETHTOOL_FEATURES(X)                                                    \
	X(TX_CHECKSUM, "tx")                                                   \
	X(GRO, "gro")                                                          \
	X(RX_VLAN, "rxvlan")

enum ethtool_feature {
#define X(name, label) FEATURE_##name,
	ETHTOOL_FEATURES(X)
#undef X
		NR_ETHTOOL_FEATURES,
};

/* 1: on, 0: off, or a negative errno (-ENODEV, -EOPNOTSUPP). */
int ethtool_feature(const char *ifname, enum ethtool_feature feature);

/*
 * What about a device silently breaks packets that XDP sends on it, and the
 * command that mends it. `kind` is rtnl_link.kind. Calls fn once for each.
 */
void ethtool_advise(const char *ifname, const char *kind,
		    void (*fn)(const char *advice, void *arg), void *arg);

#endif
