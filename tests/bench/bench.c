// SPDX-License-Identifier: GPL-2.0-only
#include "bench.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "lib/flowmap.h"
#include "lib/pinned.h"

int bench_fail(int err, const char *format, ...)
{
	va_list args;

	fputs("xdpbench: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, ": %s\n", strerror(-err));
	return err;
}

void bench_result(const char *name, double value)
{
	printf("%s %.6g\n", name, value);
	fflush(stdout);
}

uint64_t bench_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

int bench_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		return bench_fail(-errno, "CPU %d", cpu);
	return 0;
}

int bench_enter(const char *netns)
{
	char path[256];
	int fd, err = 0;

	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return bench_fail(-errno, "%s", path);
	if (setns(fd, CLONE_NEWNET))
		err = bench_fail(-errno, "%s", path);
	close(fd);
	return err;
}

/* --- objects -------------------------------------------------------------- */

struct bpf_object *bench_open(const char *dir, const char *name,
			      const void *constants, size_t size)
{
	struct bpf_object *obj;
	struct bpf_map *map;
	char path[4096];
	int err;

	snprintf(path, sizeof(path), "%s/%s.bpf.o", dir, name);
	obj = bpf_object__open_file(path, NULL);
	if (!obj) {
		bench_fail(-errno, "%s", path);
		return NULL;
	}
	if (!constants)
		return obj;
	bpf_object__for_each_map(map, obj)
	{
		if (!strstr(bpf_map__name(map), ".rodata"))
			continue;
		err = bpf_map__set_initial_value(map, constants, size);
		if (!err)
			return obj;
		bench_fail(err, "%s: constants", path);
		break;
	}
	bpf_object__close(obj);
	return NULL;
}

struct bpf_object *bench_load(const char *dir, const char *name)
{
	struct bpf_object *obj = bench_open(dir, name, NULL, 0);
	int err;

	if (!obj)
		return NULL;
	err = bpf_object__load(obj);
	if (!err)
		return obj;
	bench_fail(err, "%s: load", name);
	bpf_object__close(obj);
	return NULL;
}

int bench_program(struct bpf_object *obj, const char *name)
{
	return bpf_program__fd(bpf_object__find_program_by_name(obj, name));
}

int bench_map(struct bpf_object *obj, const char *name)
{
	return bpf_object__find_map_fd_by_name(obj, name);
}

void *bench_mmap(int fd, size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at != MAP_FAILED)
		return at;
	bench_fail(-errno, "mmap of a map");
	return NULL;
}

int bench_attach(const char *ifname, int program)
{
	int ifindex = if_nametoindex(ifname);
	int err;

	if (!ifindex)
		return bench_fail(-ENODEV, "%s", ifname);
	err = bpf_xdp_attach(ifindex, program, XDP_FLAGS_DRV_MODE, NULL);
	return err ? bench_fail(err, "%s: attach", ifname) : 0;
}

int bench_attached(const char *ifname)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, opts);
	int ifindex = if_nametoindex(ifname);
	int fd;

	if (!ifindex)
		return bench_fail(-ENODEV, "%s", ifname);
	if (bpf_xdp_query(ifindex, 0, &opts))
		return bench_fail(-errno, "%s: XDP program", ifname);
	fd = bpf_prog_get_fd_by_id(opts.prog_id);
	return fd < 0 ? bench_fail(-errno, "%s: XDP program", ifname) : fd;
}

/* --- the switch ----------------------------------------------------------- */

int bench_switch_open(struct bench_switch *s, const char *dir)
{
	char error[PINNED_ERROR];
	__u32 entries;
	int fd;

	s->dir = dir;
	fd = pinned_map(dir, "owners", BPF_MAP_TYPE_ARRAY,
			sizeof(union baton_owner), true, &entries, error);
	if (fd < 0)
		return bench_fail(fd, "%s", error);
	s->owners = bench_mmap(fd, entries * sizeof(union baton_owner));
	close(fd);
	if (!s->owners)
		return -ENOMEM;
	s->counters = pinned_map(dir, "counters", BPF_MAP_TYPE_PERCPU_ARRAY,
				 sizeof(struct baton_counter), false, &entries,
				 error);
	if (s->counters < 0)
		return bench_fail(s->counters, "%s", error);
	return 0;
}

/*
 * Look `name` up among records that begin with a name. The index, after
 * copying the record, or a negative errno.
 */
static int by_name(const char *dir, const char *map, const char *name,
		   size_t size, void *record)
{
	char error[PINNED_ERROR];
	void *values;
	int n, i;

	n = pinned_array(dir, map, size, &values, error);
	if (n < 0)
		return bench_fail(n, "%s", error);
	for (i = 0; i < n; i++)
		if (!strncmp((char *)values + i * size, name, BATON_NAME_LEN))
			break;
	if (i < n && record)
		memcpy(record, (char *)values + i * size, size);
	free(values);
	return i < n ? i : bench_fail(-ENOENT, "%s in %s/%s", name, dir, map);
}

int bench_owner(const struct bench_switch *s, const char *name)
{
	return by_name(s->dir, "owner_info", name,
		       sizeof(struct baton_owner_info), NULL);
}

int bench_host(const struct bench_switch *s, const char *name)
{
	return by_name(s->dir, "host_info", name,
		       sizeof(struct baton_host_info), NULL);
}

int bench_service(const struct bench_switch *s, const char *name,
		  struct baton_service_info *info)
{
	return by_name(s->dir, "service_info", name, sizeof(*info), info);
}

int bench_counters(const struct bench_switch *s,
		   uint64_t packets[BATON_NR_REASONS])
{
	int cpus = libbpf_num_possible_cpus();
	struct baton_counter value[cpus];
	__u32 reason;
	int cpu;

	for (reason = 0; reason < BATON_NR_REASONS; reason++) {
		if (bpf_map_lookup_elem(s->counters, &reason, value))
			return bench_fail(-errno, "counter %u", reason);
		packets[reason] = 0;
		for (cpu = 0; cpu < cpus; cpu++)
			packets[reason] += value[cpu].packets;
	}
	return 0;
}

struct tally {
	uint16_t owner;
	int64_t flows;
};

static int tally(const struct flowmap_slot *slot, void *arg)
{
	struct tally *t = arg;

	t->flows += slot->flow.owner == t->owner;
	return 0;
}

int64_t bench_flows(const struct bench_switch *s, uint16_t owner)
{
	struct tally t = { .owner = owner };
	char error[PINNED_ERROR];
	struct flowmap m;
	int err, i;

	err = flowmap_open(&m, s->dir, false, error);
	if (err)
		return bench_fail(err, "%s", error);
	for (i = 0; i < FLOWMAP_FAMILIES; i++)
		flowmap_walk(&m.table[i], 0, m.table[i].buckets, tally, &t);
	flowmap_close(&m);
	return t.flows;
}

void bench_move(struct bench_switch *s, int owner, int host)
{
	union baton_owner *word = &s->owners[owner];
	union baton_owner next = { .word = word->word };

	next.host = host;
	next.epoch++;
	__atomic_store_n(&word->word, next.word, __ATOMIC_RELEASE);
}

int bench_move_to(struct bench_switch *s, const char *owner, const char *host)
{
	int o = bench_owner(s, owner), h = bench_host(s, host);

	if (o < 0 || h < 0)
		return -ENOENT;
	bench_move(s, o, h);
	return 0;
}
