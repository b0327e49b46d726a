/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From a connection to its owner: what the flow table remembers, else what
 * consistent hashing says, which is then remembered.
 */
#ifndef FLOWS_H
#define FLOWS_H

#include "baton/flowtable.h"
#include "baton/hash.h"
#include "baton/ring.h"
#include "fence.h"
#include "flow_state.h"
#include "maps.h"
#include "parse.h"

/* What is asked, and what came of it. */
struct flow_query {
	__u64 key[3]; /* as in the table: 1 word for IPv4, 3 for IPv6 */
	__u32 ring;
	__u8 family;
	__u8 client_hash;
	__u8 from_host;
	__u8 only_look; /* change nothing: the packet is not the connection's */
	struct flow_event event;
	__u16 wanted; /* owner of a new flow, 0: as the ring says */
	enum baton_reason reason; /* answer: how the owner was found */
	__u32 pad; /* no hole: older kernels want all of it initialized */
	struct sender from; /* when from_host */
};

static __always_inline void flow_key(__u64 *key, int n, __u16 service,
				     const __be32 *client, __be16 port)
{
	if (n == 1) {
		union baton_flow4_words w = { .key = { .client = client[0],
						       .port = port,
						       .service = service } };
		key[0] = w.word[0];
		key[1] = 0;
		key[2] = 0;
	} else {
		union baton_flow6_words w = { .key = { .port = port,
						       .service = service } };
		__builtin_memcpy(w.key.client, client, 16);
		w.key.tag = baton_flow_tag(w.key.client);
		key[0] = w.word[0];
		key[1] = w.word[1];
		key[2] = w.word[2];
	}
}

static __always_inline void flow_query(struct flow_query *q, __u8 family,
				       const struct baton_service *service,
				       const __be32 *client, __be16 port)
{
	flow_key(q->key, family == 4 ? 1 : 3, service->flows, client, port);
	q->reason = BATON_FORWARD_FLOW;
	q->wanted = 0;
	q->pad = 0;
	q->from = (struct sender){};
	q->family = family;
	q->ring = service->ring;
	q->client_hash = !!(service->flags & BATON_SERVICE_CLIENT_HASH);
	q->from_host = 0;
	q->only_look = 0;
	q->event = (struct flow_event){};
}

static __always_inline void flow_event(struct flow_query *q,
				       const struct packet *p)
{
	q->event.protocol = p->protocol;
	q->event.tcp_flags = p->tcp_flags;
	q->event.seq = p->seq;
	q->event.ack = p->ack;
}

/* The owner that consistent hashing gives; 0 when the ring is empty. */
static __always_inline __u16 ring_owner(const struct flow_query *q, int n)
{
	__u64 seed[4] = { geometry.seed[0], geometry.seed[1], geometry.seed[2],
			  geometry.seed[3] };
	__u64 key[3] = { q->key[0], q->key[1], q->key[2] };
	struct baton_ring_row *row;
	__u32 i, at;

	if (q->client_hash) {
		union baton_flow4_words w = { .word = { key[0] } };

		w.key.port = 0;
		key[0] = w.word[0];
		if (n == 3) {
			union baton_flow6_words w6 = { .word = { q->key[0] } };

			w6.key.port = 0;
			key[0] = w6.word[0];
		}
	}
	i = baton_ring_index(seed, key, n, geometry.ring_size);
	at = baton_ring_row(q->ring, i);
	row = bpf_map_lookup_elem(&rings, &at);
	return row ? row->owner[baton_ring_column(i) & (BATON_RING_ROW - 1)]
		   : 0;
}

static __always_inline __u64 *bucket(int n, __u32 i)
{
	if (n == 1)
		return bpf_map_lookup_elem(&flows4, &i);
	return bpf_map_lookup_elem(&flows6, &i);
}

static __always_inline int owner_exists(__u32 id)
{
	union baton_owner *o = bpf_map_lookup_elem(&owners, &id);

	return o && o->state != BATON_OWNER_NONE;
}

