/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Read a frame once, into a struct of named fields (row K1).
 *
 * What nearly every packet looks like is read through the packet pointers.
 * The rest (IPv6 extension headers, packets that ICMP errors quote) is read
 * with bpf_xdp_load_bytes, which also reaches beyond the linear part.
 */
#ifndef PARSE_H
#define PARSE_H

#include <linux/bpf.h>
#include <linux/icmpv6.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "icmp.h"

#define MAX_VLANS 2

/* IPv6 extension headers that are followed: so many, and so long together
 * that the transport header is in the linear part, whatever the driver. */
#define MAX_EXTENSIONS 8
#define MAX_EXTENSION_BYTES 1024

/* The type of an Ethernet frame, in one load: the kernel's struct says that it
 * may lie anywhere. */
static __always_inline __be16 frame_type(const void *eth)
{
	return *(const __be16 *)(eth + 2 * ETH_ALEN);
}

struct vlan_header {
	__be16 tci;
	__be16 encapsulated;
};

enum packet_kind {
	PACKET_NOT_IP,
	PACKET_UNREADABLE, /* the IP header cannot be read or be right */
	PACKET_BAD_IP, /* addresses known; lengths cannot be right */
	PACKET_BAD_L4, /* transport header cut off or wrong */
	PACKET_BAD_EXTENSION, /* IPv6 extension headers: too many, or wrong */
	PACKET_PORTS, /* TCP or UDP */
	PACKET_ESP,
	PACKET_ICMP_ERROR, /* of the packet's own family */
	PACKET_LATER_FRAGMENT,
	PACKET_OTHER, /* any other transport protocol */
};

struct packet {
	__u8 family; /* 4, 6, or 0 when not IP */
	__u8 kind; /* enum packet_kind */
	__u8 protocol;
	__u8 tcp_flags; /* byte 13 of the header */
	__u8 ttl;
	__u8 tos;
	__u8 vlans;
	__u8 first_fragment; /* of several, with the transport header */
	__u16 l3; /* offset of the IP header */
	__u16 l4; /* offset of the transport header */
	__u32 length; /* of the IP packet, header included */
	__be16 sport, dport;
	__u16 seq, ack; /* TCP: low halves, host byte order */
	__be32 spi; /* ESP */
	__be32 id; /* of the datagram, when it is a fragment */
	union {
		__be32 src[4]; /* IPv4: first word, the others zero */
		__u64 src64[2];
	};
	union {
		__be32 dst[4];
		__u64 dst64[2];
	};
};

static __always_inline int is_icmp_error4(__u8 type)
{
	return type == ICMP_DEST_UNREACH || type == ICMP_SOURCE_QUENCH ||
	       type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETERPROB;
}

static __always_inline int is_icmp_error6(__u8 type)
{
	return type >= ICMPV6_DEST_UNREACH && type <= ICMPV6_PARAMPROB;
}

/* True when the frame holds `need` bytes, linear or not. */
static __always_inline int frame_holds(struct xdp_md *ctx, void *data,
				       void *end, __u32 need)
{
	return data + need <= end || bpf_xdp_get_buff_len(ctx) >= need;
}

/*
 * The transport header, of which `room` bytes belong to the packet. A first
 * fragment must hold the fixed part (RFC 1858), no more.
 */
static __always_inline void parse_l4(struct packet *p, void *l4, void *end,
				     __u32 room)
{
	p->kind = PACKET_BAD_L4;
	if (p->protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = l4;
		__u32 size;

		if (room < sizeof(*tcp) || (void *)(tcp + 1) > end)
			return;
		size = tcp->doff * 4;
		if (size < sizeof(*tcp) || (size > room && !p->first_fragment))
			return;
		p->sport = tcp->source;
		p->dport = tcp->dest;
		p->tcp_flags = ((__u8 *)tcp)[13];
		p->seq = bpf_ntohl(tcp->seq);
		p->ack = bpf_ntohl(tcp->ack_seq);
		p->kind = PACKET_PORTS;
	} else if (p->protocol == IPPROTO_UDP) {
		struct udphdr *udp = l4;
		__u32 size;

		if (room < sizeof(*udp) || (void *)(udp + 1) > end)
			return;
		size = bpf_ntohs(udp->len);
		if (size < sizeof(*udp) || (size > room && !p->first_fragment))
			return;
		p->sport = udp->source;
		p->dport = udp->dest;
		p->kind = PACKET_PORTS;
	} else if (p->protocol == IPPROTO_ESP) {
		__be32 *esp = l4; /* SPI, sequence number: RFC 4303 section 2 */

		if (room < 8 || (void *)(esp + 2) > end)
			return;
		p->spi = esp[0];
		p->kind = PACKET_ESP;
	} else if (p->protocol ==
		   (p->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6)) {
		struct icmp_header *icmp = l4;

		if (room < sizeof(*icmp) || (void *)(icmp + 1) > end)
			return;
		if (p->family == 4 ? is_icmp_error4(icmp->type)
				   : is_icmp_error6(icmp->type))
			p->kind = PACKET_ICMP_ERROR;
		else
			p->kind = PACKET_OTHER;
	} else {
		p->kind = PACKET_OTHER;
	}
}

