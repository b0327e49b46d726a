/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What comes from a VIP must come from the host that plays the connection's
 * owner at this moment (row X5). It is read from the same word that a failover
 * writes, so the old host is silenced and the new one heard by one and the same
 * store.
 *
 * A host is known by the link address and the port that packets to it go to.
 * Hosts behind one router look the same; the configuration check says so.
 */
#ifndef FENCE_H
#define FENCE_H

#include "maps.h"
#include "parse.h"

/* Whom a frame comes from, as far as the link tells. */
struct sender {
	__u64 hop; /* union baton_hop, without a tag */
	__u32 ifindex;
	__u32 pad;
};

static __always_inline void read_sender(struct xdp_md *ctx, struct sender *from)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	union baton_hop hop = {};

	if ((void *)(eth + 1) <= (void *)(long)ctx->data_end)
		__builtin_memcpy(hop.mac, eth->h_source, sizeof(hop.mac));
	from->hop = hop.word;
	from->ifindex = ctx->ingress_ifindex;
	from->pad = 0;
}

/* The id of the host that plays the owner, if it is the sender, else 0. */
static __always_inline __u32 fence(const struct sender *from, __u32 owner_id)
{
	union baton_owner *word = bpf_map_lookup_elem(&owners, &owner_id);
	struct baton_settings *s = current_settings();
	union baton_owner owner;
	union baton_hop hop;
	struct baton_host *host;
	__u32 id;

	if (!word || !s)
		return 0;
	owner.word = *(volatile __u64 *)&word->word;
	id = owner.host;
	host = bpf_map_lookup_elem(&hosts, &id);
	if (!id || !host)
		return 0;
	if (!(s->flags & BATON_SETTING_FENCE))
		return id;
	hop.word = *(volatile __u64 *)&host->hop.word;
	hop.vlan = 0;
	/* All zero is no address, but a host whose address is not known. */
	return hop.word && hop.word == from->hop &&
			       host->ifindex == from->ifindex
		       ? id
		       : 0;
}

#endif