/*
 * May the packet tell something about a connection of this owner? Not if it
 * is another's, nor if the fence will stop it: a client may forge what a host
 * says, and a host that lost the owner may still speak.
 */
static __always_inline int may_tell(const struct flow_query *q, __u16 owner)
{
	return !q->only_look && (!q->from_host || fence(&q->from, owner));
}

/*
 * A connection that the table holds: its owner, after what this packet tells
 * of it was noted. An update that another CPU forestalled is not repeated: its
 * stamp is as fresh, and the state will be told again by the next packet.
 */
static __always_inline __u16 known_owner(struct flow_query *q, int n,
					 const struct baton_found *found)
{
	union baton_flow_word was = { .word = found->seen }, is;
	__u16 now = stamp_now();

	q->reason = BATON_FORWARD_FLOW;
	if (!may_tell(q, was.flow.owner))
		return was.flow.owner;
	if (!q->from_host && (flow_is_reopened(was.flow, &q->event) ||
			      !owner_exists(was.flow.owner))) {
		is.flow = flow_first(ring_owner(q, n), now);
		q->reason = BATON_FORWARD_NEW;
		if (!is.flow.owner)
			return 0;
	} else {
		is.flow = flow_next(was.flow,
				    q->from_host ? FLOW_FROM_HOST
						 : FLOW_FROM_CLIENT,
				    &q->event, now);
	}
	if (is.word != was.word)
		baton_slot_update(found->slot, n, was.word, is.word);
	return is.flow.owner;
}

/* Remember a connection that the table does not hold. */
static __always_inline void remember(struct flow_query *q, int n, __u16 owner,
				     __u64 *first, __u64 *second)
{
	union baton_flow_word w;
	__u16 now = stamp_now();

	w.flow = flow_first(owner, now);
	if (q->from_host)
		w.flow = flow_next(w.flow, FLOW_FROM_HOST, &q->event, now);
	q->reason = BATON_FORWARD_NEW;
	if (w.flow.state == BATON_FLOW_CLOSED)
		return;
	if (baton_bucket_claim(first, q->key, n, w.word) ||
	    baton_bucket_claim(second, q->key, n, w.word) ||
	    baton_bucket_displace(first, q->key, n, w.word, now) ||
	    baton_bucket_displace(second, q->key, n, w.word, now))
		return;
	q->reason = BATON_FORWARD_OVERFLOW;
}

static __always_inline __u16 find_owner(struct flow_query *q, int n,
					__u32 buckets)
{
	__u64 seed[2] = { geometry.seed[0], geometry.seed[1] };
	__u64 hash = baton_hash(seed, q->key, n);
	struct baton_found found = {};
	__u64 *first, *second;
	__u16 owner;

	first = bucket(n, baton_bucket1(hash, buckets));
	if (!first)
		return 0;
	if (!baton_bucket_find(first, q->key, n, &found)) {
		second = bucket(n, baton_bucket2(hash, buckets));
		if (!second)
			return 0;
		if (!baton_bucket_find(second, q->key, n, &found)) {
			owner = q->wanted ?: ring_owner(q, n);
			q->reason = BATON_FORWARD_NEW;
			if (owner && may_tell(q, owner))
				remember(q, n, owner, first, second);
			return owner;
		}
	}
	if (found.seen)
		return known_owner(q, n, &found);
	q->reason = BATON_FORWARD_PENDING;
	return ring_owner(q, n);
}

/*
 * The owner of a connection, 0 if it has none, and q->reason. Global functions
 * for each width: the verifier looks at such a one once, not once for each
 * way to it, and the table's code is the largest part of the program.
 */
__noinline int find_owner4(struct flow_query *q)
{
	return q ? find_owner(q, 1, geometry.flow4_buckets) : 0;
}

__noinline int find_owner6(struct flow_query *q)
{
	return q ? find_owner(q, 3, geometry.flow6_buckets) : 0;
}

static __always_inline __u16 flow_owner(struct flow_query *q)
{
	return q->family == 4 ? find_owner4(q) : find_owner6(q);
}

#endif