static __always_inline void parse_ipv4(struct xdp_md *ctx, struct packet *p,
				       void *data, void *end)
{
	struct iphdr *ip = data + p->l3;
	__u32 size, length;
	__u16 fragment;

	if ((void *)(ip + 1) > end || ip->version != 4)
		return;
	p->src64[0] = ip->saddr;
	p->dst64[0] = ip->daddr;
	p->src64[1] = 0;
	p->dst64[1] = 0;
	p->kind = PACKET_BAD_IP;
	size = ip->ihl * 4;
	length = bpf_ntohs(ip->tot_len);
	/* ihl below 5 would let the IP header be read as the transport's. */
	if (size < sizeof(*ip) || length < size ||
	    !frame_holds(ctx, data, end, p->l3 + length))
		return;
	p->length = length;
	p->protocol = ip->protocol;
	p->ttl = ip->ttl;
	p->tos = ip->tos;
	p->l4 = p->l3 + size;
	fragment = ip->frag_off & bpf_htons(0x3fff); /* more, or offset */
	if (fragment) {
		p->id = ip->id;
		if (fragment & bpf_htons(0x1fff)) {
			p->kind = PACKET_LATER_FRAGMENT;
			return;
		}
		p->first_fragment = 1;
	}
	parse_l4(p, (void *)ip + size, end, length - size);
}

struct extension {
	__u8 next;
	__u8 length; /* in 8 bytes beyond the first 8; AH: 4 beyond 8 */
	__be16 fragment;
	__be32 id;
};

/*
 * Follow IPv6 extension headers (RFC 8200 section 4), from `start`, to the
 * transport header. Leaves the outcome in p: l4, protocol, first_fragment, id
 * and, unless the transport header is to be read, kind.
 */
static __noinline int walk_extensions(struct xdp_md *ctx, struct packet *p,
				      __u32 start)
{
	struct extension e;
	__u8 next = p->protocol;
	__u32 at = start;
	int i;

	/* Unrolled: kernel 6.1 takes a loop only if a jump closes it, and the
	 * compiler closes this one by falling into its head. */
#pragma unroll
	for (i = 0; i <= MAX_EXTENSIONS; i++) {
		__u32 size;

		switch (next) {
		case IPPROTO_HOPOPTS:
		case IPPROTO_ROUTING:
		case IPPROTO_DSTOPTS:
		case IPPROTO_AH:
		case IPPROTO_MH:
		case IPPROTO_FRAGMENT:
			break;
		default:
			p->protocol = next;
			p->l4 = at;
			return 0;
		}
		if (i == MAX_EXTENSIONS ||
		    bpf_xdp_load_bytes(ctx, at, &e, sizeof(e)))
			break;
		if (next == IPPROTO_FRAGMENT)
			size = 8;
		else if (next == IPPROTO_AH)
			size = (e.length + 2) * 4;
		else
			size = (e.length + 1) * 8;
		at += size;
		if (at > p->l3 + p->length || at > start + MAX_EXTENSION_BYTES)
			break;
		/* An atomic fragment (RFC 6946) is a whole packet. */
		if (next == IPPROTO_FRAGMENT &&
		    e.fragment & bpf_htons(0xfff9)) {
			p->id = e.id;
			p->first_fragment = 1;
			if (e.fragment & bpf_htons(0xfff8)) {
				p->first_fragment = 0;
				p->protocol = e.next;
				p->l4 = at;
				p->kind = PACKET_LATER_FRAGMENT;
				return -1;
			}
		}
		next = e.next;
	}
	p->kind = PACKET_BAD_EXTENSION;
	return -1;
}

