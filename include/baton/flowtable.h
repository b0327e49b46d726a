/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How slots of the flow table are found, claimed and freed. The XDP programs
 * on all CPUs and the controller, through its mapping, do this to the same
 * memory at the same time, with no lock; so all of them include this file.
 *
 * A slot is an array of words: n key words (1 for IPv4, 3 for IPv6), then the
 * flow's word. The rules that make it safe:
 *
 *  - A slot is free when its first key word is 0. It is claimed by replacing
 *    that 0 with compare-and-swap.
 *  - The flow's word is 0 from before the key changes until after the new key
 *    is complete. So whoever reads the same non-zero flow before and after
 *    comparing the key has seen a flow of that key.
 *  - The flow's word changes only by compare-and-swap, so an update that was
 *    computed from an old value can neither revive a slot that was freed
 *    meanwhile nor undo another CPU's update.
 *  - A slot in use is taken over by first swapping its flow's word to 0;
 *    whoever wins that swap owns the slot until it stores a new flow.
 *
 * A controller that dies between two of these steps leaves a slot with a key
 * and no flow; packets of that key go by consistent hashing, and the next
 * sweep frees it.
 *
 * Readers rely on loads staying in order, as they do on x86.
 */
#ifndef BATON_FLOWTABLE_H
#define BATON_FLOWTABLE_H

#include "flow.h"

#define BATON_FLOW_WORDS(n) ((n) + 1) /* words of a slot */

#define baton_load(p) (*(const volatile __typeof__(*(p)) *)(p))
#define baton_store(p, v) (*(volatile __typeof__(*(p)) *)(p) = (v))

#ifdef __bpf__
#define baton_swap(p, old, new)                                                \
	(__sync_val_compare_and_swap((p), (old), (new)) == (old))
