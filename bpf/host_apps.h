/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How the host's applications are. The age of the last sign of life is taken
 * here, when it is asked for: an agent, or a thread of the application, that
 * would report it could be the only one still running.
 */
#ifndef HOST_APPS_H
#define HOST_APPS_H

#include "app_state.h"
#include "host_maps.h"

static __always_inline __u64 last_sign(const struct baton_host_app *a,
				       __u32 index)
{
	const struct baton_heartbeat_page *page;
	__u32 zero = 0;
	void *map;

	if (!(a->flags & BATON_HOST_APP_HEARTBEAT))
		return *(volatile __u64 *)&a->alive;
	map = bpf_map_lookup_elem(&heartbeats, &index);
	if (!map)
		return 0;
	page = bpf_map_lookup_elem(map, &zero);
	return page ? *(volatile __u64 *)&page->beat : 0;
}

static __always_inline void report_app(struct baton_probe_app *to, __u32 index,
				       __u64 now)
{
	const struct baton_host_app *a =
		bpf_map_lookup_elem(&applications, &index);

	if (a && a->tag)
		app_report(to, a, last_sign(a, index), now);
	else
		*to = (struct baton_probe_app){};
}

static __always_inline void report_apps(struct baton_probe *probe, __u64 now)
{
#pragma unroll
	for (__u32 i = 0; i < BATON_PROBE_APPS; i++)
		report_app(&probe->app[i], i, now);
}

#endif
