// SPDX-License-Identifier: GPL-2.0-only
#include "maglev.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "baton/hash.h"

/* A member's way through its permutation of the ring. */
struct walk {
	const struct maglev_member *member;
	uint32_t position, skip;
	uint64_t credit;
};

static bool is_prime(uint32_t n)
{
	if (n < 4)
		return n >= 2;
	if (n % 2 == 0)
		return false;
	for (uint32_t i = 3; (uint64_t)i * i <= n; i += 2)
		if (n % i == 0)
			return false;
	return true;
}

/*
 * Not keyed: a ring must come out the same wherever and whenever it is
 * computed, and names are the operator's, not an attacker's.
 */
static uint64_t name_hash(const char *name, uint64_t salt)
{
	uint64_t h = baton_mix(salt);

	while (*name)
		h = baton_mix(h ^ (uint8_t)*name++) + salt;
	return baton_mix(h);
}

static struct walk walk_start(const struct maglev_member *m, uint32_t size)
{
	return (struct walk){
		.member = m,
		.position = name_hash(m->name, 1) % size,
		.skip = name_hash(m->name, 2) % (size - 1) + 1,
	};
}

/* Turns are taken in the order of names, so the caller's does not matter. */
static int walk_order(const void *a, const void *b)
{
	const struct maglev_member *x = ((const struct walk *)a)->member;
	const struct maglev_member *y = ((const struct walk *)b)->member;
	int order = strcmp(x->name, y->name);

	return order ? order : (x->id > y->id) - (x->id < y->id);
}

/* The first free entry of the walk; there is one, and a prime size finds it. */
static void walk_take(struct walk *w, uint16_t *ring, uint32_t size)
{
	while (ring[w->position])
		w->position = ((uint64_t)w->position + w->skip) % size;
	ring[w->position] = w->member->id;
}

/*
 * In each round the heaviest members take an entry, and the others when their
 * weights have added up to that of the heaviest.
 */
static void walk_all(struct walk *walks, size_t n, uint32_t heaviest,
		     uint16_t *ring, uint32_t size)
{
	uint32_t taken = 0;

	for (size_t i = 0; taken < size; i = (i + 1) % n) {
		struct walk *w = &walks[i];

		w->credit += w->member->weight;
		if (w->credit < heaviest)
			continue;
		w->credit -= heaviest;
		walk_take(w, ring, size);
		taken++;
	}
}

int maglev_fill(uint16_t *ring, uint32_t size,
		const struct maglev_member *members, size_t n)
{
	struct walk *walks;
	uint32_t heaviest = 0;
	size_t used = 0;

	if (!is_prime(size))
		return -EINVAL;
	memset(ring, 0, size * sizeof(*ring));
	walks = calloc(n ? n : 1, sizeof(*walks));
	if (!walks)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (!members[i].weight)
			continue;
		if (members[i].weight > heaviest)
			heaviest = members[i].weight;
		walks[used++] = walk_start(&members[i], size);
	}
	if (used) {
		qsort(walks, used, sizeof(*walks), walk_order);
		walk_all(walks, used, heaviest, ring, size);
	}
	free(walks);
	return 0;
}
