// SPDX-License-Identifier: GPL-2.0-only
#include "dataplane.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "clock.skel.h"
#include "entry.skel.h"
#include "lib/bpffs.h"
#include "lib/log.h"
#include "lib/why.h"
#include "switch.skel.h"

#define ENTRY "baton_entry"
#define LOCK_PATIENCE 3000000000ULL /* ns */

/* Room for the flows asked for, with hardly any bucket overflowing: four
 * slots for every 4/3 flows (tests/unit/batond/test_flowtable.c). */
#define BUCKETS(flows) ((uint32_t)((uint64_t)(flows)*3 / 4))

#define fail(why, err, ...) why_set(why, DATAPLANE_WHY, err, __VA_ARGS__)

/* --- time ------------------------------------------------------------------ */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static int jiffies(int program, uint32_t *value)
{
	char packet[64] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = packet,
		    .data_size_in = sizeof(packet));
	int err = bpf_prog_test_run_opts(program, &run);

	*value = run.retval;
	return err;
}

/*
 * Jiffies per second. The kernel does not tell (CONFIG_HZ is in a file that
 * may not be there), so ticks are counted against the clock, and the result
 * is the nearest of the values that a kernel can be built with.
 */
static int measure_hz(int program, uint32_t *hz)
{
	static const uint32_t known[] = { 100, 250, 300, 1000 };
	uint32_t first, last, best = 0;
	uint64_t start, passed;
	double rate, off = 1e9;
	int err;

	err = jiffies(program, &first);
	if (err)
		return err;
	start = now_ns();
	do {
		usleep(5000);
		err = jiffies(program, &last);
		if (err)
			return err;
		passed = now_ns() - start;
	} while (passed < 100000000);
	rate = (last - first) * 1e9 / passed;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		double d = rate > known[i] ? rate / known[i] : known[i] / rate;

		if (d < off) {
			off = d;
			best = known[i];
		}
	}
	*hz = best;
	return 0;
}

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
	MAP(hosts, hosts);
	MAP(host_info, host_info);
	MAP(service_info, service_info);
	MAP(rings, rings);
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
	return 0;
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
	err = measure_hz(fd, hz);
	if (!err)
		err = pin_program(fd, d->dir, "clock");
	clock_bpf__destroy(c);
	return err ? fail(why, err, "%s/clock: %s", d->dir, strerror(-err)) : 0;
}

static void new_meta(struct baton_meta *m, const struct dataplane_geometry *g,
		     uint32_t hz)
{
	*m = (struct baton_meta){
		.magic = BATON_MAGIC,
		.abi = BATON_ABI,
		.flow4_buckets = BUCKETS(g->flows4),
		.flow6_buckets = BUCKETS(g->flows6),
		.ring_size = g->ring_size,
		.hz = hz,
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
	    m->ring_size == g->ring_size)
		return;
	log_warning("flows, flows6 and ring keep the values that the pinned "
		    "maps were made with; new ones need --unload, which "
		    "forgets all connections");
}

