/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ICMP errors that the switch sends itself: time exceeded (RFC 792, RFC 4443
 * section 3.3) and packet too big (RFC 1191, RFC 4443 section 3.2).
 *
 * A packet that does not forbid fragmentation is answered too, although RFC
 * 1812 section 5.2.7.1 speaks only of those that do: the switch does not
 * fragment, and a sender that is told sends smaller packets.
 */
#ifndef ANSWER_H
#define ANSWER_H

#include "count.h"
#include "parse.h"

/* Bytes of the packet that an error quotes: fits the 576 and the 1280 bytes
 * that every host takes, and one call of bpf_csum_diff. */
#define QUOTE_MAX 512

struct icmp_error {
	enum baton_reason reason;
	__u16 mtu; /* too big: what would fit */
};

struct scratch {
	__u8 l2[32];
	__u8 quote[QUOTE_MAX];
} __attribute__((aligned(8)));

struct icmp_budget {
	__u16 stamp; /* of the second that `used` counts in */
	__u32 used;
};

MAP(scratch_space, BPF_MAP_TYPE_PERCPU_ARRAY, 1, 0, __u32, struct scratch);
MAP(icmp_budget, BPF_MAP_TYPE_PERCPU_ARRAY, 1, 0, __u32, struct icmp_budget);

