/* SPDX-License-Identifier: GPL-2.0-only */
/* Every way out of the program passes here: one reason, counted. */
#ifndef COUNT_H
#define COUNT_H

#include "maps.h"
#include "parse.h"

static __always_inline void add(struct baton_counter *c, __u32 bytes)
{
	c->packets++;
	c->bytes += bytes;
}

/* Bytes are the IP packet's, or the frame's when it is not IP. */
static __always_inline int leave(const struct packet *p,
				 enum baton_reason reason, int action)
{
	__u32 key = reason;
	struct baton_counter *c = bpf_map_lookup_elem(&counters, &key);

	if (c)
		add(c, p->length);
	return action;
}

static __always_inline int pass(const struct packet *p, enum baton_reason why)
{
	return leave(p, why, XDP_PASS);
}

static __always_inline int drop(const struct packet *p, enum baton_reason why)
{
	return leave(p, why, XDP_DROP);
}

/* One direction of a service's or a host's traffic. */
static __always_inline void count_traffic(void *map, __u32 id, int to_client,
					  __u32 bytes)
{
	struct baton_traffic *t = bpf_map_lookup_elem(map, &id);

	if (t)
		add(to_client ? &t->out : &t->in, bytes);
}

#endif
