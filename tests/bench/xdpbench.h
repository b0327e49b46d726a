/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The laboratory that bench.py builds, and one function for each thing that
 * is measured in it.
 *
 *   client c0 --- p0 switch p1 --- h0 host a     through batond's program
 *                           p2 --- h0 host b
 *   client c1 --- q0 switch q1 --- h1 host a     through a bare redirect
 *
 * batond's configuration has the services "bench4" and "bench6" of the owner
 * "bench", services and owners of the names in move.c, and the hosts below.
 */
#ifndef XDPBENCH_H
#define XDPBENCH_H

#include <stdint.h>

#define PORT "p0" /* where clients come in */
#define OWNER "bench"
#define HOST_A "a" /* by L2 */
#define HOST_B "b" /* by L2 */
#define HOST_IPIP "ipip" /* by IP in IP, out of p1; nobody is there */

#define MANY 1000000 /* flows */

struct bench_options {
	const char *objects; /* directory of the bench's BPF objects */
	const char *bpffs; /* where batond pinned the maps */
	const char *client, *sw, *host_a, *host_b; /* names of namespaces */
	const char *only; /* cases whose names contain this, and bare ones */
	uint32_t rounds, repeat;
	int cpu;
};

int bench_time(const struct bench_options *o);
int bench_live(const struct bench_options *o);
int bench_store(const struct bench_options *o);
int bench_flip(const struct bench_options *o);
int bench_cut(const struct bench_options *o);

#endif
