/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * May a packet leave the host? Not from a VIP once the lease has lapsed: a
 * host that was paused, or cut off, and goes on is silent until the switch has
 * heard of it again (row X5). With direct server return the switch's own fence
 * does not see these packets.
 */
#ifndef HOST_LEASE_H
#define HOST_LEASE_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "host_maps.h"

/* IPv4: bytes 12 to 15, IPv6: 8 to 23 */
static __always_inline int source_of(const struct __sk_buff *skb,
				     struct baton_host_address *src)
{
	__u32 l3 = ETH_HLEN;
	__be16 proto = skb->protocol;

	/* A tag that is still in the frame; one that the device adds is not. */
	if (proto == bpf_htons(ETH_P_8021Q) ||
	    proto == bpf_htons(ETH_P_8021AD)) {
		if (bpf_skb_load_bytes(skb, l3 + 2, &proto, sizeof(proto)))
			return 0;
		l3 += 4;
	}
	if (proto == bpf_htons(ETH_P_IP)) {
		src->family = 4;
		return !bpf_skb_load_bytes(skb, l3 + 12, src->word, 4);
	}
	if (proto == bpf_htons(ETH_P_IPV6)) {
		src->family = 6;
		return !bpf_skb_load_bytes(skb, l3 + 8, src->word, 16);
	}
	return 0;
}

static __always_inline int may_speak(const struct __sk_buff *skb)
{
	struct baton_host_address src = {};
	const struct baton_host_lease *l;
	__u32 zero = 0;
	__u64 until;

	l = bpf_map_lookup_elem(&lease, &zero);
	if (!l)
		return 1;
	until = *(volatile __u64 *)&l->until;
	/* CLOCK_BOOTTIME, as CLOCK_MONOTONIC stops while a machine does. */
	if (!until || bpf_ktime_get_boot_ns() <= until)
		return 1;
	return !source_of(skb, &src) || !bpf_map_lookup_elem(&vips, &src);
}

#endif
