/* SPDX-License-Identifier: GPL-2.0-only */
/* The way back: from a host, past the fence, to the client, or to the server at
 * the service's back. */
#ifndef RETURN_H
#define RETURN_H

#include "count.h"
#include "decide.h"
#include "fence.h"
#include "parse.h"
#include "record.h"
#include "rewrite.h"

#define AF_INET 2
#define AF_INET6 10

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
				       const struct decision *d,
				       enum baton_reason reason)
{
	struct sender from;
	__u32 host;

	read_sender(ctx, &from);
	host = fence(&from, d->owner);
	if (!host)
		return drop(p, BATON_DROP_FENCE);
	count_traffic(&service_stats, d->service, 1, p->length);
	count_traffic(&host_stats, host, 1, p->length);
	if (d->recorded)
		record(ctx, p, BATON_RECORD_TO_CLIENT, d->recorded, d->service,
		       d->owner, host);
	return route(ctx, p, reason);
}

#endif
