/* SPDX-License-Identifier: GPL-2.0-only */
/* How an application is, said once for the program that answers probes, the
 * one that silences it, and the agent, whose words say the same. */
#ifndef BPF_APP_STATE_H
#define BPF_APP_STATE_H

#include <linux/types.h>

#include <bpf/bpf_endian.h>

#include "baton/host.h"

#define APP_INLINE static inline __attribute__((always_inline))

#define APP_AGE_MAX 65535 /* ms */

/* ns since the last sign of life. Another CPU's stamp may be newer than what
 * this one read as `now`. */
APP_INLINE __u64 app_age(__u64 sign, __u64 now)
{
	return now > sign ? now - sign : 0;
}

APP_INLINE int app_failed(const struct baton_host_app *a, __u64 age)
{
	return a->flags & BATON_HOST_APP_DOWN || age > a->limit;
}

/* enum baton_app_state; `said`: what it says of itself, which counts as long as it
 * lives. */
APP_INLINE __u8 app_state(const struct baton_host_app *a, __u64 age, __u32 said)
{
	if (app_failed(a, age))
		return BATON_APP_FAILED;
	return said == BATON_APP_PARTIAL || said == BATON_APP_ALONE
		       ? said
		       : BATON_APP_UP;
}

/* For a probe, in network byte order; `said`: what it says of itself. */
APP_INLINE void app_report(struct baton_probe_app *to,
			   const struct baton_host_app *a, __u64 sign,
			   __u32 said, __u64 now)
{
	__u64 age = app_age(sign, now), ms = age / 1000000;

	*to = (struct baton_probe_app){
		.tag = bpf_htonl(a->tag),
		.age = bpf_htons(ms < APP_AGE_MAX ? ms : APP_AGE_MAX),
		.state = app_state(a, age, said),
	};
}

#endif
