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
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BATON_HOST_MAX_SERVERS);
	__type(key, struct baton_host_address);
	__type(value, __u32);
} servers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, BATON_HOST_MAX_SESSIONS);
	__type(key, struct baton_host_session);
	__type(value, struct baton_host_asker);
} sessions SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, BATON_PROBE_APPS);
	__type(key, __u32);
	__type(value, struct baton_host_app);
} applications SEC(".maps");

/* A map for each application, so that none can write another's. */
struct heartbeat_page {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct baton_heartbeat_page));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, BATON_PROBE_APPS);
	__type(key, __u32);
	__array(values, struct heartbeat_page);
} heartbeats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct baton_host_lease);
} lease SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BATON_HOST_MAX_OWNERS);
	__type(key, __u32);
	__type(value, struct baton_host_ownership);
} ownership SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, BATON_HOST_EVENTS_SIZE);
} ownership_events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, BATON_NR_HOST_REASONS);
	__type(key, __u32);
	__type(value, struct baton_counter);
} counters SEC(".maps");

#endif
