/* SPDX-License-Identifier: GPL-2.0-only */
/* Generators of a service's traffic, and getting its flows known. */
#ifndef BENCH_FILL_H
#define BENCH_FILL_H

#include "bench.h"
#include "generator.h"

/* A generator for a service by its name; spec's vip and port are filled in. */
int fill_generator(struct generator *g, const struct bench_switch *s,
		   const char *objects, const char *service,
		   struct generator_spec spec, int sinks);

/*
 * Make `flows` connections of a service known to the switch and established,
 * by its own program, and see that the table gives them to the owner. A few
 * may find no room; more than one in 10,000 is an error. To be called in the
 * switch's namespace.
 */
int fill_flows(const struct bench_switch *s, const char *objects,
	       const char *service, const char *owner, uint32_t flows);

/* What the switch counts from `before` on. */
int fill_counted(const struct bench_switch *s,
		 const uint64_t before[BATON_NR_REASONS],
		 uint64_t counts[BATON_NR_REASONS]);

#endif
