/* SPDX-License-Identifier: GPL-2.0-only */
/* What is done to a packet on any way out. */
#ifndef REWRITE_H
#define REWRITE_H

#include "maps.h"
#include "parse.h"

/* The checksum changes by what the time to live does: RFC 1624. */
static __always_inline void decrement_ttl(void *l3, __u8 family)
{
	if (family == 4) {
		struct iphdr *ip = l3;
		__u32 sum = ip->check + bpf_htons(0x0100);

		ip->check = sum + (sum >= 0xffff);
		ip->ttl--;
	} else {
		((struct ipv6hdr *)l3)->hop_limit--;
	}
}

/*
 * The parts of a hop's word (union baton_hop), by shifts: taken through memory
 * they would be loads that wait for a wider or narrower store.
 */
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "hop_mac() and hop_vlan() know little-endian machines only"
#endif

static __always_inline __u64 hop_mac(__u64 word)
{
	return word & 0xffffffffffff;
}

static __always_inline __u16 hop_vlan(__u64 word)
{
	return word >> 48;
}

/*
 * Link addresses, two bytes at a time: the kernel's struct says that it may
 * lie anywhere, so the compiler would take them byte by byte.
 */
static __always_inline void write_addresses(void *eth, __u64 to,
					    const void *from)
{
	__u16 *at = eth;

	for (int i = 0; i < ETH_ALEN / 2; i++) {
		at[i] = to >> 16 * i;
		at[i + ETH_ALEN / 2] = ((const __u16 *)from)[i];
	}
}

static __always_inline int transmit(struct xdp_md *ctx, __u32 ifindex)
{
	/* Out of the port that it came in by needs no redirect. */
	if (ifindex == ctx->ingress_ifindex)
		return XDP_TX;
	return bpf_redirect_map(&ports, ifindex, XDP_ABORTED);
}

#endif
