/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The hashes that place a connection: in a bucket of the flow table, and on a
 * Maglev ring. Programs in the kernel and the controller must agree on them.
 *
 * They are multiply-and-fold mixes of whole words, keyed with the secret,
 * random baton_meta.seed so that who sends packets cannot choose buckets. A
 * mix costs a tenth of jhash in XDP, which is why it is not jhash.
 */
#ifndef BATON_HASH_H
#define BATON_HASH_H

#include <linux/types.h>

static inline __attribute__((always_inline)) __u64 baton_mix(__u64 x)
{
	x ^= x >> 32;
	x *= 0x9fb21c651e98df25ULL; /* odd, bits balanced */
	x ^= x >> 29;
	x *= 0xd6e8feb86659fd93ULL;
	x ^= x >> 32;
	return x;
}

/*
 * Hash of a key of n words, n being 1 (IPv4) or 3 (IPv6). The low and the high
 * half are used independently of each other.
 *
 * Each word is mixed before the next comes in: two that were only combined
 * could cancel out, whatever the seed. (Words 0 and 1 of an IPv6 flow's key do,
 * as the tag in the one is made of the address in the other.)
 */
static inline __attribute__((always_inline)) __u64
baton_hash(const __u64 *seed, const __u64 *word, int n)
{
	__u64 h = baton_mix(word[0] ^ seed[0]);

	if (n == 3) {
		h = baton_mix((h ^ word[1]) + seed[1]);
		h = baton_mix(h ^ word[2]);
	}
	return h;
}

/* Map 32 bits of hash onto [0, n) without division or bias worth naming. */
static inline __attribute__((always_inline)) __u32 baton_reduce(__u32 hash,
								__u32 n)
{
	return ((__u64)hash * n) >> 32;
}

/* The two buckets of the flow table in which a key may be. */
static inline __attribute__((always_inline)) __u32 baton_bucket1(__u64 hash,
								 __u32 buckets)
{
	return baton_reduce((__u32)hash, buckets);
}

static inline __attribute__((always_inline)) __u32 baton_bucket2(__u64 hash,
								 __u32 buckets)
{
	return baton_reduce(hash >> 32, buckets);
}

#endif
