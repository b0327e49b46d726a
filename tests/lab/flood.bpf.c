// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many clients: each run writes the next one's frame over whatever the last
 * one became, and jumps to the switch. For BPF_PROG_TEST_RUN with repetitions.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/tcp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "programs.h" /* the switch's own */

char LICENSE[] SEC("license") = "GPL";

struct frame {
	struct ethhdr eth;
	struct iphdr ip;
	struct tcphdr tcp;
} __attribute__((packed));

/* tests/lab/test_flood.py has the same. */
struct flood {
	__u32 next; /* number of the client, counts up */
	__u8 random; /* else they come in order */
	__u8 from_host; /* the frame is an answer to the client */
	struct frame frame;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flood);
} flood SEC(".maps");

SEC("xdp.frags")
int flooder(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	__u32 zero = 0, client;
	struct flood *f = bpf_map_lookup_elem(&flood, &zero);
	struct frame *frame = data;
	__u16 port;

	if (!f || (void *)(frame + 1) > end)
		return XDP_ABORTED;
	__builtin_memcpy(frame, &f->frame, sizeof(*frame));
	if (f->random) {
		/* in the upper half, where none of the others are */
		client = bpf_get_prandom_u32() | 0x80000000;
		port = bpf_get_prandom_u32();
	} else {
		client = 0x0a400000 | f->next >> 8;
		port = 1024 + (f->next & 0xff);
	}
	f->next++;
	if (f->from_host) {
		frame->ip.daddr = bpf_htonl(client);
		frame->tcp.dest = bpf_htons(port);
	} else {
		frame->ip.saddr = bpf_htonl(client);
		frame->tcp.source = bpf_htons(port);
	}
	bpf_tail_call(ctx, &programs, BATON_STAGE_SHORT);
	return XDP_ABORTED;
}
