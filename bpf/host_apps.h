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

/* NULL: it has none. */
static __always_inline const struct baton_heartbeat_page *page_of(__u32 index)
{
	void *map = bpf_map_lookup_elem(&heartbeats, &index);
	__u32 zero = 0;

	return map ? bpf_map_lookup_elem(map, &zero) : NULL;
}

static __always_inline __u64 last_sign(const struct baton_host_app *a,
				       __u32 index)
{
	const struct baton_heartbeat_page *page;

	if (!(a->flags & BATON_HOST_APP_HEARTBEAT))
		return *(volatile __u64 *)&a->alive;
	page = page_of(index);
	return page ? *(volatile __u64 *)&page->beat : 0;
}

/* What it says of itself, if it does. */
static __always_inline __u32 said(const struct baton_host_app *a, __u32 index)
{
	const struct baton_heartbeat_page *page =
		a->flags & BATON_HOST_APP_HEARTBEAT ? page_of(index) : NULL;

	return page ? *(volatile __u32 *)&page->state : BATON_APP_UP;
}

static __always_inline void report_app(struct baton_probe_app *to, __u32 index,
				       __u64 now)
{
	const struct baton_host_app *a =
		bpf_map_lookup_elem(&applications, &index);

	if (a && a->tag)
		app_report(to, a, last_sign(a, index), said(a, index), now);
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
