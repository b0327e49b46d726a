// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end of the chain: counts what arrives at a host and, when asked to,
 * checks that it is what the generator wrote. One queue, so one CPU at a time.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "frame.h"

char LICENSE[] SEC("license") = "GPL";

const volatile struct sink_config config;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SINKS);
	__type(key, __u32);
	__type(value, struct sink_record);
} sinks SEC(".maps");

static __always_inline __u16 folded(__u64 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Does the frame say what was written, and do all its checksums hold? */
static __always_inline int is_whole(const struct iphdr *ip,
				    const struct tcphdr *tcp,
				    const struct frame_payload *p)
{
	__u32 length = sizeof(*tcp) + sizeof(*p);
	__u64 pseudo = (__u64)ip->saddr + ip->daddr + bpf_htons(IPPROTO_TCP) +
		       bpf_htons(length);
	__s64 sum;

	if (p->check != frame_check(p->sequence, p->flow))
		return 0;
	if (((const __be16 *)&ip->saddr)[1] != bpf_htons(p->flow & 0xffff) ||
	    tcp->source != bpf_htons(FRAME_PORT + (p->flow >> 16)))
		return 0;
	sum = bpf_csum_diff(NULL, 0, (void *)ip, sizeof(*ip), 0);
	if (folded((__u32)sum) != 0xffff)
		return 0;
	sum = bpf_csum_diff(NULL, 0, (void *)tcp, sizeof(*tcp) + sizeof(*p), 0);
	return folded((__u32)sum + pseudo) == 0xffff;
}

static __always_inline void note(struct sink_record *r, __u64 sequence)
{
	if (!r->first)
		r->first = sequence;
	else if (sequence <= r->last)
		r->disorder++;
	else
		r->gaps += sequence - r->last - 1;
	r->last = sequence;
}

SEC("xdp.frags")
int bench_sink(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct tcphdr *tcp = (void *)(ip + 1);
	struct frame_payload *payload = (void *)(tcp + 1);
	__u32 key = config.sink;
	struct sink_record *r = bpf_map_lookup_elem(&sinks, &key);

	if (!r || data + FRAME_SIZE(4) > end ||
	    eth->h_proto != bpf_htons(ETH_P_IP) || ip->version != 4 ||
	    ip->protocol != IPPROTO_TCP)
		return XDP_PASS; /* the kernel's own: ARP, ND and so on */
	if (config.check) {
		if (is_whole(ip, tcp, payload))
			note(r, payload->sequence);
		else
			r->torn++;
	}
	r->packets++;
	return XDP_DROP;
}
