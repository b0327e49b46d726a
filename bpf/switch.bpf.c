// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ingress switch: every packet that comes in by any of its ports.
 *
 *   parse -> decide -> forward           to the host of the owner
 *                   -> return_to_client  past the fence, and routed
 *                   -> pass              not ours: the kernel's
 *                   -> drop              counted, with a reason
 */
#include "decide.h"
#include "forward.h"
#include "parse.h"
#include "return.h"
#include "short.h"

char LICENSE[] SEC("license") = "GPL";

/* A packet that cannot be read is dropped only if it concerns a VIP. */
static __noinline int refuse(const struct packet *p, enum baton_reason reason)
{
	if (is_vip(p->family, p->dst) || is_vip(p->family, p->src))
		return drop(p, reason);
	return pass(p, BATON_PASS_UNREADABLE);
}

/*
 * Packets in several fragments are welcome to both programs: the loader says
 * so, for a slot of `programs` takes only what has the same say as the program
 * that jumps.
 */
SEC("xdp")
int baton_whole(struct xdp_md *ctx)
{
	struct decision d = { .reason = BATON_PASS_NOT_SERVICE };
	struct packet p;

	p.length = (void *)(long)ctx->data_end - (void *)(long)ctx->data;
	parse_packet(ctx, &p);
	switch (p.kind) {
	case PACKET_PORTS:
	case PACKET_ESP:
		decide_ports(ctx, &p, &d);
		break;
	case PACKET_LATER_FRAGMENT:
		d.way = decide_fragment(&p, &d);
		break;
	case PACKET_ICMP_ERROR:
		d.way = decide_icmp(ctx, &p, &d);
		if (d.reason == BATON_PASS_NOT_SERVICE)
			d.way = decide_icmp_back(ctx, &p, &d);
		break;
	case PACKET_NOT_IP:
		return pass(&p, BATON_PASS_NOT_IP);
	case PACKET_UNREADABLE:
		return pass(&p, BATON_PASS_UNREADABLE);
	case PACKET_BAD_IP:
		return refuse(&p, BATON_DROP_MALFORMED_IP);
	case PACKET_BAD_L4:
		return refuse(&p, BATON_DROP_MALFORMED_L4);
	case PACKET_BAD_EXTENSION:
		return refuse(&p, BATON_DROP_EXTENSIONS);
	}
	if (d.way == WAY_NONE)
		return leave(&p, d.reason,
			     d.reason == BATON_PASS_NOT_SERVICE ? XDP_PASS
								: XDP_DROP);
	if (!d.owner)
		return drop(&p, BATON_DROP_NO_OWNER);
	if (d.way == WAY_TO_CLIENT)
		return return_to_client(ctx, &p, &d, return_reason(&p));
	return forward(ctx, &p, d.service, d.owner, d.recorded, d.reason);
}

SEC("xdp")
int baton_switch(struct xdp_md *ctx)
{
	int action = short_way(ctx);

	if (action >= 0)
		return action;
	bpf_tail_call(ctx, &programs, BATON_STAGE_WHOLE);
	return XDP_PASS; /* the slot is empty: behave as if not attached */
}
