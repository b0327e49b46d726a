/* SPDX-License-Identifier: GPL-2.0-only */
/* The packet that an ICMP error quotes (RFC 792, RFC 4443 section 2.4 c). */
#ifndef QUOTE_H
#define QUOTE_H

#include "parse.h"

/*
 * Read what p quotes into q: addresses, protocol, ports, whether it is a
 * fragment. 0, or -1 when it quotes too little, or nonsense.
 */
static __noinline int read_quote(struct xdp_md *ctx, const struct packet *p,
				 struct packet *q)
{
	__u32 at = p->l4 + sizeof(struct icmp_header);
	__u32 end = p->l3 + p->length;
	__be16 port[2];

	q->family = p->family;
	q->kind = PACKET_OTHER;
	q->first_fragment = 0;
	q->sport = 0;
	q->dport = 0;
	q->l3 = at;
	q->length = end - at;
	if (p->family == 4) {
		struct iphdr ip;

		if (at + sizeof(ip) > end ||
		    bpf_xdp_load_bytes(ctx, at, &ip, sizeof(ip)) ||
		    ip.version != 4 || ip.ihl < 5)
			return -1;
		q->src64[0] = ip.saddr;
		q->src64[1] = 0;
		q->dst64[0] = ip.daddr;
		q->dst64[1] = 0;
		q->protocol = ip.protocol;
		q->l4 = at + ip.ihl * 4;
		q->id = ip.id;
		if (ip.frag_off & bpf_htons(0x1fff))
			q->kind = PACKET_LATER_FRAGMENT;
	} else {
		struct ipv6hdr ip;

		if (at + sizeof(ip) > end ||
		    bpf_xdp_load_bytes(ctx, at, &ip, sizeof(ip)) ||
		    ip.version != 6)
			return -1;
		__builtin_memcpy(q->src, &ip.saddr, 16);
		__builtin_memcpy(q->dst, &ip.daddr, 16);
		q->protocol = ip.nexthdr;
		if (walk_extensions(ctx, q, at + sizeof(ip)) &&
		    q->kind != PACKET_LATER_FRAGMENT)
			return -1;
	}
	if (q->kind == PACKET_LATER_FRAGMENT)
		return 0;
	if (q->protocol == IPPROTO_TCP || q->protocol == IPPROTO_UDP) {
		if (q->l4 + sizeof(port) > end ||
		    bpf_xdp_load_bytes(ctx, q->l4, port, sizeof(port)))
			return -1;
		q->sport = port[0];
		q->dport = port[1];
		q->kind = PACKET_PORTS;
	}
	return 0;
}

#endif
