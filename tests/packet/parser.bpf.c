// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the switch's parser reads in a frame, for a test that compares it with
 * another parser's reading. As in the switch, the whole of it must pass the
 * verifier of a program that takes packets in several buffers.
 */
#include "parse.h"

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct packet);
} parsed SEC(".maps");

SEC("xdp.frags")
int parse_frame(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct packet p = {};
	struct packet *result = bpf_map_lookup_elem(&parsed, &zero);

	if (!result)
		return XDP_ABORTED;
	parse_packet(ctx, &p);
	*result = p;
	return XDP_PASS;
}
