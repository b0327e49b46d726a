/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Keep a packet of a recorded service (rows K2, K3) in this CPU's ring. Why a
 * record can be read at any time, and what the order of the stores has to do
 * with it, is in baton/recorder.h.
 */
#ifndef RECORD_H
#define RECORD_H

#include "maps.h"
#include "parse.h"

/* Is it kept, and of which of a host's two connections is it? */
enum recorded { RECORD_NOT, RECORD_FRONT, RECORD_BACK };

static __always_inline enum recorded is_recorded(const struct packet *p,
						 const struct baton_service *s)
{
	if (!(s->flags & BATON_SERVICE_RECORDED) ||
	    p->protocol != IPPROTO_TCP || p->first_fragment)
		return RECORD_NOT;
	return s->flags & BATON_SERVICE_BACK ? RECORD_BACK : RECORD_FRONT;
}

/* What is known of a packet, small enough for registers. */
union record_ids {
	struct {
		__u16 service, owner, host;
		__u8 direction : 4; /* enum baton_record_direction */
		__u8 from_client : 4; /* its addresses say so */
		__u8 l3;
	};
	__u64 word;
};

/* The addresses and the TCP header, from the frame as it is kept. */
static __always_inline void describe(struct baton_record *r,
				     const struct baton_record_frame *f,
				     __u32 l3, __u64 l4, int from_client)
{
	const struct tcphdr *tcp = (const void *)f->byte + l4;

	if (f->byte[l3] >> 4 == 4) {
		const struct iphdr *ip = (const void *)f->byte + l3;

		r->family = 4;
		r->client[0] = from_client ? ip->saddr : ip->daddr;
		r->client[1] = 0;
		r->client[2] = 0;
		r->client[3] = 0;
	} else {
		const struct ipv6hdr *ip = (const void *)f->byte + l3;

		r->family = 6;
		__builtin_memcpy(r->client,
				 from_client ? &ip->saddr : &ip->daddr, 16);
	}
	r->port = from_client ? tcp->source : tcp->dest;
	r->vip_port = from_client ? tcp->dest : tcp->source;
	r->tcp_flags = ((const __u8 *)tcp)[13];
	r->seq = bpf_ntohl(tcp->seq);
	r->ack = bpf_ntohl(tcp->ack_seq);
	r->payload = r->length - l4 - tcp->doff * 4;
}

/*
 * Check a number again where it is used: once it has been put aside on the
 * stack, or compared with what is not a constant, the verifier of Linux 6.1 has
 * forgotten what it was found to be, and the compiler has not. Nor must that
 * make one comparison of two, with another number.
 */
#define is_within(n, least, most)                                              \
	({                                                                     \
		int within;                                                    \
		barrier_var(n);                                                \
		within = (n) >= (least);                                       \
		if (within) {                                                  \
			barrier_var(n);                                        \
			within = (n) <= (most);                                \
		}                                                              \
		within;                                                        \
	})

/*
 * `length` is that of the frame, which is as it came in. A global function,
 * which the verifier looks at once; it is handed no struct, so that whoever
 * calls it may keep its own in registers.
 */
__noinline int record_frame(struct xdp_md *ctx, __u64 word, __u32 l4_offset,
			    __u32 length)
{
	union record_ids ids = { .word = word };
	__u64 l4 = l4_offset;
	__u32 cpu = bpf_get_smp_processor_id(), slot;
	__u64 kept = length;
	struct baton_record_ring *ring;
	struct baton_record_frame *f;
	struct baton_record *r;
	__u64 n;

	ring = bpf_map_lookup_elem(&record_rings, &cpu);
	if (!ring || ids.l3 > ETH_HLEN + MAX_VLANS * 4 ||
	    l4 > BATON_RECORD_FRAME - sizeof(struct tcphdr))
		return 0;
	/* Another program may interrupt this one here, and gets another slot. */
	n = __sync_fetch_and_add(&ring->next, 1);
	slot = cpu * geometry.record_slots + (n & (geometry.record_slots - 1));
	r = bpf_map_lookup_elem(&records, &slot);
	f = bpf_map_lookup_elem(&record_frames, &slot);
	if (!r || !f)
		return 0;
	if (kept > sizeof(f->byte)) {
		kept = sizeof(f->byte);
		ring->too_large++;
	}
	if (kept < l4 + sizeof(struct tcphdr) ||
	    !is_within(kept, sizeof(struct tcphdr), sizeof(f->byte)) ||
	    bpf_xdp_load_bytes(ctx, 0, f->byte, kept) ||
	    !is_within(l4, 0, sizeof(f->byte) - sizeof(struct tcphdr)))
		return 0;
	r->time = bpf_ktime_get_coarse_ns();
	r->service = ids.service;
	r->owner = ids.owner;
	r->host = ids.host;
	r->direction = ids.direction;
	r->ifindex = ctx->ingress_ifindex;
	r->length = length < 65535 ? length : 65535;
	r->l3 = ids.l3;
	r->l4 = l4;
	describe(r, f, ids.l3, l4, ids.from_client);
	/* Last. The compiler keeps the order, and x86 that of stores; an
	 * exchange would cost as much as half of all the rest. */
	barrier();
	*(volatile __u64 *)&r->sequence = n + 1;
	return 0;
}

static __always_inline void record(struct xdp_md *ctx, const struct packet *p,
				   enum baton_record_direction direction,
				   enum recorded leg, __u16 service,
				   __u16 owner, __u16 host)
{
	int to_host = direction == BATON_RECORD_TO_HOST;
	const union record_ids ids = { .service = service,
				       .owner = owner,
				       .host = host,
				       .direction = direction,
				       .from_client = to_host ==
						      (leg == RECORD_FRONT),
				       .l3 = p->l3 };

	record_frame(ctx, ids.word, p->l4, p->l3 + p->length);
}

#endif
