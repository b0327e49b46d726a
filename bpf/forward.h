/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Carry a packet to the host that plays its owner: by new link addresses
 * alone, or inside an outer header (row X4). Tags of the VLAN it came by are
 * taken off, that of the host's is put on.
 */
#ifndef FORWARD_H
#define FORWARD_H

#include "answer.h"
#include "baton/hash.h"
#include "count.h"
#include "parse.h"
#include "record.h"
#include "rewrite.h"

#define OUTER_TTL 64

/* Variant 0, no options. */
struct gue_header {
	__u8 control; /* version, C and header length: all zero */
	__u8 protocol;
	__be16 flags;
};

#define GUE_SIZE (sizeof(struct udphdr) + sizeof(struct gue_header))

static __always_inline __u8 outer_size(const struct baton_host *host)
{
	__u8 size;

	if (host->forward == BATON_FORWARD_L2)
		return 0;
	size = host->outer_family == 4 ? sizeof(struct iphdr)
				       : sizeof(struct ipv6hdr);
	if (host->forward == BATON_FORWARD_GUE)
		size += GUE_SIZE;
	return size;
}

/* Lets routers on the way spread flows: RFC 6438, RFC 7510 section 3. */
static __always_inline __u32 entropy(const struct packet *p)
{
	__u64 l4 = ((__u32)p->sport << 16 | p->dport) ^ p->spi;

	/* Not all in one: addresses and ports that count up together, as behind
	 * address translation, would cancel each other out. */
	return baton_mix(baton_mix(p->src64[0] ^ l4 << 32) ^ p->src64[1]);
}

static __always_inline void write_gue(void *at, const struct baton_host *host,
				      const struct packet *p, __u8 inner)
{
	struct udphdr *udp = at;
	struct gue_header *gue = (void *)(udp + 1);

	udp->source = bpf_htons(0xc000 | (entropy(p) & 0x3fff));
	udp->dest = host->gue_port;
	udp->len = bpf_htons(p->length + GUE_SIZE);
	udp->check = 0; /* RFC 6935: the inner packet has its own */
	*gue = (struct gue_header){ .protocol = inner };
}

static __always_inline int write_outer4(void *at, void *end,
					const struct baton_host *host,
					const struct packet *p, __u8 inner)
{
	int gue = host->forward == BATON_FORWARD_GUE;
	struct iphdr *ip = at;
	__u32 sum, length = p->length + sizeof(*ip);

	if ((void *)(ip + 1) > end)
		return -1;
	if (gue) {
		if ((void *)(ip + 1) + GUE_SIZE > end)
			return -1;
		write_gue(ip + 1, host, p, inner);
		length += GUE_SIZE;
	}
	*(__be16 *)ip = bpf_htons(0x4500 | p->tos);
	ip->tot_len = bpf_htons(length);
	ip->id = 0; /* an atomic datagram, RFC 6864 */
	ip->frag_off = bpf_htons(0x4000);
	ip->ttl = OUTER_TTL;
	ip->protocol = gue ? IPPROTO_UDP : inner;
	ip->saddr = host->outer_src[0];
	ip->daddr = host->outer_dst[0];
	/* The addresses' and flags' part was summed when the host was set up. */
	sum = host->outer_sum + bpf_htons(0x4500 | p->tos) + bpf_htons(length) +
	      bpf_htons(OUTER_TTL << 8 | ip->protocol);
	ip->check = ~fold(sum);
	return 0;
}

static __always_inline int write_outer6(void *at, void *end,
					const struct baton_host *host,
					const struct packet *p, __u8 inner)
{
	int gue = host->forward == BATON_FORWARD_GUE;
	struct ipv6hdr *ip = at;
	__u32 length = p->length;

	if ((void *)(ip + 1) > end)
		return -1;
	if (gue) {
		if ((void *)(ip + 1) + GUE_SIZE > end)
			return -1;
		write_gue(ip + 1, host, p, inner);
		length += GUE_SIZE;
	}
	*(__be32 *)ip = bpf_htonl(0x60000000 | (__u32)p->tos << 20 |
				  (entropy(p) & 0xfffff));
	ip->payload_len = bpf_htons(length);
	ip->nexthdr = gue ? IPPROTO_UDP : inner;
	ip->hop_limit = OUTER_TTL;
	__builtin_memcpy(&ip->saddr, host->outer_src, 16);
	__builtin_memcpy(&ip->daddr, host->outer_dst, 16);
	return 0;
}

static __always_inline int write_outer(void *at, void *end,
				       const struct baton_host *host,
				       const struct packet *p)
{
	__u8 inner = p->family == 4 ? IPPROTO_IPIP : IPPROTO_IPV6;

	if (host->outer_family == 4)
		return write_outer4(at, end, host, p, inner);
	return write_outer6(at, end, host, p, inner);
}

