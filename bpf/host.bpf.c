// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's XDP program: answers the switch's probes and takes packets for
 * VIPs out of the switch's tunnels. Everything else is the kernel's.
 *
 * And its TC program, at egress: silences VIPs once the lease has lapsed, and
 * applications that have failed.
 */
#include "host_decap.h"
#include "host_maps.h"
#include "host_outer.h"
#include "host_probe.h"
#include "host_silence.h"

enum wanted { WANTED_NOT, WANTED_PROBE, WANTED_IPIP, WANTED_GUE };

static __always_inline enum wanted wanted(const struct xdp_md *ctx,
					  const struct outer *o,
					  const struct baton_host_settings *s)
{
	const struct udphdr *udp = frame(ctx) + o->l4;

	if (o->protocol == IPPROTO_IPIP || o->protocol == IPPROTO_IPV6)
		return WANTED_IPIP;
	if (o->protocol != IPPROTO_UDP || o->fragment == 2 ||
	    (void *)(udp + 1) > frame_end(ctx) || o->l4 + sizeof(*udp) > o->end)
		return WANTED_NOT;
	if (udp->dest == s->probe_port && s->flags & BATON_HOST_PROBES)
		return WANTED_PROBE;
	if (udp->dest == s->gue_port && s->gue_port)
		return WANTED_GUE;
	return WANTED_NOT;
}

static __always_inline int handle(struct xdp_md *ctx, __u32 length)
{
	const struct baton_host_settings *s;
	struct outer o = {};
	enum wanted what;
	__u32 zero = 0;
	int why;

	why = read_outer(ctx, &o, length);
	if (why != OUTER_OK)
		return why;
	s = bpf_map_lookup_elem(&settings, &zero);
	if (!s)
		return BATON_HOST_DROP_INTERNAL;
	what = wanted(ctx, &o, s);
	if (what == WANTED_NOT)
		return BATON_HOST_PASS_OTHER;
	if (!bpf_map_lookup_elem(&switches, &o.src))
		return BATON_HOST_PASS_STRANGER;
	if (o.fragment)
		return BATON_HOST_PASS_FRAGMENT;
	if (o.options)
		return BATON_HOST_PASS_OPTIONS;
	switch (what) {
	case WANTED_PROBE:
		return answer_probe(ctx, &o, s);
	case WANTED_GUE:
		return decap_gue(ctx, &o);
	default:
		return decap(ctx, &o, o.l4, o.protocol, BATON_HOST_DECAP_IPIP);
	}
}

static __always_inline int action_of(int reason)
{
	static const __u8 actions[] = {
		[BATON_HOST_VERDICT_PASS] = XDP_PASS,
		[BATON_HOST_VERDICT_DECAP] = XDP_PASS,
		[BATON_HOST_VERDICT_ANSWER] = XDP_TX,
		[BATON_HOST_VERDICT_DROP] = XDP_DROP,
	};

	switch (reason) {
#define X(name, verdict, label, text)                                          \
	case BATON_HOST_##name:                                                \
		return actions[BATON_HOST_VERDICT_##verdict];
		BATON_HOST_REASONS(X)
#undef X
	}
	return XDP_PASS;
}

static __always_inline void count(__u32 reason, __u32 length)
{
	struct baton_counter *c = bpf_map_lookup_elem(&counters, &reason);

	if (c) {
		c->packets++;
		c->bytes += length;
	}
}

SEC("xdp.frags")
int baton_host(struct xdp_md *ctx)
{
	__u32 length = bpf_xdp_get_buff_len(ctx);
	__u32 reason = handle(ctx, length);

	count(reason, length);
	return action_of(reason);
}

SEC("tc")
int baton_lease(struct __sk_buff *skb)
{
	int why = silenced(skb);

	if (why == MAY_SPEAK)
		return TC_ACT_UNSPEC; /* others may have an opinion */
	count(why, skb->len);
	return TC_ACT_SHOT;
}

char _license[] SEC("license") = "GPL";
