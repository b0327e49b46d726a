/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The short way, of nearly every packet: a client's, of a connection that is
 * known and goes on. It is the whole way with all questions left out that such
 * a packet does not raise; whenever one comes up, it gives up, before it has
 * changed or counted anything, and the packet goes the whole way.
 *
 * It keeps everything in registers: it hands no struct to a function that is
 * not inlined. That, and one jump instead of many, is what makes it short.
 */
#ifndef SHORT_H
#define SHORT_H

#include "flows.h"
#include "forward.h"
#include "parse.h"
#include "services.h"

/*
 * The owner's word, of a connection that lies in its first bucket. 0 or -1.
 * Most packets tell nothing new; what they tell is noted.
 */
static __always_inline int known_flow(const struct packet *p, __u16 service,
				      int n, __u32 buckets,
				      union baton_owner *owner, __u32 *owner_id)
{
	const struct flow_event event = { .protocol = p->protocol,
					  .tcp_flags = p->tcp_flags,
					  .seq = p->seq,
					  .ack = p->ack };
	__u64 seed[2] = { geometry.seed[0], geometry.seed[1] };
	union baton_flow_word was, is;
	struct baton_found found = {};
	union baton_owner *word;
	__u16 now = stamp_now();
	__u64 *first, key[3];
	__u32 id;

	flow_key(key, n, service, p->src, p->sport);
	first = bucket(n, baton_bucket1(baton_hash(seed, key, n), buckets));
	if (!first || !baton_bucket_find(first, key, n, &found) || !found.seen)
		return -1;
	was.word = found.seen;
	id = was.flow.owner;
	*owner_id = id;
	word = bpf_map_lookup_elem(&owners, &id);
	if (!word)
		return -1;
	owner->word = *(volatile __u64 *)&word->word;
	if (owner->state == BATON_OWNER_NONE)
		return -1;
	if (was.flow.state == BATON_FLOW_ESTABLISHED &&
	    (__u16)(now - was.flow.seen) < BATON_FLOW_FRESH &&
	    !(p->tcp_flags & (FLOW_TCP_SYN | FLOW_TCP_FIN | FLOW_TCP_RST)))
		return 0;
	if (flow_is_reopened(was.flow, &event))
		return -1;
	is.flow = flow_next(was.flow, FLOW_FROM_CLIENT, &event, now);
	if (is.word != was.word)
		baton_slot_update(found.slot, n, was.word, is.word);
	return 0;
}

/* `recorded` is a constant, so that the way of others has no trace of it. */
static __always_inline int known_way(struct xdp_md *ctx, const struct packet *p,
				     __u16 service,
				     const enum recorded recorded)
{
	union baton_owner owner;
	struct carriage c;
	__u32 owner_id;

	if (p->family == 4 ? known_flow(p, service, 1, geometry.flow4_buckets,
					&owner, &owner_id)
			   : known_flow(p, service, 3, geometry.flow6_buckets,
					&owner, &owner_id))
		return -1;
	if (find_host(owner, &c) || p->ttl <= 1 ||
	    p->length + c.outer > c.host->mtu)
		return -1;
	if (recorded)
		record(ctx, p, BATON_RECORD_TO_HOST, recorded, service,
		       owner_id, c.host_id);
	return carry(ctx, p, &c, service, BATON_FORWARD_FLOW);
}

/* An XDP action, or -1. */
static __always_inline int short_way(struct xdp_md *ctx)
{
	const struct baton_service *s;
	struct packet p;

	if (parse_plain(ctx, &p))
		return -1;
	s = recall_service(&p);
	if (!s)
		return -1;
	return s->flags & BATON_SERVICE_RECORDED
		       ? known_way(ctx, &p, s->id, RECORD_FRONT)
		       : known_way(ctx, &p, s->id, RECORD_NOT);
}

#endif