/* Where a packet is carried, and how. */
struct carriage {
	const struct baton_host *host;
	__u64 mac; /* as in union baton_hop */
	__u32 host_id;
	__u16 vlan;
	__u8 outer; /* bytes of the outer header */
};

/*
 * Who is the host? The word is the owner's as it was just read; the whole of a
 * failover is that it is another one. 0 if there is nothing in the way, else
 * the reason.
 */
static __always_inline enum baton_reason find_host(union baton_owner owner,
						   struct carriage *c)
{
	__u64 hop;

	if (owner.state == BATON_OWNER_NONE)
		return BATON_DROP_NO_OWNER;
	c->host_id = owner.host;
	c->host = bpf_map_lookup_elem(&hosts, &c->host_id);
	if (!owner.host || !c->host)
		return BATON_DROP_NO_HOST;
	hop = *(volatile __u64 *)&c->host->hop.word;
	c->vlan = hop_vlan(hop);
	c->mac = hop_mac(hop);
	c->outer = outer_size(c->host);
	return c->mac ? 0 : BATON_DROP_UNRESOLVED;
}

/* The packet may be carried: put the headers on, and off it goes. */
static __always_inline int carry(struct xdp_md *ctx, const struct packet *p,
				 const struct carriage *c, __u32 service,
				 enum baton_reason reason)
{
	int move = p->l3 - ETH_HLEN - c->outer, action;
	struct ethhdr *eth;
	void *data, *end, *l3;

	if (c->vlan)
		move -= sizeof(struct vlan_header);
	if (move && bpf_xdp_adjust_head(ctx, move))
		return drop(p, BATON_DROP_HEADROOM);
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	eth = data;
	l3 = eth + 1;
	if (l3 > end)
		return drop(p, BATON_DROP_INTERNAL);
	write_addresses(eth, c->mac, c->host->src_mac);
	eth->h_proto = (c->outer ? c->host->outer_family : p->family) == 4
			       ? bpf_htons(ETH_P_IP)
			       : bpf_htons(ETH_P_IPV6);
	if (c->vlan) {
		struct vlan_header *tag = l3;

		if ((void *)(tag + 1) > end)
			return drop(p, BATON_DROP_INTERNAL);
		tag->tci = bpf_htons(c->vlan);
		tag->encapsulated = eth->h_proto;
		eth->h_proto = bpf_htons(ETH_P_8021Q);
		l3 = tag + 1;
	}
	if (c->outer) {
		if (write_outer(l3, end, c->host, p))
			return drop(p, BATON_DROP_INTERNAL);
		l3 += c->outer;
	}
	if (l3 + sizeof(struct iphdr) > end)
		return drop(p, BATON_DROP_INTERNAL);
	decrement_ttl(l3, p->family);

	action = transmit(ctx, c->host->ifindex);
	if (action == XDP_ABORTED)
		return drop(p, BATON_DROP_INTERNAL);
	count_traffic(&service_stats, service, 0, p->length);
	count_traffic(&host_stats, c->host_id, 0, p->length);
	return leave(p, reason, action);
}

static __always_inline int forward(struct xdp_md *ctx, struct packet *p,
				   __u32 service, __u32 owner_id,
				   enum recorded recorded,
				   enum baton_reason reason)
{
	union baton_owner *word = bpf_map_lookup_elem(&owners, &owner_id);
	union baton_owner owner;
	enum baton_reason obstacle;
	struct carriage c;

	if (!word)
		return drop(p, BATON_DROP_INTERNAL);
	owner.word = *(volatile __u64 *)&word->word;
	obstacle = find_host(owner, &c);
	/* What nobody is there to take is for who will be. */
	if (recorded && obstacle && p->ttl > 1)
		record(ctx, p, BATON_RECORD_TO_HOST, recorded, service,
		       owner_id, 0);
	if (obstacle)
		return drop(p, obstacle);
	if (p->ttl <= 1) {
		struct icmp_error e = { .reason = BATON_ANSWER_TTL };

		return answer_icmp(ctx, p, &e);
	}
	if (p->length + c.outer > c.host->mtu) {
		struct icmp_error e = { .reason = BATON_ANSWER_TOO_BIG,
					.mtu = c.host->mtu - c.outer };

		return answer_icmp(ctx, p, &e);
	}
	if (recorded)
		record(ctx, p, BATON_RECORD_TO_HOST, recorded, service,
		       owner_id, c.host_id);
	return carry(ctx, p, &c, service, reason);
}

#endif
