// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the switch is compared with: the forwarder that one writes first, with
 * the kernel's LRU hash; and of its recorder, the copying alone.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

#define YARDSTICK_FLOWS 4000000 /* as many as the switch's table holds */
#define YARDSTICK_OWNERS 256

struct connection {
	__be32 src;
	__be32 dst;
	__u32 ports; /* in one word, which is stored faster than two */
	__u32 protocol;
};

struct owner {
	__u16 macs[ETH_ALEN]; /* destination and source */
	__u32 port; /* in `ports` */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, YARDSTICK_FLOWS);
	__type(key, struct connection);
	__type(value, __u32);
} connections SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, YARDSTICK_OWNERS);
	__type(key, __u32);
	__type(value, struct owner);
} owners SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} ports SEC(".maps");

/* Connections that were not known, which is none in a measurement. */
__u64 misses;

SEC("xdp.frags")
int lru_forwarder(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct tcphdr *tcp = (void *)(ip + 1);
	struct connection key = {};
	__u32 *id, first = 0;
	struct owner *owner;

	if ((void *)(tcp + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP) ||
	    ip->version != 4 || ip->ihl != 5 || ip->protocol != IPPROTO_TCP)
		return XDP_PASS;
	key.src = ip->saddr;
	key.dst = ip->daddr;
	key.ports = *(__u32 *)tcp;
	key.protocol = ip->protocol;
	id = bpf_map_lookup_elem(&connections, &key);
	if (!id) {
		bpf_map_update_elem(&connections, &key, &first, BPF_ANY);
		__sync_fetch_and_add(&misses, 1);
		id = &first;
	}
	first = *id;
	owner = bpf_map_lookup_elem(&owners, &first);
	if (!owner)
		return XDP_DROP;
	/* as bytes, which is what the compiler makes of ethhdr, it costs more */
	for (int i = 0; i < ETH_ALEN; i++)
		((__u16 *)eth)[i] = owner->macs[i];
	return bpf_redirect_map(&ports, owner->port, XDP_ABORTED);
}

/* --- copying ------------------------------------------------------------------ */

/* As many slots as a CPU's ring has where the recorder is measured, as large. */
#define COPIER_SLOTS 512
#define COPIER_SLOT 1536
#define COPIED (ETH_HLEN + sizeof(struct iphdr) + sizeof(struct tcphdr) + 1460)

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, COPIER_SLOTS);
	__type(key, __u32);
	__uint(value_size, COPIER_SLOT);
} copies SEC(".maps");

__u64 copied SEC(".data.copier") = 0;

SEC("xdp.frags")
int copier(struct xdp_md *ctx)
{
	__u32 slot = copied++ % COPIER_SLOTS;
	void *to = bpf_map_lookup_elem(&copies, &slot);

	if (!to || bpf_xdp_load_bytes(ctx, 0, to, COPIED))
		return XDP_ABORTED;
	return XDP_TX;
}
