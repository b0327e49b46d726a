/* SPDX-License-Identifier: GPL-2.0-only */
/* The maps of the host's program; what is in them: baton/host.h. */
#ifndef HOST_MAPS_H
#define HOST_MAPS_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "baton/host.h"
#include "baton/host_reasons.h"
#include "baton/maps.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct baton_host_settings);
} settings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BATON_HOST_MAX_SWITCHES);
	__type(key, struct baton_host_address);
	__type(value, __u32);
} switches SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BATON_HOST_MAX_VIPS);
	__type(key, struct baton_host_address);
	__type(value, __u32);
} vips SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, BATON_HOST_MAX_SESSIONS);
	__type(key, struct baton_host_session);
	__type(value, __u64);
} sessions SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, BATON_NR_HOST_REASONS);
	__type(key, __u32);
	__type(value, struct baton_counter);
} counters SEC(".maps");

#endif
