/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an authentic probe tells the host: its lease (row X5), and which owners
 * it plays (row K4).
 */
#ifndef HOST_NEWS_H
#define HOST_NEWS_H

#include <bpf/bpf_endian.h>

#include "host_maps.h"

/* A prober that has said nothing for so long is gone, and its epochs with it:
 * those of another grow on from there, unless its clock has gone back. */
#define FORGOTTEN 5000000000ULL /* ns */

/*
 * The lease runs from a moment of our own clock that the switch has heard of
 * and sends back, so however long either way takes, it ends before the switch
 * gives up on us. A moment that has not come yet is that of another boot.
 */
static __always_inline void renew_lease(const struct baton_probe *probe,
					__u64 now)
{
	__u64 stamp = bpf_be64_to_cpu(probe->stamp);
	__u64 until = stamp + bpf_ntohl(probe->lease) * 1000ULL;
	struct baton_host_lease *l;
	__u32 zero = 0;

	l = bpf_map_lookup_elem(&lease, &zero);
	if (!l)
		return;
	if (!probe->lease) {
		l->until = 0;
	} else if (stamp && stamp <= now && until > l->until) {
		l->until = until;
		l->renewed = now;
	}
}

/* Is what the probe says newer than what is known? */
static __always_inline int is_news(const struct baton_host_ownership *known,
				   const struct baton_probe *probe, __u64 now)
{
	__s32 ahead = bpf_ntohl(probe->epoch) - known->epoch;

	if (known->session != probe->session && now - known->heard > FORGOTTEN)
		return 1;
	return ahead > 0 || (!ahead && known->plays != probe->plays &&
			     known->session == probe->session);
}

/* Is it at least not older? */
static __always_inline int is_current(const struct baton_host_ownership *known,
				      const struct baton_probe *probe)
{
	return bpf_ntohl(probe->epoch) == known->epoch &&
	       known->plays == probe->plays;
}

/* 1: it is known now, and may be echoed. */
static __always_inline int take_news(const struct baton_probe *probe, __u64 now)
{
	__u32 tag = bpf_ntohl(probe->owner);
	struct baton_host_ownership *known, fresh = {
		.epoch = bpf_ntohl(probe->epoch),
		.plays = probe->plays,
		.heard = now,
		.session = probe->session,
	};
	struct baton_ownership_event event = {
		.tag = tag,
		.epoch = fresh.epoch,
		.plays = fresh.plays,
		.heard = now,
	};

	if (!tag || probe->plays > 1)
		return 0;
	known = bpf_map_lookup_elem(&ownership, &tag);
	if (known && is_current(known, probe)) {
		known->heard = now;
		known->session = probe->session;
		return 1;
	}
	if (known && !is_news(known, probe, now))
		return 0;
	if (bpf_map_update_elem(&ownership, &tag, &fresh, BPF_ANY))
		return 0;
	/* Whoever misses it for want of room finds it in the map. */
	bpf_ringbuf_output(&ownership_events, &event, sizeof(event), 0);
	return 1;
}

#endif