#else
static inline int baton_swap(__u64 *p, __u64 expected, __u64 new)
{
	return __atomic_compare_exchange_n(p, &expected, new, 0,
					   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}
#endif

union baton_flow_word {
	struct baton_flow flow;
	__u64 word;
};

union baton_flow4_words {
	struct baton_flow4_key key;
	__u64 word[1];
};

union baton_flow6_words {
	struct baton_flow6_key key;
	__u64 word[3];
};

/* Part of an IPv6 key that lets one compare reject almost every other key. */
static inline __attribute__((always_inline)) __u32
baton_flow_tag(const __be32 *client)
{
	return client[0] ^ client[1] * 3 ^ client[2] * 5 ^ client[3] * 7;
}

/*
 * What a search found.
 *   slot: the slot of the key, NULL if there is none
 *   seen: its flow; 0 if another CPU is just recording it
 */
struct baton_found {
	__u64 *slot;
	__u64 seen;
};

/* Look for the key in one bucket. */
static inline __attribute__((always_inline)) int
baton_bucket_find(__u64 *bucket, const __u64 *key, int n,
		  struct baton_found *found)
{
	int i;

#ifdef __bpf__
#pragma unroll
#endif
	for (i = 0; i < BATON_FLOW_SLOTS; i++) {
		__u64 *slot = bucket + i * BATON_FLOW_WORDS(n);
		__u64 before;

		if (baton_load(&slot[0]) != key[0])
			continue;
		before = baton_load(&slot[n]);
		if (n == 3 && (baton_load(&slot[1]) != key[1] ||
			       baton_load(&slot[2]) != key[2]))
			continue;
		if (baton_load(&slot[0]) != key[0] ||
		    baton_load(&slot[n]) != before)
			before = 0;
		found->slot = slot;
		found->seen = before;
		return 1;
	}
	return 0;
}

/* Finish a slot whose first key word stands: the flow, last, makes it whole. */
static inline __attribute__((always_inline)) void
baton_slot_fill(__u64 *slot, const __u64 *key, int n, __u64 flow)
{
	if (n == 3) {
		baton_store(&slot[1], key[1]);
		baton_store(&slot[2], key[2]);
	}
	baton_store(&slot[n], flow);
}

/*
 * Does another CPU hold or write this key in the slot? Of an IPv6 key that is
 * being written the first word must do: better to leave a flow to its next
 * packet than to record it twice.
 */
static inline __attribute__((always_inline)) int
baton_slot_has(__u64 *slot, const __u64 *key, int n)
{
	if (baton_load(&slot[0]) != key[0])
		return 0;
	return n == 1 || !baton_load(&slot[n]) ||
	       (baton_load(&slot[1]) == key[1] &&
		baton_load(&slot[2]) == key[2]);
}

/*
 * Record a flow in a free slot of the bucket: 1 if there was one, 2 if another
 * CPU has just recorded the same or is about to, 0 if there is no room.
 *
 * Two that see the first packets of a connection at once try the slots in the
 * same order, so the second comes by what the first did. Only if slots are
 * freed or displaced at that very moment can both record it; the twin that is
 * not found then ages and is freed.
 */
static inline __attribute__((always_inline)) int
baton_bucket_claim(__u64 *bucket, const __u64 *key, int n, __u64 flow)
{
	int i;

#ifdef __bpf__
#pragma unroll
#endif
	for (i = 0; i < BATON_FLOW_SLOTS; i++) {
		__u64 *slot = bucket + i * BATON_FLOW_WORDS(n);

		if (baton_load(&slot[0]) || !baton_swap(&slot[0], 0, key[0])) {
			if (baton_slot_has(slot, key, n))
				return 2;
			continue;
		}
		baton_slot_fill(slot, key, n, flow);
		return 1;
	}
	return 0;
}

/*
 * How ready a flow is to give up its slot: 0 never, else the higher the
 * sooner. Closed flows go first, then unconfirmed ones, the longest unseen
 * first. `now` is a stamp.
 */
static inline __attribute__((always_inline)) __u32 baton_flow_spare(__u64 word,
								    __u16 now)
{
	union baton_flow_word w = { .word = word };

	if (!word)
		return 0;
	if (w.flow.state == BATON_FLOW_CLOSED)
		return 0x20000;
	if (w.flow.flags & BATON_FLOW_CONFIRMED)
		return 0;
	return 0x10000 + (__u16)(now - w.flow.seen);
}

/*
 * Take a slot over from the flow in the bucket that is readiest to give it
 * up. True if there was one, and nobody else touched it meanwhile.
 */
static inline __attribute__((always_inline)) int
baton_bucket_displace(__u64 *bucket, const __u64 *key, int n, __u64 flow,
		      __u16 now)
{
	__u64 *victim = 0;
	__u64 victim_flow = 0;
	__u32 most = 0;
	int i;

#ifdef __bpf__
#pragma unroll
#endif
	for (i = 0; i < BATON_FLOW_SLOTS; i++) {
		__u64 *slot = bucket + i * BATON_FLOW_WORDS(n);
		__u64 word = baton_load(&slot[n]);
		__u32 spare = baton_flow_spare(word, now);

		if (spare > most) {
			most = spare;
			victim = slot;
			victim_flow = word;
		}
	}
	if (!victim || !baton_swap(&victim[n], victim_flow, 0))
		return 0;
	baton_store(&victim[0], key[0]);
	baton_slot_fill(victim, key, n, flow);
	return 1;
}

/* Replace the flow of a slot. False if it changed since it was read. */
static inline __attribute__((always_inline)) int
baton_slot_update(__u64 *slot, int n, __u64 seen, __u64 flow)
{
	return baton_swap(&slot[n], seen, flow);
}

/* Free a slot. False if its flow changed since it was read. */
static inline __attribute__((always_inline)) int
baton_slot_free(__u64 *slot, int n, __u64 seen)
{
	if (seen && !baton_swap(&slot[n], seen, 0))
		return 0;
	baton_store(&slot[0], 0);
	return 1;
}

#endif
