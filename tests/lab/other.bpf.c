// SPDX-License-Identifier: GPL-2.0-only
/* Programs that baton-host may find on an interface: one of its own name, as
 * an earlier version would have left it, and one of somebody else's. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp.frags")
int baton_host(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("xdp.frags")
int somebodys(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
