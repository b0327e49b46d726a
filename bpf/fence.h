/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The way back: what comes from a VIP must come from the host that plays the
 * connection's owner at this moment (row X5). It is read from the same word
 * that a failover writes, so the old host is silenced and the new one heard by
 * one and the same store.
 *
 * A host is known by the link address and the port that packets to it go to.
 * Hosts behind one router look the same; the configuration check says so.
 */
#ifndef FENCE_H
#define FENCE_H

#include "count.h"
#include "parse.h"
#include "rewrite.h"

#define AF_INET 2
#define AF_INET6 10

/* The id of the host that the packet rightly comes from, or 0. */
static __always_inline __u32 fence(struct xdp_md *ctx, const struct packet *p,
				   __u32 owner_id)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	union baton_owner *word = bpf_map_lookup_elem(&owners, &owner_id);
	struct baton_settings *s = current_settings();
	union baton_owner owner;
	union baton_hop hop, from = {};
	struct baton_host *host;
	__u32 id;

	if (!word || !s || (void *)(eth + 1) > (void *)(long)ctx->data_end)
		return 0;
	owner.word = *(volatile __u64 *)&word->word;
	id = owner.host;
	host = bpf_map_lookup_elem(&hosts, &id);
	if (!id || !host)
		return 0;
	hop.word = *(volatile __u64 *)&host->hop.word;
	hop.vlan = 0;
	__builtin_memcpy(from.mac, eth->h_source, sizeof(from.mac));
	if ((hop.word != from.word || host->ifindex != ctx->ingress_ifindex) &&
	    s->flags & BATON_SETTING_FENCE)
		return 0;
	return id;
}

/*
 * Send an answer on its way to the client by the kernel's routing table. What
 * the table cannot say at once (no neighbour yet, too big, hop limit, a way
 * out that is no port of the switch) the kernel itself does, more slowly.
 */
static __always_inline int route(struct xdp_md *ctx, struct packet *p,
				 enum baton_reason reason)
{
	struct bpf_fib_lookup fib = {
		.family = p->family == 4 ? AF_INET : AF_INET6,
		.l4_protocol = p->protocol,
		.sport = p->sport,
		.dport = p->dport,
		.tot_len = p->length,
		.ifindex = ctx->ingress_ifindex,
	};
	int strip = p->l3 - ETH_HLEN;
	struct ethhdr *eth;
	void *data, *end;
	__be16 type;

	if (p->family == 4) {
		fib.tos = p->tos;
		fib.ipv4_src = p->src[0];
		fib.ipv4_dst = p->dst[0];
	} else {
		__builtin_memcpy(fib.ipv6_src, p->src, 16);
		__builtin_memcpy(fib.ipv6_dst, p->dst, 16);
	}
	if (p->ttl <= 1 ||
	    bpf_fib_lookup(ctx, &fib, sizeof(fib), 0) !=
		    BPF_FIB_LKUP_RET_SUCCESS ||
	    !bpf_map_lookup_elem(&ports, &fib.ifindex))
		return pass(p, BATON_PASS_NO_ROUTE);
	if (strip && bpf_xdp_adjust_head(ctx, strip))
		return drop(p, BATON_DROP_INTERNAL);
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	eth = data;
	if ((void *)(eth + 1) + sizeof(struct iphdr) > end)
		return drop(p, BATON_DROP_INTERNAL);
	type = p->family == 4 ? bpf_htons(ETH_P_IP) : bpf_htons(ETH_P_IPV6);
	__builtin_memcpy(eth->h_dest, fib.dmac, ETH_ALEN);
	__builtin_memcpy(eth->h_source, fib.smac, ETH_ALEN);
	eth->h_proto = type;
	decrement_ttl(eth + 1, p->family);
	return leave(p, reason, transmit(ctx, fib.ifindex));
}

static __noinline int return_to_client(struct xdp_md *ctx, struct packet *p,
				       __u32 owner, __u32 service,
				       enum baton_reason reason)
{
	__u32 host = fence(ctx, p, owner);

	if (!host)
		return drop(p, BATON_DROP_FENCE);
	count_traffic(&service_stats, service, 1, p->length);
	count_traffic(&host_stats, host, 1, p->length);
	return route(ctx, p, reason);
}

#endif
