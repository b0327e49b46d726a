/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which owner a connection goes to that the flow table does not know: an entry
 * of its service's Maglev ring, found by a hash of the connection's key. The
 * seed is another than the buckets', so that the connections of one owner are
 * spread over all buckets.
 *
 * The key is the flow table's, with client port 0 when the service has
 * BATON_SERVICE_CLIENT_HASH: all connections of a client then go together.
 */
#ifndef BATON_RING_H
#define BATON_RING_H

#include "hash.h"
#include "maps.h"

/* An entry, below ring_size. `seed` is baton_meta.seed, all of it. */
static inline __attribute__((always_inline)) __u32
baton_ring_index(const __u64 *seed, const __u64 *key, int n, __u32 ring_size)
{
	return baton_reduce((__u32)baton_hash(seed + 2, key, n), ring_size);
}

/* The row of the `rings` map, and the place in it, that an entry has. */
static inline __attribute__((always_inline)) __u32
baton_ring_row(__u32 first_row, __u32 index)
{
	return first_row + index / BATON_RING_ROW;
}

static inline __attribute__((always_inline)) __u32
baton_ring_column(__u32 index)
{
	return index % BATON_RING_ROW;
}

#endif
