/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whose packet is it, and which way does it go? One function for each way of
 * telling that: by ports, by SPI, as a fragment, by the packet quoted.
 */
#ifndef DECIDE_H
#define DECIDE_H

#include "flows.h"
#include "fragments.h"
#include "ipsec.h"
#include "quote.h"
#include "record.h"
#include "services.h"

enum way { WAY_NONE, WAY_TO_HOST, WAY_TO_CLIENT };

struct decision {
	__u8 way; /* enum way; none: `reason` is why */
	__u8 recorded; /* enum recorded */
	__u16 owner; /* 0: the service has none */
	__u16 service; /* id */
	enum baton_reason reason;
};

static __always_inline void decide_ipsec(struct xdp_md *ctx,
					 const struct packet *p,
					 struct flow_query *q,
					 struct decision *d)
{
	int inbound = d->way == WAY_TO_HOST, kind;
	struct baton_spi_key key = {};
	__u16 owner = 0;

	__builtin_memcpy(key.vip, inbound ? p->dst : p->src, sizeof(key.vip));
	kind = packet_spi(ctx, p, inbound ? p->dport : p->sport, &key);
	if (kind == SPI_IKE || (kind == SPI_ESP && inbound))
		owner = spi_owner(&key);
	/* One that is no more is forgotten by learning another. */
	if (owner && !owner_exists(owner))
		owner = 0;
	/* A client that comes from a new address brings its SAs along. */
	q->wanted = owner;
	d->owner = flow_owner(q); /* also keeps the client's flow alive */
	d->reason = q->reason;
	if (owner) {
		d->owner = owner;
		d->reason = BATON_FORWARD_SPI;
	} else if (kind != SPI_NONE && inbound && d->owner) {
		learn_spi(&key, d->owner);
	}
}

/*
 * Between a server and a host that speaks to it as a client would: theirs is a
 * connection only as long as the client has one with the service in front, and
 * then it is where that is. Else the packet is between others. The way.
 */
static __noinline int decide_back(const struct packet *p,
				  const struct baton_service *s, int to_server,
				  struct decision *d)
{
	struct flow_query q;
	__u16 owner;

	flow_query(&q, p->family, s, to_server ? p->src : p->dst,
		   to_server ? p->sport : p->dport);
	q.only_look = 1;
	owner = flow_owner(&q);
	if (q.reason == BATON_FORWARD_NEW) /* there is none */
		return WAY_NONE;
	d->owner = owner;
	d->reason = q.reason;
	d->service = s->id;
	d->recorded = is_recorded(p, s);
	if (p->first_fragment && owner)
		remember_fragment(p, owner);
	return to_server ? WAY_TO_CLIENT : WAY_TO_HOST;
}

static __always_inline void
decide_ports(struct xdp_md *ctx, const struct packet *p, struct decision *d)
{
	struct baton_settings *settings = current_settings();
	__u32 generation = settings ? settings->generation : 0;
	struct baton_service *s;
	struct flow_query q;

	s = find_service(p->family, p->dst, p->protocol, p->dport);
	if (s && is_back(s)) {
		d->way = decide_back(p, s, 1, d);
		if (d->way != WAY_NONE)
			return;
		s = NULL;
	}
	if (s) {
		d->way = WAY_TO_HOST;
		if (!(s->flags & BATON_SERVICE_IPSEC))
			remember_service(p, s, generation);
		flow_query(&q, p->family, s, p->src,
			   s->flags & BATON_SERVICE_IPSEC ? 0 : p->sport);
	} else {
		s = find_service(p->family, p->src, p->protocol, p->sport);
		if (!s)
			return;
		if (is_back(s)) {
			d->way = decide_back(p, s, 0, d);
			return;
		}
		d->way = WAY_TO_CLIENT;
		flow_query(&q, p->family, s, p->dst,
			   s->flags & BATON_SERVICE_IPSEC ? 0 : p->dport);
		q.from_host = 1;
		read_sender(ctx, &q.from);
	}
	d->service = s->id;
	d->recorded = is_recorded(p, s);
	flow_event(&q, p);
	if (s->flags & BATON_SERVICE_IPSEC) {
		decide_ipsec(ctx, p, &q, d);
	} else {
		d->owner = flow_owner(&q);
		d->reason = q.reason;
	}
	if (p->first_fragment) {
		/* A host's fence is the flow's owner, whatever came before. */
		__u16 owner = q.from_host ? 0 : fragment_owner(p);

		if (owner) {
			d->owner = owner;
			d->reason = BATON_FORWARD_FRAGMENT;
		} else if (d->owner) {
			remember_fragment(p, d->owner);
		}
	}
}

/*
 * This and decide_icmp() return the way, for the caller to use: when nobody
 * uses what a function returns, the compiler leaves there what it likes, and
 * the verifier may not like that.
 */
static __noinline int decide_fragment(const struct packet *p,
				      struct decision *d)
{
	struct baton_service *s;
	struct flow_query q;

	s = some_service(p->family, p->dst, p->protocol);
	if (s && is_back(s)) {
		d->service = s->id;
		d->owner = fragment_owner(p);
		if (d->owner)
			return WAY_TO_CLIENT;
		s = NULL;
	}
	if (!s) {
		s = some_service(p->family, p->src, p->protocol);
		if (!s)
			return WAY_NONE;
		d->service = s->id;
		d->owner = fragment_owner(p);
		if (is_back(s)) {
			if (!d->owner)
				return WAY_NONE;
			d->reason = BATON_FORWARD_FRAGMENT;
			return WAY_TO_HOST;
		}
		d->reason = BATON_DROP_FENCE_FRAGMENT;
		return d->owner ? WAY_TO_CLIENT : WAY_NONE;
	}
	d->service = s->id;
	d->owner = fragment_owner(p);
	d->reason = BATON_FORWARD_FRAGMENT;
	if (d->owner)
		return WAY_TO_HOST;
	flow_query(&q, p->family, s, p->src, 0);
	d->owner = ring_owner(&q, p->family == 4 ? 1 : 3);
	d->reason = BATON_FORWARD_FRAGMENT_EARLY;
	if (d->owner)
		remember_fragment(p, d->owner);
	return WAY_TO_HOST;
}

