// SPDX-License-Identifier: GPL-2.0-only
/*
 * What `make demo` puts on each host's interface: a record of when every
 * packet of the numbered UDP stream arrived, and the silence of a frozen host.
 * The namespaces of the lab share one kernel, which cannot be frozen, so
 * `frozen_in` and `mute_out` keep it from hearing and answering.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define STREAM_PORT 9000 /* demo_udp.py */
#define PACKETS (1 << 20)

struct stream_packet {
	struct ethhdr eth;
	struct iphdr ip;
	struct udphdr udp;
	__u64 sequence; /* of the machine's own byte order */
} __attribute__((packed));

/* By sequence number; CLOCK_BOOTTIME, 0: not seen */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PACKETS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
} arrivals SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
} mute SEC(".maps");

static __always_inline void record(const void *data, const void *end)
{
	const struct stream_packet *p = data;
	__u64 *slot;
	__u32 i;

	if ((const void *)(p + 1) > end ||
	    p->eth.h_proto != bpf_htons(ETH_P_IP) || p->ip.ihl != 5 ||
	    p->ip.protocol != IPPROTO_UDP ||
	    p->udp.dest != bpf_htons(STREAM_PORT))
		return;
	i = p->sequence;
	slot = bpf_map_lookup_elem(&arrivals, &i);
	if (slot && !*slot)
		*slot = bpf_ktime_get_boot_ns();
}

SEC("tc")
int arrive(struct __sk_buff *skb)
{
	record((void *)(long)skb->data, (void *)(long)skb->data_end);
	return TC_ACT_OK;
}

SEC("xdp")
int frozen_in(struct xdp_md *ctx)
{
	record((void *)(long)ctx->data, (void *)(long)ctx->data_end);
	return XDP_DROP;
}

SEC("tc")
int mute_out(struct __sk_buff *skb)
{
	__u32 zero = 0;
	const __u64 *muted = bpf_map_lookup_elem(&mute, &zero);

	return muted && *muted ? TC_ACT_SHOT : TC_ACT_OK;
}

char _license[] SEC("license") = "GPL";