/* The fixed header; p->l4 is what follows it. 0, or -1 if nothing can. */
static __always_inline int
parse_ipv6_header(struct xdp_md *ctx, struct packet *p, void *data, void *end)
{
	struct ipv6hdr *ip = data + p->l3;
	__u32 length;

	if ((void *)(ip + 1) > end || ip->version != 6)
		return -1;
	__builtin_memcpy(p->src, &ip->saddr, 16);
	__builtin_memcpy(p->dst, &ip->daddr, 16);
	p->kind = PACKET_BAD_IP;
	length = sizeof(*ip) + bpf_ntohs(ip->payload_len);
	if (!frame_holds(ctx, data, end, p->l3 + length))
		return -1;
	p->length = length;
	p->protocol = ip->nexthdr;
	p->ttl = ip->hop_limit;
	p->tos = bpf_ntohs(*(__be16 *)ip) >> 4; /* traffic class */
	p->l4 = p->l3 + sizeof(*ip);
	return 0;
}

static __always_inline int has_ports(const struct packet *p)
{
	return p->protocol == IPPROTO_TCP || p->protocol == IPPROTO_UDP;
}

static __always_inline void parse_ipv6(struct xdp_md *ctx, struct packet *p,
				       void *data, void *end)
{
	__u32 at, stop;

	if (parse_ipv6_header(ctx, p, data, end))
		return;
	at = p->l4;
	stop = p->l3 + p->length;
	if (!has_ports(p)) {
		if (walk_extensions(ctx, p, at))
			return;
		at = p->l4;
		if (at > stop)
			return;
	}
	parse_l4(p, data + (at & 0x3fff), end, stop - at);
}

static __always_inline void parse_begin(struct packet *p)
{
	p->family = 0;
	p->kind = PACKET_NOT_IP;
	p->tcp_flags = 0;
	p->vlans = 0;
	p->first_fragment = 0;
	p->l3 = ETH_HLEN;
	p->sport = 0;
	p->dport = 0;
	p->spi = 0;
}

/*
 * What nearly every packet is, and nothing else: TCP or UDP, whole, without
 * tags or extension headers. 0 if it is; parse_packet() reads the same of it.
 */
static __always_inline int parse_plain(struct xdp_md *ctx, struct packet *p)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	__be16 type;

	parse_begin(p);
	if ((void *)(eth + 1) > end)
		return -1;
	type = frame_type(eth);
	if (type == bpf_htons(ETH_P_IP)) {
		p->family = 4;
		parse_ipv4(ctx, p, data, end);
	} else if (type == bpf_htons(ETH_P_IPV6)) {
		p->family = 6;
		if (parse_ipv6_header(ctx, p, data, end) || !has_ports(p))
			return -1;
		parse_l4(p, data + ETH_HLEN + sizeof(struct ipv6hdr), end,
			 p->length - sizeof(struct ipv6hdr));
	}
	return p->kind == PACKET_PORTS && !p->first_fragment ? 0 : -1;
}

static __always_inline void parse_packet(struct xdp_md *ctx, struct packet *p)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct vlan_header *tag = (void *)(eth + 1);
	__be16 type;

	parse_begin(p);
	if ((void *)(eth + 1) > end)
		return;
	type = frame_type(eth);
#pragma unroll
	for (int i = 0; i < MAX_VLANS; i++) {
		if (type != bpf_htons(ETH_P_8021Q) &&
		    type != bpf_htons(ETH_P_8021AD))
			break;
		if ((void *)(tag + 1) > end)
			return;
		type = tag->encapsulated;
		tag++;
		p->vlans++;
		p->l3 += sizeof(*tag);
	}
	if (type == bpf_htons(ETH_P_IP)) {
		p->family = 4;
		p->kind = PACKET_UNREADABLE;
		parse_ipv4(ctx, p, data, end);
	} else if (type == bpf_htons(ETH_P_IPV6)) {
		p->family = 6;
		p->kind = PACKET_UNREADABLE;
		parse_ipv6(ctx, p, data, end);
	}
}

#endif