/* A packet that another quotes is read here: kernel 6.1 counts the stack of
 * all callers together, and there is none left for it. */
MAP(quote_space, BPF_MAP_TYPE_PERCPU_ARRAY, 1, 0, __u32, struct packet);

/* `zero` is 0; whose stack it lies on is for the caller to say. */
static __always_inline struct packet *quote_room(const __u32 *zero)
{
	struct packet *quoted = bpf_map_lookup_elem(&quote_space, zero);

	if (quoted)
		__builtin_memset(quoted, 0, sizeof(*quoted));
	return quoted;
}

static __always_inline int same_address(const __be32 *a, const __be32 *b)
{
	return a[0] == b[0] && a[1] == b[1] && a[2] == b[2] && a[3] == b[3];
}

/*
 * An ICMP error to a VIP quotes what the VIP sent, one from a VIP what it
 * received. It is of the connection, so it goes where that goes, but it does
 * not make or change one: anybody may send it.
 */
static __noinline int decide_icmp(struct xdp_md *ctx, const struct packet *p,
				  struct decision *d)
{
	int to_vip = is_vip(p->family, p->dst);
	struct packet *quoted;
	__u32 zero = 0;
	const __be32 *vip, *client;
	struct baton_service *s;
	__be16 vip_port, port;
	struct flow_query q;

	if (!to_vip && !is_vip(p->family, p->src))
		return WAY_NONE;
	d->reason = BATON_DROP_INTERNAL;
	quoted = quote_room(&zero);
	if (!quoted)
		return WAY_NONE;
	d->reason = BATON_DROP_MALFORMED_QUOTE;
	if (read_quote(ctx, p, quoted))
		return WAY_NONE;
	if (to_vip) {
		vip = quoted->src;
		client = quoted->dst;
		vip_port = quoted->sport;
		port = quoted->dport;
		if (!same_address(vip, p->dst))
			return WAY_NONE;
	} else {
		vip = quoted->dst;
		client = quoted->src;
		vip_port = quoted->dport;
		port = quoted->sport;
		if (!same_address(vip, p->src))
			return WAY_NONE;
	}
	if (quoted->kind == PACKET_LATER_FRAGMENT) {
		s = some_service(p->family, vip, quoted->protocol);
		if (!s)
			return WAY_NONE;
		d->owner = fragment_owner(quoted);
		if (!d->owner)
			return WAY_NONE;
	} else {
		s = find_service(p->family, vip, quoted->protocol, vip_port);
		if (!s) {
			d->reason = BATON_PASS_NOT_SERVICE;
			return WAY_NONE;
		}
		flow_query(&q, p->family, s, client,
			   s->flags & BATON_SERVICE_IPSEC ? 0 : port);
		q.only_look = 1;
		d->owner = flow_owner(&q);
	}
	d->service = s->id;
	d->reason = BATON_FORWARD_ICMP;
	return to_vip ? WAY_TO_HOST : WAY_TO_CLIENT;
}

/* An error about a connection with a server at a service's back: the service, and
 * the way if it is to whoever sent what is quoted, or from whom that was for. */
static __always_inline int quoted_back(const struct packet *p,
				       const struct packet *quoted,
				       struct baton_service **s)
{
	if (quoted->kind != PACKET_PORTS)
		return WAY_NONE;
	*s = find_service(p->family, quoted->dst, quoted->protocol,
			  quoted->dport);
	if (*s && is_back(*s))
		return same_address(p->dst, quoted->src) ? WAY_TO_HOST
							 : WAY_NONE;
	*s = find_service(p->family, quoted->src, quoted->protocol,
			  quoted->sport);
	if (*s && is_back(*s))
		return same_address(p->src, quoted->dst) ? WAY_TO_CLIENT
							 : WAY_NONE;
	return WAY_NONE;
}

/* An ICMP error that concerns no VIP: it is the back's if the connection is. */
static __noinline int
decide_icmp_back(struct xdp_md *ctx, const struct packet *p, struct decision *d)
{
	struct baton_settings *settings = current_settings();
	struct baton_service *s;
	struct packet *quoted;
	struct flow_query q;
	__u32 zero = 0;
	int way, to_host;

	if (!settings || !(settings->flags & BATON_SETTING_BACK))
		return WAY_NONE;
	quoted = quote_room(&zero);
	if (!quoted || read_quote(ctx, p, quoted))
		return WAY_NONE;
	way = quoted_back(p, quoted, &s);
	if (way == WAY_NONE)
		return WAY_NONE;
	to_host = way == WAY_TO_HOST;
	flow_query(&q, p->family, s, to_host ? quoted->src : quoted->dst,
		   to_host ? quoted->sport : quoted->dport);
	q.only_look = 1;
	d->owner = flow_owner(&q);
	if (q.reason == BATON_FORWARD_NEW)
		return WAY_NONE;
	d->service = s->id;
	d->reason = BATON_FORWARD_ICMP;
	return way;
}

static __always_inline enum baton_reason return_reason(const struct packet *p)
{
	switch (p->kind) {
	case PACKET_ICMP_ERROR:
		return BATON_RETURN_ICMP;
	case PACKET_LATER_FRAGMENT:
		return BATON_RETURN_FRAGMENT;
	default:
		return BATON_RETURN_FLOW;
	}
}

#endif
