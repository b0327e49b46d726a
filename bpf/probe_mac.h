/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The authenticator of a probe, said once for who asks, who answers and who
 * tests: the hash as a number in network byte order, over everything in front
 * of it.
 */
#ifndef BPF_PROBE_MAC_H
#define BPF_PROBE_MAC_H

#include "baton/probe.h"
#include "siphash.h"

#define PROBE_MAC_WORDS (BATON_PROBE_COVERED / sizeof(__u64))

/* `probe` is aligned as its type is, so not in a packet. */
static inline __attribute__((always_inline)) __be64
probe_mac(const __u64 key[2], const struct baton_probe *probe)
{
	const sip_word *word = (const sip_word *)probe;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return __builtin_bswap64(siphash(key, word, PROBE_MAC_WORDS));
#else
	return siphash(key, word, PROBE_MAC_WORDS);
#endif
}

#endif
