/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Maglev consistent hashing with weights (Eisenbud et al., NSDI 2016, section
 * 3.4; row X4): which owner a new connection goes to.
 */
#ifndef BATOND_MAGLEV_H
#define BATOND_MAGLEV_H

#include <stddef.h>
#include <stdint.h>

struct maglev_member {
	uint16_t id; /* written into the ring, never 0 */
	uint32_t weight; /* relative; 0: gets nothing */
	const char *name; /* what its permutation is derived from */
};

/*
 * Fill ring[size], size a prime. The same members give the same ring,
 * whatever their order. With no member of weight the ring is all zero.
 * Returns 0, -EINVAL (size not a prime), -ENOMEM.
 */
int maglev_fill(uint16_t *ring, uint32_t size,
		const struct maglev_member *members, size_t n);

#endif
