// SPDX-License-Identifier: GPL-2.0-only
/* A cable that loses one full packet in 1,000, and does not tell the sender. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#define EVERY 1000
#define FULL 1400 /* bytes: what brings data */

static unsigned int seen;

SEC("tc")
int lossy(struct __sk_buff *skb)
{
	if (skb->len < FULL || __sync_fetch_and_add(&seen, 1) % EVERY)
		return TC_ACT_OK;
	return TC_ACT_STOLEN;
}

char _license[] SEC("license") = "GPL";
