/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The outer headers of a frame that may be for the host's program: Ethernet,
 * at most one VLAN tag, IP. Offsets are from the start of the frame.
 */
#ifndef HOST_OUTER_H
#define HOST_OUTER_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "baton/host.h"
#include "baton/host_reasons.h"

/* Ethernet and one 802.1Q tag behind its addresses */
struct link_header {
	__u8 addresses[12];
	__be16 proto; /* of the tag, when there is one */
	__be16 tci;
	__be16 tagged_proto;
};

struct outer {
	struct baton_host_address src, dst;
	__u8 l3; /* 14 or 18; bytes, so that the verifier knows a bound */
	__u8 l4;
	__u32 end; /* of the IP packet */
	__u8 protocol;
	__u8 tos;
	__u8 options; /* IPv4 options follow the header */
	__u8 fragment; /* 1: with the first byte, 2: without */
};

#define OUTER_OK BATON_NR_HOST_REASONS

static __always_inline void *frame(const struct xdp_md *ctx)
{
	return (void *)(long)ctx->data;
}

static __always_inline void *frame_end(const struct xdp_md *ctx)
{
	return (void *)(long)ctx->data_end;
}

static __always_inline int read_outer4(const struct xdp_md *ctx,
				       struct outer *o, __u32 length)
{
	const struct iphdr *ip = frame(ctx) + o->l3;
	__u32 total;
	__u16 frag;

	if ((void *)(ip + 1) > frame_end(ctx))
		return BATON_HOST_PASS_UNREADABLE;
	total = bpf_ntohs(ip->tot_len);
	if (ip->version != 4 || ip->ihl < 5 || total < ip->ihl * 4 ||
	    o->l3 + total > length)
		return BATON_HOST_PASS_UNREADABLE;
	frag = bpf_ntohs(ip->frag_off);
	if (frag & 0x1fff)
		o->fragment = 2;
	else if (frag & 0x2000)
		o->fragment = 1;
	o->options = ip->ihl > 5;
	o->l4 = o->l3 + ip->ihl * 4;
	o->end = o->l3 + total;
	o->protocol = ip->protocol;
	o->tos = ip->tos;
	o->src.word[0] = ip->saddr;
	o->src.family = 4;
	o->dst.word[0] = ip->daddr;
	o->dst.family = 4;
	return OUTER_OK;
}

static __always_inline int read_outer6(const struct xdp_md *ctx,
				       struct outer *o, __u32 length)
{
	const struct ipv6hdr *ip = frame(ctx) + o->l3;

	if ((void *)(ip + 1) > frame_end(ctx))
		return BATON_HOST_PASS_UNREADABLE;
	o->l4 = o->l3 + sizeof(*ip);
	o->end = o->l4 + bpf_ntohs(ip->payload_len);
	if (ip->version != 6 || o->end > length)
		return BATON_HOST_PASS_UNREADABLE;
	o->protocol = ip->nexthdr;
	o->tos = ip->priority << 4 | ip->flow_lbl[0] >> 4;
	__builtin_memcpy(o->src.word, &ip->saddr, sizeof(o->src.word));
	o->src.family = 6;
	__builtin_memcpy(o->dst.word, &ip->daddr, sizeof(o->dst.word));
	o->dst.family = 6;
	return OUTER_OK;
}

/* OUTER_OK, or the reason to look no further. `length` is the frame's. */
static __always_inline int read_outer(const struct xdp_md *ctx, struct outer *o,
				      __u32 length)
{
	const struct link_header *link = frame(ctx);
	__be16 proto;

	if (frame(ctx) + ETH_HLEN > frame_end(ctx))
		return BATON_HOST_PASS_UNREADABLE;
	proto = link->proto;
	o->l3 = ETH_HLEN;
	if (proto == bpf_htons(ETH_P_8021Q) ||
	    proto == bpf_htons(ETH_P_8021AD)) {
		if ((void *)(link + 1) > frame_end(ctx))
			return BATON_HOST_PASS_UNREADABLE;
		proto = link->tagged_proto;
		o->l3 = sizeof(*link);
	}
	if (proto == bpf_htons(ETH_P_IP))
		return read_outer4(ctx, o, length);
	if (proto == bpf_htons(ETH_P_IPV6))
		return read_outer6(ctx, o, length);
	return BATON_HOST_PASS_OTHER;
}

#endif
