// SPDX-License-Identifier: GPL-2.0-only
/* A machine that hears nothing: takes the place of the host's program. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int deaf(struct xdp_md *ctx)
{
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
