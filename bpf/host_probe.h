/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Answer a probe (row K6).
 *
 * The authenticator covers the payload, not the addresses. What that leaves to
 * somebody who can record probes and send frames of his own:
 * - sending one again: refused, as sequences only grow;
 * - sending one of an earlier session, which is not remembered any more: it is
 *   answered, to a switch, with as many bytes as came, and the switch ignores
 *   sessions that are not its own. It has a session to itself, so the present
 *   one is not disturbed;
 * - sending one that was meant for another host: the same, as host ids are
 *   part of the session.
 */
#ifndef HOST_PROBE_H
#define HOST_PROBE_H

#include <linux/udp.h>

#include "host_apps.h"
#include "host_maps.h"
#include "host_news.h"
#include "host_outer.h"
#include "probe_mac.h"

/* A probe is too large for the stack, and a packet's is not aligned. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct baton_probe);
} scratch SEC(".maps");

struct probe_datagram {
	struct udphdr udp;
	struct baton_probe probe;
} __attribute__((packed, aligned(2)));

/*
 * Is it newer than all before in its session? Then it is the newest now, and
 * `o` and `port` are where words go.
 */
static __always_inline int probe_is_new(const struct baton_probe *probe,
					const struct outer *o, __be16 port,
					__u64 now)
{
	struct baton_host_session key = {
		.session = probe->session,
		.host = bpf_ntohs(probe->host),
	};
	struct baton_host_asker fresh = {
		.sequence = bpf_be64_to_cpu(probe->sequence),
		.heard = now,
		.from = o->src,
		.to = o->dst,
		.port = port,
	};
	struct baton_host_asker *asker = bpf_map_lookup_elem(&sessions, &key);
	__u64 seen;

	if (!asker)
		return !bpf_map_update_elem(&sessions, &key, &fresh,
					    BPF_NOEXIST);
	seen = *(volatile __u64 *)&asker->sequence;
	/* Whoever is overtaken by another CPU was not the newest. */
	if (fresh.sequence <= seen ||
	    __sync_val_compare_and_swap(&asker->sequence, seen,
					fresh.sequence) != seen)
		return 0;
	asker->heard = now;
	asker->from = o->src;
	asker->to = o->dst;
	asker->port = port;
	return 1;
}

/* n: a constant, at most 16 */
static __always_inline void swap_bytes(void *a, void *b, int n)
{
	__u8 t[16];

	__builtin_memcpy(t, a, n);
	__builtin_memcpy(a, b, n);
	__builtin_memcpy(b, t, n);
}

/* Swapping addresses leaves the IPv4 header's checksum as it is. */
static __always_inline int turn_round(const struct xdp_md *ctx,
				      const struct outer *o)
{
	void *eth = frame(ctx), *l3 = eth + o->l3;

	if (eth + ETH_HLEN > frame_end(ctx))
		return 0;
	if (o->src.family == 4) {
		struct iphdr *ip = l3;

		if ((void *)(ip + 1) > frame_end(ctx))
			return 0;
		swap_bytes(&ip->saddr, &ip->daddr, 4);
	} else {
		struct ipv6hdr *ip = l3;

		if ((void *)(ip + 1) > frame_end(ctx))
			return 0;
		swap_bytes(&ip->saddr, &ip->daddr, 16);
	}
	swap_bytes(eth, eth + ETH_ALEN, ETH_ALEN);
	return 1;
}

static __always_inline int answer_probe(const struct xdp_md *ctx,
					const struct outer *o,
					const struct baton_host_settings *s)
{
	struct probe_datagram *d = frame(ctx) + o->l4;
	__u64 now = bpf_ktime_get_boot_ns();
	struct baton_probe *probe;
	__u32 zero = 0;
	__be16 port;

	if ((void *)(d + 1) > frame_end(ctx) || o->l4 + sizeof(*d) != o->end ||
	    d->udp.len != bpf_htons(sizeof(*d)))
		return BATON_HOST_DROP_PROBE_MALFORMED;
	probe = bpf_map_lookup_elem(&scratch, &zero);
	if (!probe)
		return BATON_HOST_DROP_INTERNAL;
	__builtin_memcpy(probe, &d->probe, sizeof(*probe));
	if (probe->magic != bpf_htonl(BATON_PROBE_MAGIC) ||
	    probe->type != BATON_PROBE_ASK)
		return BATON_HOST_DROP_PROBE_MALFORMED;
	if (probe->mac != probe_mac(s->key, probe))
		return BATON_HOST_DROP_PROBE_FORGED;
	if (!probe_is_new(probe, o, d->udp.source, now))
		return BATON_HOST_DROP_PROBE_REPLAY;

	renew_lease(probe, now);
	if (!take_news(probe, now))
		probe->owner = probe->epoch = probe->plays = 0;
	probe->type = BATON_PROBE_ANSWER;
	probe->word = s->word;
	probe->stamp = bpf_cpu_to_be64(now);
	report_apps(probe, now);
	probe->mac = probe_mac(s->key, probe);
	__builtin_memcpy(&d->probe, probe, sizeof(*probe));
	port = d->udp.source;
	d->udp.source = d->udp.dest;
	d->udp.dest = port;
	d->udp.check = 0;
	return turn_round(ctx, o) ? BATON_HOST_ANSWER_PROBE
				  : BATON_HOST_DROP_INTERNAL;
}

#endif