static __always_inline __u16 fold(__u64 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static __always_inline int within_rate(const struct baton_settings *s)
{
	__u32 zero = 0;
	struct icmp_budget *b = bpf_map_lookup_elem(&icmp_budget, &zero);
	__u16 now = stamp_now();

	if (!b)
		return 0;
	if (b->stamp != now) {
		b->stamp = now;
		b->used = 0;
	}
	return b->used++ < s->icmp_per_second;
}

/* RFC 1122 section 3.2.2, RFC 4443 section 2.4: never to an ICMP error, a
 * fragment but the first, what came by a multicast of the link, or what has no
 * single sender. */
static __always_inline int may_be_answered(const struct packet *p,
					   const struct ethhdr *eth)
{
	__u32 first = bpf_ntohl(p->src[0]);

	if (eth->h_dest[0] & 1)
		return 0;
	if (p->kind == PACKET_ICMP_ERROR || p->kind == PACKET_LATER_FRAGMENT)
		return 0;
	if (p->family == 4)
		return first >> 24 != 0 && first >> 24 != 127 &&
		       first < 0xe0000000;
	return (p->src64[0] | p->src64[1]) && first >> 24 != 0xff;
}

static __always_inline void icmp_words(const struct packet *p,
				       const struct icmp_error *e, __be32 *icmp)
{
	int ttl = e->reason == BATON_ANSWER_TTL;

	if (p->family == 4) {
		icmp[0] = bpf_htonl(ttl ? ICMP_TIME_EXCEEDED << 24
					: ICMP_DEST_UNREACH << 24 |
						    ICMP_FRAG_NEEDED << 16);
	} else {
		icmp[0] = bpf_htonl(ttl ? ICMPV6_TIME_EXCEED << 24
					: ICMPV6_PKT_TOOBIG << 24);
	}
	icmp[1] = bpf_htonl(ttl ? 0 : e->mtu);
}

static __noinline int answer_icmp(struct xdp_md *ctx, const struct packet *p,
				  const struct icmp_error *e)
{
	struct baton_settings *s = current_settings();
	__u32 zero = 0, quote = p->length, grow;
	__u32 l3 = ETH_HLEN + (p->vlans & 3) * sizeof(struct vlan_header);
	struct scratch *scratch = bpf_map_lookup_elem(&scratch_space, &zero);
	struct ethhdr *eth;
	struct iphdr *ip;
	struct ipv6hdr *ip6;
	__be32 icmp[2];
	void *data, *end;
	__s64 sum;

	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	eth = data;
	if (!s || !scratch || (void *)(eth + 1) > end)
		return drop(p, BATON_DROP_INTERNAL);
	if (!may_be_answered(p, eth))
		return drop(p, BATON_DROP_NO_ICMP);
	if (!within_rate(s))
		return drop(p, BATON_DROP_ICMP_RATE);

	if (quote > QUOTE_MAX)
		quote = QUOTE_MAX;
	barrier_var(quote); /* else the compiler hides the bounds */
	if (quote < sizeof(struct iphdr))
		return drop(p, BATON_DROP_INTERNAL);
	__builtin_memset(scratch->quote, 0, sizeof(scratch->quote));
	if (bpf_xdp_load_bytes(ctx, 0, scratch->l2, l3) ||
	    bpf_xdp_load_bytes(ctx, l3, scratch->quote, quote))
		return drop(p, BATON_DROP_INTERNAL);

	icmp_words(p, e, icmp);
	sum = bpf_csum_diff(NULL, 0, (__be32 *)scratch->quote,
			    sizeof(scratch->quote), 0);
	sum = bpf_csum_diff(NULL, 0, icmp, sizeof(icmp), sum);

	/* The packet stays where it is; the new headers go before it. */
	grow = (p->family == 4 ? sizeof(*ip) : sizeof(*ip6)) + sizeof(icmp);
	if (bpf_xdp_adjust_tail(ctx, (int)(l3 + quote) -
					     (int)bpf_xdp_get_buff_len(ctx)) ||
	    bpf_xdp_adjust_head(ctx, -(int)grow) ||
	    bpf_xdp_store_bytes(ctx, 0, scratch->l2, l3))
		return drop(p, BATON_DROP_HEADROOM);
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	eth = data;
	if ((void *)(eth + 1) > end)
		return drop(p, BATON_DROP_INTERNAL);
	__builtin_memcpy(eth->h_dest, scratch->l2 + ETH_ALEN, ETH_ALEN);
	__builtin_memcpy(eth->h_source, scratch->l2, ETH_ALEN);

	data += l3;
	if (p->family == 4) {
		ip = data;
		if (data + sizeof(*ip) + sizeof(icmp) > end)
			return drop(p, BATON_DROP_INTERNAL);
		*ip = (struct iphdr){
			.version = 4,
			.ihl = 5,
			.tos = 0xc0, /* RFC 1812 section 4.3.2.5 */
			.tot_len = bpf_htons(grow + quote),
			.frag_off = bpf_htons(0x4000),
			.ttl = 64,
			.protocol = IPPROTO_ICMP,
			.saddr = s->address4 ?: p->dst[0],
			.daddr = p->src[0],
		};
		ip->check = ~fold(
			bpf_csum_diff(NULL, 0, (__be32 *)ip, sizeof(*ip), 0));
		data += sizeof(*ip);
	} else {
		struct {
			__be32 length, next;
		} pseudo = { bpf_htonl(quote + sizeof(icmp)),
			     bpf_htonl(IPPROTO_ICMPV6) };
		const __be32 *src = s->address6[0] ? s->address6 : p->dst;

		ip6 = data;
		if (data + sizeof(*ip6) + sizeof(icmp) > end)
			return drop(p, BATON_DROP_INTERNAL);
		*(__be32 *)ip6 = bpf_htonl(0x60000000);
		ip6->payload_len = bpf_htons(quote + sizeof(icmp));
		ip6->nexthdr = IPPROTO_ICMPV6;
		ip6->hop_limit = 64;
		__builtin_memcpy(&ip6->saddr, src, 16);
		__builtin_memcpy(&ip6->daddr, p->src, 16);
		sum = bpf_csum_diff(NULL, 0, (__be32 *)&ip6->saddr, 32, sum);
		sum = bpf_csum_diff(NULL, 0, (__be32 *)&pseudo, sizeof(pseudo),
				    sum);
		data += sizeof(*ip6);
	}
	icmp[0] |= bpf_htonl((__u16)bpf_htons(~fold(sum)));
	__builtin_memcpy(data, icmp, sizeof(icmp));
	/*
	 * Redirected, though it goes out where the packet came in: a veth
	 * whose other end has no XDP program queues what XDP_TX gives it, and
	 * wakes nobody up to take it.
	 */
	return leave(p, e->reason,
		     bpf_redirect_map(&ports, ctx->ingress_ifindex, XDP_TX));
}

#endif
