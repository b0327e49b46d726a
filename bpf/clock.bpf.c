// SPDX-License-Identifier: GPL-2.0-only
/*
 * The clock that flows are stamped with, for user space: run with
 * BPF_PROG_TEST_RUN, it returns the low half of jiffies.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

SEC("xdp")
int baton_clock(struct xdp_md *ctx)
{
	return (__u32)bpf_jiffies64();
}
