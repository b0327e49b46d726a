/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * May a packet leave the host?
 *
 * Not from a VIP once the lease has lapsed: a host that was paused, or cut
 * off, and goes on is silent until the switch has heard of it again (row X5).
 * With direct server return the switch's own fence does not see these packets.
 *
 * Nor from an application that has failed (row K6): nobody else may speak for
 * it before it is silent here.
 */
#ifndef HOST_SILENCE_H
#define HOST_SILENCE_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "host_apps.h"
#include "host_maps.h"

#define MAY_SPEAK BATON_NR_HOST_REASONS

struct speaker {
	struct baton_host_address address;
	__u32 l4; /* offset of the ports, 0: none are there */
	__be16 port;
	__u8 protocol;
};

static __always_inline int read_speaker4(const struct __sk_buff *skb, __u32 l3,
					 struct speaker *s)
{
	struct iphdr ip;

	if (bpf_skb_load_bytes(skb, l3, &ip, sizeof(ip)))
		return 0;
	s->address.family = 4;
	s->address.word[0] = ip.saddr;
	s->protocol = ip.protocol;
	if (!(ip.frag_off & bpf_htons(0x1fff)))
		s->l4 = l3 + ip.ihl * 4;
	return 1;
}

static __always_inline int read_speaker6(const struct __sk_buff *skb, __u32 l3,
					 struct speaker *s)
{
	struct ipv6hdr ip;

	if (bpf_skb_load_bytes(skb, l3, &ip, sizeof(ip)))
		return 0;
	s->address.family = 6;
	__builtin_memcpy(s->address.word, &ip.saddr, sizeof(ip.saddr));
	s->protocol = ip.nexthdr;
	s->l4 = l3 + sizeof(ip);
	return 1;
}

static __always_inline int read_speaker(const struct __sk_buff *skb,
					struct speaker *s)
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
	if (proto == bpf_htons(ETH_P_IP))
		return read_speaker4(skb, l3, s);
	if (proto == bpf_htons(ETH_P_IPV6))
		return read_speaker6(skb, l3, s);
	return 0;
}

/* BATON_HOST_LEASE, BATON_HOST_APP_VIPS: which of them are wanted */
static __always_inline __u32 wishes(void)
{
	const struct baton_host_settings *s;
	__u32 zero = 0;

	s = bpf_map_lookup_elem(&settings, &zero);
	return s ? s->flags & (BATON_HOST_LEASE | BATON_HOST_APP_VIPS) : 0;
}

static __always_inline int lease_has_lapsed(void)
{
	const struct baton_host_lease *l;
	__u32 zero = 0;
	__u64 until;

	l = bpf_map_lookup_elem(&lease, &zero);
	if (!l)
		return 0;
	until = *(volatile __u64 *)&l->until;
	/* CLOCK_BOOTTIME, as CLOCK_MONOTONIC stops while a machine does. */
	return until && bpf_ktime_get_boot_ns() > until;
}

/* Later fragments, and what stands behind IPv6 extension headers, show no
 * port: they are those of an application only if it has all ports. */
static __always_inline int is_speaker(const struct baton_host_app *a,
				      const struct speaker *s)
{
	const __be32 *v = a->vip.word, *w = s->address.word;

	return a->tag && a->vip.family == s->address.family && v[0] == w[0] &&
	       v[1] == w[1] && v[2] == w[2] && v[3] == w[3] &&
	       (!a->protocol || a->protocol == s->protocol) &&
	       (!a->port || a->port == s->port);
}

static __always_inline int speaker_has_failed(const struct __sk_buff *skb,
					      struct speaker *s)
{
	if ((s->protocol == IPPROTO_TCP || s->protocol == IPPROTO_UDP) && s->l4)
		bpf_skb_load_bytes(skb, s->l4, &s->port, sizeof(s->port));
	for (__u32 i = 0; i < BATON_PROBE_APPS; i++) {
		__u32 index = i;
		const struct baton_host_app *a =
			bpf_map_lookup_elem(&applications, &index);

		if (a && is_speaker(a, s) &&
		    app_failed(a, app_age(last_sign(a, i),
					  bpf_ktime_get_boot_ns())))
			return 1;
	}
	return 0;
}

/* The reason to drop it, or MAY_SPEAK. */
static __always_inline int silenced(const struct __sk_buff *skb)
{
	__u32 wanted = wishes();
	int lapsed = wanted & BATON_HOST_LEASE && lease_has_lapsed();
	struct speaker s = {};

	if (!lapsed && !(wanted & BATON_HOST_APP_VIPS))
		return MAY_SPEAK;
	if (!read_speaker(skb, &s) || !bpf_map_lookup_elem(&vips, &s.address))
		return MAY_SPEAK;
	if (lapsed)
		return BATON_HOST_DROP_LEASE;
	return speaker_has_failed(skb, &s) ? BATON_HOST_DROP_FAILED : MAY_SPEAK;
}

#endif
