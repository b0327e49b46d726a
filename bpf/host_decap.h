/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Take a packet out of its tunnel (row X4): IP in IP of all four combinations,
 * and GUE variant 0 without optional fields.
 */
#ifndef HOST_DECAP_H
#define HOST_DECAP_H

#include <linux/udp.h>

#include "host_maps.h"
#include "host_outer.h"

struct gue_header {
	__u8 control; /* variant, control bit, length of options: all zero */
	__u8 protocol;
	__be16 flags;
};

#define ECN 3 /* Both bits: congestion experienced. None: cannot tell. */

/* Mark the inner header as RFC 6040 section 4.2 says; 0: drop the packet. */
static __always_inline int ecn_decap4(struct iphdr *ip, __u8 outer_tos)
{
	__u16 *word = (__u16 *)ip; /* the word of the checksum that has tos */
	__u32 sum;

	if ((outer_tos & ECN) != ECN || (ip->tos & ECN) == ECN)
		return 1;
	if (!(ip->tos & ECN))
		return 0;
	/* RFC 1624, equation 3 */
	sum = (__u16)~ip->check + (__u16) ~*word;
	ip->tos |= ECN;
	sum += *word;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	ip->check = ~sum;
	return 1;
}

static __always_inline int ecn_decap6(struct ipv6hdr *ip, __u8 outer_tos)
{
	__u8 inner = ip->flow_lbl[0] >> 4;

	if ((outer_tos & ECN) != ECN || (inner & ECN) == ECN)
		return 1;
	if (!(inner & ECN))
		return 0;
	ip->flow_lbl[0] |= ECN << 4;
	return 1;
}

/* To a VIP; or from a server to a client as whom this host speaks. */
static __always_inline int is_ours(const struct baton_host_address *to,
				   const struct baton_host_address *from)
{
	return bpf_map_lookup_elem(&vips, to) ||
	       bpf_map_lookup_elem(&servers, from);
}

/* The inner packet at offset `at`: `good`, or the reason to leave it. */
static __always_inline int
check_inner4(const struct xdp_md *ctx, const struct outer *o, __u8 at, int good)
{
	struct baton_host_address to = { .family = 4 }, from = to;
	struct iphdr *ip = frame(ctx) + at;
	__u32 total;

	if ((void *)(ip + 1) > frame_end(ctx))
		return BATON_HOST_DROP_INNER;
	total = bpf_ntohs(ip->tot_len);
	if (ip->version != 4 || ip->ihl < 5 || total < ip->ihl * 4 ||
	    at + total > o->end)
		return BATON_HOST_DROP_INNER;
	to.word[0] = ip->daddr;
	from.word[0] = ip->saddr;
	if (!is_ours(&to, &from))
		return BATON_HOST_PASS_NOT_VIP;
	return ecn_decap4(ip, o->tos) ? good : BATON_HOST_DROP_ECN;
}

static __always_inline int
check_inner6(const struct xdp_md *ctx, const struct outer *o, __u8 at, int good)
{
	struct baton_host_address to = { .family = 6 }, from = to;
	struct ipv6hdr *ip = frame(ctx) + at;

	if ((void *)(ip + 1) > frame_end(ctx))
		return BATON_HOST_DROP_INNER;
	if (ip->version != 6 ||
	    at + sizeof(*ip) + bpf_ntohs(ip->payload_len) > o->end)
		return BATON_HOST_DROP_INNER;
	__builtin_memcpy(to.word, &ip->daddr, sizeof(to.word));
	__builtin_memcpy(from.word, &ip->saddr, sizeof(from.word));
	if (!is_ours(&to, &from))
		return BATON_HOST_PASS_NOT_VIP;
	return ecn_decap6(ip, o->tos) ? good : BATON_HOST_DROP_ECN;
}

/* Cut everything between the link header and `at`; its protocol is new. */
static __always_inline int strip(struct xdp_md *ctx, const struct outer *o,
				 __u8 at, __be16 proto)
{
	struct link_header link, *to = frame(ctx);
	int tagged = o->l3 == sizeof(link);

	if ((void *)(to + 1) > frame_end(ctx))
		return 0;
	link = *to;
	if (bpf_xdp_adjust_head(ctx, at - o->l3))
		return 0;
	to = frame(ctx);
	if ((void *)(to + 1) > frame_end(ctx))
		return 0;
	if (tagged) {
		link.tagged_proto = proto;
		*to = link;
	} else {
		link.proto = proto;
		__builtin_memcpy(to, &link, ETH_HLEN);
	}
	return 1;
}

/* The packet of `protocol` that starts at offset `at`. */
static __always_inline int decap(struct xdp_md *ctx, const struct outer *o,
				 __u8 at, __u8 protocol, int good)
{
	__be16 proto;
	int why;

	if (protocol == IPPROTO_IPIP) {
		proto = bpf_htons(ETH_P_IP);
		why = check_inner4(ctx, o, at, good);
	} else {
		proto = bpf_htons(ETH_P_IPV6);
		why = check_inner6(ctx, o, at, good);
	}
	if (why == good && !strip(ctx, o, at, proto))
		return BATON_HOST_DROP_INTERNAL;
	return why;
}

static __always_inline int decap_gue(struct xdp_md *ctx, const struct outer *o)
{
	const struct udphdr *udp = frame(ctx) + o->l4;
	const struct gue_header *gue = (void *)(udp + 1);
	__u8 inner = o->l4 + sizeof(*udp) + sizeof(*gue);

	if ((void *)(gue + 1) > frame_end(ctx) || inner > o->end ||
	    o->l4 + bpf_ntohs(udp->len) != o->end)
		return BATON_HOST_DROP_INNER;
	if (gue->control || gue->flags ||
	    (gue->protocol != IPPROTO_IPIP && gue->protocol != IPPROTO_IPV6))
		return BATON_HOST_PASS_GUE;
	return decap(ctx, o, inner, gue->protocol, BATON_HOST_DECAP_GUE);
}

#endif
