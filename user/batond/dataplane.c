// SPDX-License-Identifier: GPL-2.0-only
#include "dataplane.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "clock.skel.h"
#include "kernel_clock.h"
#include "lib/bpffs.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/why.h"
#include "switch.skel.h"

#define LOCK_PATIENCE 3000000000ULL /* ns */

/* Room for the flows asked for, with hardly any bucket overflowing: four
 * slots for every 4/3 flows (tests/unit/batond/test_flowtable.c). */
#define BUCKETS(flows) ((uint32_t)((uint64_t)(flows)*3 / 4))

#define fail(why, err, ...) why_set(why, DATAPLANE_WHY, err, __VA_ARGS__)

/* --- maps ------------------------------------------------------------------ */

/* The maps of the switch program that are pinned, in the order of BATON_MAPS;
 * `programs` is made by hand. */
struct named_map {
	const char *name;
	struct bpf_map *map;
};

static size_t pinned_maps(struct switch_bpf *s, struct named_map *maps)
{
	size_t n = 0;
#define X(map_name, key, value)                                                \
	if (strcmp(#map_name, "programs"))                                     \
		maps[n++] = (struct named_map){ #map_name,                     \
						bpf_object__find_map_by_name(  \
							s->obj, #map_name) };
	BATON_MAPS(X)
#undef X
	return n;
}

enum { NR_MAPS = 32 };

static int reuse(struct named_map *m, const char *dir, char why[DATAPLANE_WHY])
{
	struct bpf_map_info info = { 0 };
	__u32 size = sizeof(info);
	int fd = bpffs_open(dir, m->name), err;

	if (fd < 0)
		return fail(why, fd,
			    "%s/%s: %s (the pinned maps are incomplete: take "
			    "them down with --unload and start again)",
			    dir, m->name, strerror(-fd));
	err = bpf_obj_get_info_by_fd(fd, &info, &size);
	if (err) {
		close(fd);
		return fail(why, err, "%s/%s: %s", dir, m->name,
			    strerror(-err));
	}
	if (info.type != bpf_map__type(m->map) ||
	    info.key_size != bpf_map__key_size(m->map) ||
	    info.value_size != bpf_map__value_size(m->map)) {
		close(fd);
		return fail(why, -EPROTO,
			    "%s/%s: another layout (value of %u bytes, "
			    "expected %u): take it down with --unload",
			    dir, m->name, info.value_size,
			    bpf_map__value_size(m->map));
	}
	err = bpf_map__reuse_fd(m->map, fd);
	close(fd);
	return err ? fail(why, err, "%s/%s: %s", dir, m->name, strerror(-err))
		   : 0;
}

static int pin_all(struct named_map *maps, size_t n, const char *dir,
		   char why[DATAPLANE_WHY])
{
	/* `meta`, the first, comes last: without it the others do not count. */
	for (size_t i = n; i-- > 0;) {
		int err;

		bpffs_unpin(dir, maps[i].name);
		err = bpffs_pin(bpf_map__fd(maps[i].map), dir, maps[i].name);
		if (err)
			return fail(why, err, "cannot pin %s/%s: %s", dir,
				    maps[i].name, strerror(-err));
	}
	return 0;
}

/* Values are laid out at multiples of 8 bytes. */
static void *map_array(int fd, size_t value, char why[DATAPLANE_WHY])
{
	struct bpf_map_info info = { 0 };
	__u32 size = sizeof(info);
	void *p;

	if (bpf_obj_get_info_by_fd(fd, &info, &size) ||
	    info.value_size != value || value % 8) {
		fail(why, -EPROTO, "map of values of %zu bytes expected",
		     value);
		return NULL;
	}
	p = mmap(NULL, (size_t)info.max_entries * value, PROT_READ | PROT_WRITE,
		 MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) {
		fail(why, -errno, "cannot map %s: %s", info.name,
		     strerror(errno));
		return NULL;
	}
	return p;
}

static int map_memory(struct dataplane *d, struct switch_bpf *s,
		      char why[DATAPLANE_WHY])
{
#define MAP(field, source)                                                     \
	d->field = map_array(bpf_map__fd(s->maps.source), sizeof(*d->field),   \
			     why);                                             \
	if (!d->field)                                                         \
	return -EPROTO
	MAP(settings, settings);
	MAP(owners, owners);
	MAP(owner_info, owner_info);
	MAP(grants, grants);
	MAP(hosts, hosts);
	MAP(host_info, host_info);
	MAP(service_info, service_info);
	MAP(rings, rings);
	MAP(record_rings, record_rings);
	MAP(records, records);
	MAP(record_frames, record_frames);
#undef MAP
	return 0;
}

static int keep_fds(struct dataplane *d, struct switch_bpf *s)
{
	/* Descriptors of our own: the skeleton closes those it has. */
#define KEEP(name)                                                             \
	d->name = dup(bpf_map__fd(s->maps.name));                              \
	if (d->name < 0)                                                       \
	return -errno
	KEEP(services4);
	KEEP(services6);
	KEEP(ports);
	KEEP(spis);
	KEEP(counters);
	KEEP(service_stats);
	KEEP(host_stats);
#undef KEEP
	d->program = dup(bpf_program__fd(s->progs.baton_whole));
	return d->program < 0 ? -errno : 0;
}

/* --- programs -------------------------------------------------------------- */

static int pin_program(int fd, const char *dir, const char *name)
{
	bpffs_unpin(dir, name);
	return bpffs_pin(fd, dir, name);
}

static int open_programs_map(struct dataplane *d, char why[DATAPLANE_WHY])
{
	struct bpf_map_info info = { 0 };
	__u32 size = sizeof(info);
	int err = 0;

	d->programs = bpffs_open(d->dir, "programs");
	if (d->programs == -ENOENT) {
		d->programs = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY,
					     "programs", 4, 4, BATON_STAGES,
					     NULL);
		if (d->programs >= 0)
			err = bpffs_pin(d->programs, d->dir, "programs");
	}
	if (d->programs < 0)
		err = d->programs;
	if (!err)
		err = bpf_obj_get_info_by_fd(d->programs, &info, &size);
	d->programs_id = info.id;
	return err ? fail(why, err, "%s/programs: %s", d->dir, strerror(-err))
		   : 0;
}

static int load_clock(struct dataplane *d, uint32_t *hz,
		      char why[DATAPLANE_WHY])
{
	struct clock_bpf *c = clock_bpf__open_and_load();
	int fd, err;

	if (!c)
		return fail(why, -errno, "cannot load a BPF program: %s%s",
			    strerror(errno),
			    errno == EPERM ? " (run as root)" : "");
	fd = bpf_program__fd(c->progs.baton_clock);
	err = kernel_clock_hz(fd, hz);
	if (!err)
		err = pin_program(fd, d->dir, "clock");
	clock_bpf__destroy(c);
	return err ? fail(why, err, "%s/clock: %s", d->dir, strerror(-err)) : 0;
}

/* Of each CPU that there may be: a power of two, and no more than asked for,
 * but that no CPU has fewer than one. */
static uint32_t record_slots(const struct dataplane *d,
			     const struct dataplane_geometry *g)
{
	uint32_t slots = 1;

	while (slots * 2 * d->cpus <= g->records)
		slots *= 2;
	return slots;
}

static void new_meta(struct baton_meta *m, const struct dataplane_geometry *g,
		     uint32_t slots, uint32_t hz)
{
	*m = (struct baton_meta){
		.magic = BATON_MAGIC,
		.abi = BATON_ABI,
		.flow4_buckets = BUCKETS(g->flows4),
		.flow6_buckets = BUCKETS(g->flows6),
		.ring_size = g->ring_size,
		.hz = hz,
		.record_slots = slots,
		.reign = clock_of_day(),
	};
	randombytes_buf(m->seed, sizeof(m->seed));
	/* The power of two that is nearest to a second, as a ratio. */
	while (3U << m->stamp_shift <= 2 * hz)
		m->stamp_shift++;
}

static void tell_changed_geometry(const struct dataplane *d,
				  const struct dataplane_geometry *g)
{
	const struct baton_meta *m = &d->meta;

	if (m->flow4_buckets == BUCKETS(g->flows4) &&
	    m->flow6_buckets == BUCKETS(g->flows6) &&
	    m->ring_size == g->ring_size &&
	    m->record_slots == record_slots(d, g))
		return;
	log_warning("flows, flows6, ring and recorder-packets keep the values "
		    "that the pinned maps were made with; new ones need "
		    "--unload, which forgets all connections");
}

/* Put a program into its slot. The two may be of different versions for a
 * moment; they agree on what they share, or the maps would not be adopted. */
static int install(struct dataplane *d, __u32 stage,
		   const struct bpf_program *program)
{
	int fd = bpf_program__fd(program);

	return bpf_map_update_elem(d->programs, &stage, &fd, BPF_ANY);
}

static int load_switch(struct dataplane *d, char why[DATAPLANE_WHY])
{
	struct switch_bpf *s = switch_bpf__open();
	uint32_t rows =
		(d->meta.ring_size + BATON_RING_ROW - 1) / BATON_RING_ROW;
	struct named_map maps[NR_MAPS];
	__u32 zero = 0;
	int err = 0;
	size_t n;

	if (!s)
		return fail(why, -errno, "cannot open the switch program: %s",
			    strerror(errno));
	n = pinned_maps(s, maps);
	memcpy((void *)&s->rodata->geometry, &d->meta, sizeof(d->meta));
	bpf_map__set_max_entries(s->maps.flows4, d->meta.flow4_buckets);
	bpf_map__set_max_entries(s->maps.flows6, d->meta.flow6_buckets);
	bpf_map__set_max_entries(s->maps.rings, rows * BATON_MAX_SERVICES);
	bpf_map__set_max_entries(s->maps.record_rings, d->cpus);
	bpf_map__set_max_entries(s->maps.records,
				 d->cpus * d->meta.record_slots);
	bpf_map__set_max_entries(s->maps.record_frames,
				 d->cpus * d->meta.record_slots);
	xdp_make_callable(s->progs.baton_switch);
	xdp_make_callable(s->progs.baton_whole);
	err = bpf_map__reuse_fd(s->maps.programs, d->programs);
	for (size_t i = 0; d->adopted && i < n && !err; i++)
		err = reuse(&maps[i], d->dir, why);
	if (err)
		goto out;
	err = switch_bpf__load(s);
	if (err) {
		fail(why, err, "cannot load the switch program: %s%s",
		     strerror(-err),
		     err == -ENOMEM ? " (a smaller flows: needs less)" : "");
		goto out;
	}
	err = map_memory(d, s, why) ?: keep_fds(d, s);
	if (err)
		goto out;
	if (!d->adopted) {
		err = bpf_map_update_elem(bpf_map__fd(s->maps.meta), &zero,
					  &d->meta, BPF_ANY);
		err = err ? fail(why, err, "cannot write meta: %s",
				 strerror(-err))
			  : pin_all(maps, n, d->dir, why);
		if (err)
			goto out;
	}
	/* The upgrade, if it is one: from here on packets see this program. */
	err = install(d, BATON_STAGE_WHOLE, s->progs.baton_whole) ?:
	      install(d, BATON_STAGE_SHORT, s->progs.baton_switch) ?:
	      pin_program(bpf_program__fd(s->progs.baton_switch), d->dir,
			  "switch");
	if (err)
		fail(why, err, "cannot install the switch program: %s",
		     strerror(-err));
out:
	switch_bpf__destroy(s);
	return err;
}

/*
 * A batond that was killed holds its lock until the kernel has taken all of it
 * down, which takes a while with so much memory mapped; whoever restarts it at
 * once should not have to know.
 */
static int patient_lock(const char *dir)
{
	uint64_t until = clock_ns() + LOCK_PATIENCE;
	int lock = bpffs_lock(dir);

	while (lock == -EBUSY && clock_ns() < until) {
		usleep(10000);
		lock = bpffs_lock(dir);
	}
	return lock;
}

int dataplane_open(struct dataplane *d, const char *dir,
		   const struct dataplane_geometry *g, char why[DATAPLANE_WHY])
{
	char error[PINNED_ERROR];
	const char *step;
	uint32_t hz = 0;
	int err;

	*d = (struct dataplane){ .lock = -1,
				 .programs = -1,
				 .cpus = libbpf_num_possible_cpus() };
	d->dir = strdup(dir);
	err = d->dir ? bpffs_prepare(dir, &step) : -ENOMEM;
	if (err)
		return fail(why, err, "bpffs %s: %s: %s%s", dir,
			    d->dir ? step : "", strerror(-err),
			    err == -EPERM || err == -EACCES ? " (run as root)"
							    : "");
	d->lock = patient_lock(dir);
	if (d->lock < 0)
		return fail(why, d->lock,
			    d->lock == -EBUSY ? "%s is held by another batond "
						"(%s)"
					      : "cannot lock %s: %s",
			    dir, strerror(-d->lock));
	err = pinned_meta(dir, &d->meta, error);
	if (err && err != -ENOENT)
		return fail(why, err, "%s%s", error,
			    err == -EPROTO ? "; or take them down with "
					     "--unload, which forgets all "
					     "connections"
					   : "");
	d->adopted = !err;
	err = load_clock(d, &hz, why);
	if (err)
		return err;
	if (d->adopted)
		tell_changed_geometry(d, g);
	else
		new_meta(&d->meta, g, record_slots(d, g), hz);
	err = open_programs_map(d, why) ?: load_switch(d, why);
	if (err)
		return err;
	err = flowmap_open(&d->flows, dir, true, error);
	return err ? fail(why, err, "%s", error) : 0;
}

void dataplane_close(struct dataplane *d)
{
	/* Mappings and descriptors go with the process; only the lock is
	 * given back, last. */
	if (d->lock >= 0)
		close(d->lock);
	free(d->dir);
	d->dir = NULL;
	d->lock = -1;
}
