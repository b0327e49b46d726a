/* SPDX-License-Identifier: GPL-2.0-only */
/* A loaded generator (generator.bpf.c), aimed at a program and run. */
#ifndef BENCH_GENERATOR_H
#define BENCH_GENERATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "frame.h"
#include "lib/addr.h"

struct bpf_object;

struct generator_spec {
	uint32_t flows;
	bool sequential;
	bool stamp;
	bool wait; /* while the sinks have not caught up */
	uint16_t payload; /* of TCP, bytes; 0: only what tells frames apart */
	struct addr vip;
	uint16_t port; /* of the VIP, host byte order */
};

struct generator {
	struct bpf_object *obj;
	int program, under_test, state; /* descriptors, owned by obj */
	int size; /* of a frame */
};

/* All return 0 or a negative errno, with a message on standard error. */

/* `sinks`: the map of sink records to wait for, -1 if there is none. */
int generator_load(struct generator *g, const char *objects,
		   const struct generator_spec *spec, int sinks);
void generator_free(struct generator *g);

/* Jump to this program from now on. */
int generator_aim(const struct generator *g, int program);

/*
 * `repeat` frames as if received by the interface. *ns, if not NULL, is the
 * CPU time that it took, of all of them together.
 */
int generator_time(const struct generator *g, int ifindex, uint32_t repeat,
		   double *ns);

/*
 * The same with live frames: what is returned happens. Here the program must
 * be one that sends.
 */
int generator_live(const struct generator *g, int ifindex, uint32_t repeat);

/* Frames written since the last reset, on all CPUs; reset: count from 0. */
int generator_sent(const struct generator *g, uint64_t *sent);
int generator_reset(const struct generator *g);

#endif
