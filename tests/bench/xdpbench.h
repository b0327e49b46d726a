/* SPDX-License-Identifier: GPL-2.0-only */
/* One function for each thing that xdpbench does; see xdpbench.c. */
#ifndef XDPBENCH_H
#define XDPBENCH_H

#include <stdint.h>

struct bench_options {
	const char *objects; /* directory of the bench's BPF objects */
	const char *bpffs;
	const char *port; /* switch port that clients come by */
	const char *client_ns, *client_if; /* namespace and interface of... */
	const char *host_ns[2], *host_if[2];
	const char *only; /* cases whose names contain this, and bare ones */
	uint32_t rounds, repeat;
	int cpu;
};

int bench_time(const struct bench_options *o);

#endif
