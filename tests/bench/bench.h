/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the measurements share: objects, the maps of a running batond, network
 * namespaces, and the form of their results, one line "name value" for each
 * round, which bench.py reads.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>

#include "baton/maps.h"
#include "baton/reasons.h"

struct bpf_object;

/* Says why on standard error and returns `err`. */
int bench_fail(int err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

void bench_result(const char *name, double value);

/* Keep this thread on one CPU. */
int bench_pin(int cpu);

/* Enter the network namespace that `ip netns` calls this. */
int bench_enter(const char *netns);

/*
 * Open DIR/NAME.bpf.o, not loaded yet, with its constants set to `constants`
 * unless that is NULL. NULL on error, which was said.
 */
struct bpf_object *bench_open(const char *dir, const char *name,
			      const void *constants, size_t size);

/* Open and load one without constants; NULL on error, which was said. */
struct bpf_object *bench_load(const char *dir, const char *name);

/* Descriptors of what is in a loaded object; the names are the bench's own. */
int bench_program(struct bpf_object *obj, const char *name);
int bench_map(struct bpf_object *obj, const char *name);

/* The whole of a mmapable array, mapped; NULL on error, which was said. */
void *bench_mmap(int fd, size_t size);

/* The switch, through what batond pinned. */
struct bench_switch {
	const char *dir;
	union baton_owner *owners; /* mapped; index: owner id */
	int counters;
};

int bench_switch_open(struct bench_switch *s, const char *dir);

/* Ids by name, or a negative errno. */
int bench_owner(const struct bench_switch *s, const char *name);
int bench_host(const struct bench_switch *s, const char *name);
int bench_service(const struct bench_switch *s, const char *name,
		  struct baton_service_info *info);

/* Packets counted so far under each reason, all CPUs together. */
int bench_counters(const struct bench_switch *s,
		   uint64_t packets[BATON_NR_REASONS]);

/* Flows of the owner in the table, by looking at every slot. */
int64_t bench_flows(const struct bench_switch *s, uint16_t owner);

/* Make the interface of this network namespace run the program, whatever it
 * ran before. In native mode. */
int bench_attach(const char *ifname, int program);

/* What an interface of this network namespace runs; a new descriptor. */
int bench_attached(const char *ifname);

/* CLOCK_MONOTONIC, in ns. */
uint64_t bench_now(void);

/* Make the owner's host another: the one store. Grows the epoch. */
void bench_move(struct bench_switch *s, int owner, int host);
int bench_move_to(struct bench_switch *s, const char *owner, const char *host);

#endif
