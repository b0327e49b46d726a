// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes a frame, whatever became of the last one that was in the buffer, and
 * jumps to the program under test. Run with BPF_PROG_TEST_RUN, for timing with
 * many repetitions, or with live frames as a source of packets.
 */
#include <linux/bpf.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "frame.h"

char LICENSE[] SEC("license") = "GPL";

const volatile struct generator_config config;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct generator_state);
} state SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SINKS);
	__type(key, __u32);
	__type(value, struct sink_record);
} sinks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} under_test SEC(".maps");

/* A linear congruential generator; its high half is what is random. */
static __always_inline __u32 next_flow(struct generator_state *s)
{
	if (config.sequential)
		return (s->sequence - 1) % config.flows;
	s->random = s->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (s->random >> 32) * config.flows >> 32;
}

/* Frames that left and did not arrive yet. */
static __always_inline __u64 under_way(const struct generator_state *s)
{
	__u64 arrived = 0;

	for (__u32 i = 0; i < SINKS; i++) {
		__u32 key = i;
		struct sink_record *r = bpf_map_lookup_elem(&sinks, &key);

		if (r)
			arrived += *(volatile __u64 *)&r->packets;
	}
	return s->sequence - arrived;
}

static __always_inline __u16 folded(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/*
 * The program under test shall find the headers as if they had lain in memory
 * for long. A processor stalls when it loads what was just stored in other
 * pieces; so each field that is loaded whole is stored whole, and once: the
 * Ethernet header by itself, then every word of IP and TCP.
 */
static __always_inline void write_headers(void *data, __u32 flow, int family)
{
	const int source = family == 4 ? 3 : 5; /* word of the low half */
	const int check = family == 4 ? 2 : -1;
	const int ports = FRAME_IP(family) / 4;
	__be16 low = bpf_htons(flow & 0xffff);
	__be16 port = bpf_htons(FRAME_PORT + (flow >> 16));
	union {
		__u32 word;
		__be16 half[2];
	} w;

#pragma unroll
	for (int i = 0; i < FRAME_ETH / 2; i++)
		((__u16 *)data)[i] = config.eth[i];
#pragma unroll
	for (int i = 0; i < (FRAME_IP(family) + FRAME_TCP) / 4; i++) {
		w.word = config.words[i];
		if (i == source)
			w.half[1] = low;
		if (i == check)
			w.half[1] = ~folded(config.ip_sum + low);
		if (i == ports)
			w.half[0] = port;
		if (i == ports + 4)
			w.half[0] = ~folded(config.tcp_sum + low + port);
		((__u32 *)(data + FRAME_ETH))[i] = w.word;
	}
}

/* The payload belongs to the TCP checksum. */
static __always_inline void write_payload(void *data, __u64 sequence,
					  __u32 flow, int family)
{
	struct tcphdr *tcp = data + FRAME_ETH + FRAME_IP(family);
	struct frame_payload *payload = (void *)(tcp + 1);
	struct frame_payload value = {
		.sequence = sequence,
		.flow = flow,
		.check = frame_check(sequence, flow),
	};
	__s64 sum;

	__builtin_memcpy(payload, &value, sizeof(value));
	sum = bpf_csum_diff(NULL, 0, (void *)&value, sizeof(value),
			    (__u16)~tcp->check);
	tcp->check = ~folded(sum);
}

static __always_inline int generate(struct xdp_md *ctx,
				    struct generator_state *s, int family)
{
	int grown = ctx->data_end - ctx->data - config.size;
	void *data, *end;
	__u32 flow;

	if (grown && bpf_xdp_adjust_head(ctx, grown))
		return XDP_ABORTED;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if (data + FRAME_SIZE(family) > end)
		return XDP_ABORTED;
	s->sequence++;
	flow = next_flow(s);
	write_headers(data, flow, family);
	if (config.stamp)
		write_payload(data, s->sequence, flow, family);
	bpf_tail_call(ctx, &under_test, 0);
	return XDP_ABORTED;
}

SEC("xdp.frags")
int generator(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct generator_state *s = bpf_map_lookup_elem(&state, &zero);

	if (!s)
		return XDP_ABORTED;
	if (config.wait && under_way(s) >= WINDOW)
		return XDP_DROP;
	return config.family == 4 ? generate(ctx, s, 4) : generate(ctx, s, 6);
}
