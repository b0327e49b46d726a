/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The maps of the switch. Keys and values are described in include/baton/;
 * the loader pins each under its name, and sizes those that say 1 here.
 */
#ifndef SWITCH_MAPS_H
#define SWITCH_MAPS_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "baton/abi.h"
#include "baton/flow.h"
#include "baton/maps.h"
#include "baton/reasons.h"
#include "baton/recorder.h"
#include "programs.h"

#define MAP(name, kind, entries, option, key_type, value_type)                 \
	struct {                                                               \
		__uint(type, kind);                                            \
		__uint(max_entries, entries);                                  \
		__uint(map_flags, option);                                     \
		__type(key, key_type);                                         \
		__type(value, value_type);                                     \
	} name SEC(".maps")

#define ARRAY(name, entries, value)                                            \
	MAP(name, BPF_MAP_TYPE_ARRAY, entries, BPF_F_MMAPABLE, __u32, value)
#define STATS(name, entries, value)                                            \
	MAP(name, BPF_MAP_TYPE_PERCPU_ARRAY, entries, 0, __u32, value)

ARRAY(meta, 1, struct baton_meta);
ARRAY(settings, 1, struct baton_settings);
MAP(ports, BPF_MAP_TYPE_DEVMAP_HASH, BATON_MAX_PORTS, 0, __u32, __u32);

/* A service has up to five keys, and for a moment those of two configurations
 * are there. */
#define SERVICE_KEYS (2 * 5 * BATON_MAX_SERVICES)

MAP(services4, BPF_MAP_TYPE_HASH, SERVICE_KEYS, BPF_F_NO_PREALLOC,
    struct baton_service4_key, struct baton_service);
MAP(services6, BPF_MAP_TYPE_HASH, SERVICE_KEYS, BPF_F_NO_PREALLOC,
    struct baton_service6_key, struct baton_service);
ARRAY(service_info, BATON_MAX_SERVICES, struct baton_service_info);
ARRAY(rings, 1, struct baton_ring_row);

ARRAY(flows4, 1, struct baton_flow4_bucket);
ARRAY(flows6, 1, struct baton_flow6_bucket);

ARRAY(owners, BATON_MAX_OWNERS, union baton_owner);
ARRAY(owner_info, BATON_MAX_OWNERS, struct baton_owner_info);
ARRAY(grants, BATON_MAX_OWNERS, struct baton_grant);
ARRAY(hosts, BATON_MAX_HOSTS, struct baton_host);
ARRAY(host_info, BATON_MAX_HOSTS, struct baton_host_info);

MAP(fragments, BPF_MAP_TYPE_LRU_HASH, 16384, 0, struct baton_fragment_key,
    struct baton_fragment);
MAP(spis, BPF_MAP_TYPE_HASH, 65536, BPF_F_NO_PREALLOC, struct baton_spi_key,
    struct baton_spi);
MAP(spis_learned, BPF_MAP_TYPE_LRU_HASH, 65536, 0, struct baton_spi_key,
    struct baton_spi);

STATS(counters, BATON_NR_REASONS, struct baton_counter);
STATS(service_stats, BATON_MAX_SERVICES, struct baton_traffic);
STATS(host_stats, BATON_MAX_HOSTS, struct baton_traffic);

ARRAY(record_rings, 1, struct baton_record_ring);
ARRAY(records, 1, struct baton_record);
ARRAY(record_frames, 1, struct baton_record_frame);

/*
 * Known when the programs are loaded, and constant to the compiler in the
 * kernel: the same values as in the `meta` map.
 */
const volatile struct baton_meta geometry;

static __always_inline __u16 stamp_now(void)
{
	return bpf_jiffies64() >> geometry.stamp_shift;
}

/* A constant index into an array always has an element; the verifier, not
 * the program, needs to be told. */
static __always_inline struct baton_settings *current_settings(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&settings, &zero);
}

#endif
