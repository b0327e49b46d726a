// SPDX-License-Identifier: GPL-2.0-only
/* Programs that do one thing: what every program costs, and ends of cables. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} ports SEC(".maps");

SEC("xdp.frags")
int bare_tx(struct xdp_md *ctx)
{
	return XDP_TX;
}

SEC("xdp.frags")
int bare_pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("xdp.frags")
int bare_drop(struct xdp_md *ctx)
{
	return XDP_DROP;
}

SEC("xdp.frags")
int bare_redirect(struct xdp_md *ctx)
{
	return bpf_redirect_map(&ports, 0, XDP_ABORTED);
}
