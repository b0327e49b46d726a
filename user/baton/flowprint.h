/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Connections, one after the other: for people, or as a JSON array with one
 * of them to a line.
 */
#ifndef BATON_FLOWPRINT_H
#define BATON_FLOWPRINT_H

#include <stdint.h>
#include <stdio.h>

#include "lib/flowmap.h"
#include "names.h"
#include "options.h"
#include "table.h"

struct flowprint {
	const struct options *options;
	const struct names *names;
	const struct baton_meta *meta;
	FILE *f;
	int now; /* stamp, -1: unknown */
	uint64_t rows;
	struct table table;
};

void flowprint_start(struct flowprint *p, const struct options *o, FILE *f,
		     const struct names *n, const struct baton_meta *meta,
		     int now);

/* flow NULL: not recorded, but consistent hashing would choose `owner`. */
void flowprint_row(struct flowprint *p, const struct flowmap_key *key,
		   uint16_t owner, const struct baton_flow *flow);
void flowprint_end(struct flowprint *p);

#endif