static int load_switch(struct dataplane *d, char why[DATAPLANE_WHY])
{
	struct switch_bpf *s = switch_bpf__open();
	uint32_t rows =
		(d->meta.ring_size + BATON_RING_ROW - 1) / BATON_RING_ROW;
	struct named_map maps[NR_MAPS];
	__u32 zero = 0;
	int err = 0, fd;
	size_t n;

	if (!s)
		return fail(why, -errno, "cannot open the switch program: %s",
			    strerror(errno));
	n = pinned_maps(s, maps);
	memcpy((void *)&s->rodata->geometry, &d->meta, sizeof(d->meta));
	bpf_map__set_max_entries(s->maps.flows4, d->meta.flow4_buckets);
	bpf_map__set_max_entries(s->maps.flows6, d->meta.flow6_buckets);
	bpf_map__set_max_entries(s->maps.rings, rows * BATON_MAX_SERVICES);
	if (!xdp_can_share())
		bpf_program__set_flags(s->progs.baton_switch,
				       BPF_F_XDP_HAS_FRAGS);
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
	fd = bpf_program__fd(s->progs.baton_switch);
	err = bpf_map_update_elem(d->programs, &zero, &fd, BPF_ANY)
		      ?: pin_program(fd, d->dir, "switch");
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
	uint64_t until = now_ns() + LOCK_PATIENCE;
	int lock = bpffs_lock(dir);

	while (lock == -EBUSY && now_ns() < until) {
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
		new_meta(&d->meta, g, hz);
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

/* --- ports ----------------------------------------------------------------- */

static int add_port(struct dataplane *d, const char *interface)
{
	__u32 ifindex = if_nametoindex(interface);

	if (bpf_map_update_elem(d->ports, &ifindex, &ifindex, BPF_ANY))
		return -errno;
	return 0;
}

int dataplane_attach(struct dataplane *d, const char *interface,
		     enum xdp_mode mode, struct xdp_state *state,
		     char why[DATAPLANE_WHY])
{
	struct entry_bpf *e;
	int err;

	why[0] = '\0';
	err = xdp_query(if_nametoindex(interface), ENTRY, d->programs_id,
			state);
	if (!err && state->id && xdp_uses_map(state->id, d->programs_id) &&
	    (mode == XDP_AUTO || mode == state->mode))
		return add_port(d, interface);

	e = entry_bpf__open();
	if (!e)
		return fail(why, -errno, "cannot open the entry program: %s",
			    strerror(errno));
	err = bpf_map__reuse_fd(e->maps.programs, d->programs);
	if (!err)
		err = xdp_attach(e->obj, ENTRY, interface, mode, state, why);
	entry_bpf__destroy(e);
	if (!err && (err = add_port(d, interface)))
		fail(why, err, "%s: cannot be a port: %s", interface,
		     strerror(-err));
	return err;
}

int dataplane_detach(struct dataplane *d, uint32_t ifindex,
		     char why[DATAPLANE_WHY])
{
	char name[IF_NAMESIZE];

	bpf_map_delete_elem(d->ports, &ifindex);
	if (!if_indextoname(ifindex, name))
		return 0; /* gone, and the program with it */
	return xdp_detach(ENTRY, name, why);
}

static size_t list_ports(int map, uint32_t *ifindex, size_t max)
{
	__u32 key, *previous = NULL;
	size_t n = 0;

	while (n < max && !bpf_map_get_next_key(map, previous, &key)) {
		ifindex[n] = key;
		previous = &ifindex[n++];
	}
	return n;
}

size_t dataplane_ports(const struct dataplane *d, uint32_t *ifindex, size_t max)
{
	return list_ports(d->ports, ifindex, max);
}

/* The id of a pinned map, 0: it is not there. */
static uint32_t map_id(const char *dir, const char *name)
{
	struct bpf_map_info info = { 0 };
	__u32 size = sizeof(info);
	int fd = bpffs_open(dir, name);

	if (fd < 0)
		return 0;
	bpf_obj_get_info_by_fd(fd, &info, &size);
	close(fd);
	return info.id;
}

/*
 * Does an entry program that jumps by another map sit on the interface? Then
 * it is another switch's: an index that is a port's here may be anything in
 * another network namespace.
 */
static bool is_anothers(uint32_t ifindex, uint32_t programs)
{
	struct xdp_state state;

	return programs && !xdp_query(ifindex, ENTRY, programs, &state) &&
	       state.id && !xdp_uses_map(state.id, programs);
}

int dataplane_unload(const char *dir, char why[DATAPLANE_WHY])
{
	static const char *const names[] = {
#define X(name, key, value) #name,
		BATON_MAPS(X)
#undef X
			"switch",
		"clock",
	};
	uint32_t ports[BATON_MAX_PORTS], programs;
	char name[IF_NAMESIZE];
	int map, lock, err = 0, first = 0;
	size_t n = 0;

	if (!bpffs_is(dir))
		return fail(why, -ENOENT, "%s: nothing is pinned there", dir);
	lock = bpffs_lock(dir);
	if (lock < 0)
		return fail(why, lock,
			    "%s is held by a running batond: stop it first",
			    dir);
	map = bpffs_open(dir, "ports");
	if (map >= 0) {
		n = list_ports(map, ports, BATON_MAX_PORTS);
		close(map);
	}
	programs = map_id(dir, "programs");
	for (size_t i = 0; i < n; i++) {
		if (!if_indextoname(ports[i], name) ||
		    is_anothers(ports[i], programs))
			continue;
		err = xdp_detach(ENTRY, name, why);
		first = first ?: err;
	}
	for (size_t i = 0; !first && i < sizeof(names) / sizeof(names[0]); i++)
		bpffs_unpin(dir, names[i]);
	close(lock);
	return first;
}

/* --- counters -------------------------------------------------------------- */

struct baton_counter dataplane_counter(const struct dataplane *d,
				       enum baton_reason reason)
{
	struct baton_counter each[d->cpus], sum = { 0 };
	__u32 key = reason;

	if (!bpf_map_lookup_elem(d->counters, &key, each))
		for (int i = 0; i < d->cpus; i++) {
			sum.packets += each[i].packets;
			sum.bytes += each[i].bytes;
		}
	return sum;
}

struct baton_traffic dataplane_traffic(const struct dataplane *d, int map,
				       uint32_t id)
{
	struct baton_traffic each[d->cpus], sum = { 0 };

	if (!bpf_map_lookup_elem(map, &id, each))
		for (int i = 0; i < d->cpus; i++) {
			sum.in.packets += each[i].in.packets;
			sum.in.bytes += each[i].in.bytes;
			sum.out.packets += each[i].out.packets;
			sum.out.bytes += each[i].out.bytes;
		}
	return sum;
}
