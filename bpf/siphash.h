/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF",
 * 2012) of whole 8-byte words, for BPF programs and for user space.
 *
 * `n` must be a constant for the verifier to see the end of the loop. The
 * algorithm reads key and message as little-endian words.
 */
#ifndef BPF_SIPHASH_H
#define BPF_SIPHASH_H

#include <linux/types.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define sip_le64(x) (x)
#else
#define sip_le64(x) __builtin_bswap64(x)
#endif

struct sip_state {
	__u64 v0, v1, v2, v3;
};

static inline __attribute__((always_inline)) __u64 sip_rotl(__u64 x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static inline __attribute__((always_inline)) void sip_round(struct sip_state *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = sip_rotl(s->v1, 13) ^ s->v0;
	s->v3 = sip_rotl(s->v3, 16) ^ s->v2;
	s->v0 = sip_rotl(s->v0, 32);
	s->v2 += s->v1;
	s->v0 += s->v3;
	s->v1 = sip_rotl(s->v1, 17) ^ s->v2;
	s->v3 = sip_rotl(s->v3, 21) ^ s->v0;
	s->v2 = sip_rotl(s->v2, 32);
}

static inline __attribute__((always_inline)) void
sip_compress(struct sip_state *s, __u64 word)
{
	s->v3 ^= word;
	sip_round(s);
	sip_round(s);
	s->v0 ^= word;
}

/* What is hashed may be of another type. */
typedef __u64 __attribute__((may_alias)) sip_word;

/* key: its 16 bytes as two words as they lie in memory; so `word`. */
static inline __attribute__((always_inline)) __u64
siphash(const __u64 key[2], const sip_word *word, int n)
{
	__u64 k0 = sip_le64(key[0]), k1 = sip_le64(key[1]);
	struct sip_state s = {
		/* "somepseudorandomlygeneratedbytes" */
		.v0 = k0 ^ 0x736f6d6570736575ULL,
		.v1 = k1 ^ 0x646f72616e646f6dULL,
		.v2 = k0 ^ 0x6c7967656e657261ULL,
		.v3 = k1 ^ 0x7465646279746573ULL,
	};
	int i;

	for (i = 0; i < n; i++)
		sip_compress(&s, sip_le64(word[i]));
	/* the last block: no bytes are left over, and the length mod 256 */
	sip_compress(&s, (__u64)(n * 8) << 56);
	s.v2 ^= 0xff;
	for (i = 0; i < 4; i++)
		sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

#endif
