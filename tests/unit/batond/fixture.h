/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A whole batond for tests, but for the switch in the kernel: what it maps is
 * plain memory, what it holds by descriptor are maps of the same layout that
 * no program uses. Its netlink sockets are real, so the test enters a network
 * namespace of its own first. Whatever cannot be had ends the test.
 */
#ifndef TEST_FIXTURE_H
#define TEST_FIXTURE_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <ftw.h>
#include <net/if.h>
#include <sched.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "batond/apply.h"
#include "batond/batond.h"
#include "batond/failover.h"
#include "switch.skel.h"

#define FIXTURE_RING 251 /* entries of each ring */
#define FIXTURE_BUCKETS 64 /* of each family's flow table */
/* The maps were made when no clock has come to yet, so owners' epochs begin with
 * it, and not with the time at which the test is run. */
#define FIXTURE_REIGN 0xf0000000
/* The Nth of an owner that was there from the start */
#define FIXTURE_EPOCH(n) (FIXTURE_REIGN + (n)-1)

struct fixture {
	struct batond b;
	char dir[40]; /* state directory, removed with the fixture */
	bool told; /* something was noted; see fixture_tell() */
};

#define must(condition)                                                        \
	do {                                                                   \
		if (!(condition)) {                                            \
			fprintf(stderr, "%s:%d: %s (%s)\n", __FILE__,          \
				__LINE__, #condition, strerror(errno));        \
			abort();                                               \
		}                                                              \
	} while (0)

/* --- the network --------------------------------------------------------- */

/* From here on this process has a network of its own, with lo up. */
static inline void fixture_own_network(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int s;

	must(!unshare(CLONE_NEWNET));
	s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	must(s >= 0 && !ioctl(s, SIOCSIFFLAGS, &lo));
	close(s);
}

static inline void __attribute__((format(printf, 1, 2)))
fixture_command(const char *format, ...)
{
	char command[256];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	must(!system(command));
}

/* --- maps ---------------------------------------------------------------- */

/* A new map like one of the switch program's. */
static inline int fixture_map(const struct bpf_map *like)
{
	LIBBPF_OPTS(bpf_map_create_opts, options,
		    .map_flags = bpf_map__map_flags(like));
	int fd = bpf_map_create(bpf_map__type(like), bpf_map__name(like),
				bpf_map__key_size(like),
				bpf_map__value_size(like),
				bpf_map__max_entries(like), &options);

	must(fd >= 0);
	return fd;
}

static inline void fixture_maps(struct dataplane *d)
{
	struct switch_bpf *s = switch_bpf__open();

	must(s);
	d->services4 = fixture_map(s->maps.services4);
	d->services6 = fixture_map(s->maps.services6);
	d->counters = fixture_map(s->maps.counters);
	d->service_stats = fixture_map(s->maps.service_stats);
	d->host_stats = fixture_map(s->maps.host_stats);
	switch_bpf__destroy(s);
}

static inline void *fixture_array(size_t n, size_t size)
{
	void *p = calloc(n, size);

	must(p);
	return p;
}

static inline void fixture_dataplane(struct dataplane *d)
{
	size_t rows = (FIXTURE_RING + BATON_RING_ROW - 1) / BATON_RING_ROW;

	d->dir = strdup("/sys/fs/bpf/none");
	d->meta = (struct baton_meta){
		.magic = BATON_MAGIC,
		.abi = BATON_ABI,
		.flow4_buckets = FIXTURE_BUCKETS,
		.flow6_buckets = FIXTURE_BUCKETS,
		.seed = { 1, 2, 3, 4 },
		.ring_size = FIXTURE_RING,
		/* a stamp is a second, as long as no kernel ticks faster
		 * than this */
		.stamp_shift = 10,
		.hz = 1 << 10,
		.record_slots = 1,
		.reign = FIXTURE_REIGN,
	};
#define ARRAY(field, n) d->field = fixture_array(n, sizeof(*d->field))
	ARRAY(settings, 1);
	ARRAY(owners, BATON_MAX_OWNERS);
	ARRAY(owner_info, BATON_MAX_OWNERS);
	ARRAY(grants, BATON_MAX_OWNERS);
	ARRAY(hosts, BATON_MAX_HOSTS);
	ARRAY(host_info, BATON_MAX_HOSTS);
	ARRAY(service_info, BATON_MAX_SERVICES);
	ARRAY(rings, rows * BATON_MAX_SERVICES);
	ARRAY(record_rings, libbpf_num_possible_cpus());
	ARRAY(records, libbpf_num_possible_cpus());
	ARRAY(record_frames, libbpf_num_possible_cpus());
#undef ARRAY
	d->flows.meta = d->meta;
	d->flows.clock = -1;
	for (int i = 0; i < FLOWMAP_FAMILIES; i++)
		d->flows.table[i] = (struct flowmap_table){
			.words = fixture_array(
				FIXTURE_BUCKETS,
				i == FLOWMAP_4
					? sizeof(struct baton_flow4_bucket)
					: sizeof(struct baton_flow6_bucket)),
			.buckets = FIXTURE_BUCKETS,
			.n = i == FLOWMAP_4 ? 1 : 3,
		};
	d->ports = d->programs = d->spis = d->lock = -1;
	d->cpus = libbpf_num_possible_cpus();
	fixture_maps(d);
}

static inline void fixture_dataplane_free(struct dataplane *d)
{
	free(d->dir);
	free(d->settings);
	free(d->owners);
	free(d->owner_info);
	free(d->grants);
	free(d->hosts);
	free(d->host_info);
	free(d->service_info);
	free(d->rings);
	free(d->record_rings);
	free(d->records);
	free(d->record_frames);
	free(d->flows.table[FLOWMAP_4].words);
	free(d->flows.table[FLOWMAP_6].words);
	if (d->flows.clock >= 0)
		close(d->flows.clock);
	close(d->services4);
	close(d->services6);
	close(d->counters);
	close(d->service_stats);
	close(d->host_stats);
}

/* --- the whole ----------------------------------------------------------- */

/* The probers are not started: tests say themselves what became of hosts. */
static inline struct fixture *fixture_new(void)
{
	static const uint8_t key[16] = "a key for tests";
	struct fixture *f = aligned_alloc(alignof(struct fixture), sizeof(*f));
	struct batond *b = &f->b;

	must(f);
	memset(f, 0, sizeof(*f));
	log_init("test", LOG_L_ERROR);
	must(sodium_init() >= 0);
	strcpy(f->dir, "/tmp/baton-test-XXXXXX");
	must(mkdtemp(f->dir));
	b->path = "/nowhere/baton.yaml";
	b->started = clock_ns();
	ids_init(&b->hosts, BATON_MAX_HOSTS);
	ids_init(&b->owners, BATON_MAX_OWNERS);
	ids_init(&b->services, BATON_MAX_SERVICES);
	must(!uv_loop_init(&b->loop));
	b->notes_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	must(b->notes_fd >= 0);
	b->rtnl = rtnl_open();
	must(b->rtnl);
	fixture_dataplane(&b->dp);
	b->ownership.reign = b->dp.meta.reign;
	prober_init(&b->prober, BATON_PROBE_PORT, key, 0);
	must(!events_open(&b->events, f->dir));
	return f;
}

static inline int fixture_remove(const char *path, const struct stat *st,
				 int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void fixture_free(struct fixture *f)
{
	struct batond *b = &f->b;

	uv_run(&b->loop, UV_RUN_DEFAULT);
	must(!uv_loop_close(&b->loop));
	events_close(&b->events);
	config_free(&b->config);
	fixture_dataplane_free(&b->dp);
	close(b->notes_fd);
	pthread_mutex_destroy(&b->prober.lock);
	rtnl_close(b->rtnl);
	must(!nftw(f->dir, fixture_remove, 16, FTW_DEPTH | FTW_PHYS));
	free(f);
}

/* Read a text and make it the configuration that runs: as apply_config(). */
static inline int fixture_try(struct fixture *f, const char *text,
			      uint32_t *changes, char why[APPLY_WHY])
{
	struct config_errors errors = { 0 };
	struct config c;
	int err;

	if (config_parse(&c, "test.yaml", text, strlen(text), &errors)) {
		fprintf(stderr, "%s\n", errors.text);
		abort();
	}
	free(c.state);
	c.state = strdup(f->dir);
	err = apply_config(&f->b, &c, changes, why);
	config_free(&c);
	return err;
}

static inline uint32_t fixture_configure(struct fixture *f, const char *text)
{
	char why[APPLY_WHY] = "";
	uint32_t changes;

	if (fixture_try(f, text, &changes, why)) {
		fprintf(stderr, "%s\n", why);
		abort();
	}
	return changes;
}

/* What the prober would do, with its lock. */
static inline void fixture_host(struct fixture *f, const char *name,
				enum prober_change what, uint64_t now)
{
	struct batond *b = &f->b;
	uint16_t id = ids_find(&b->hosts, name);
	struct prober_target *t = &b->prober.target[id];

	must(id);
	prober_lock(&b->prober);
	if (what == PROBER_UP)
		t->detect.state = DETECT_UP;
	else if (what == PROBER_DOWN)
		t->detect.state = DETECT_DOWN;
	failover_change(b, id, what, now);
	prober_unlock(&b->prober);
}

static inline void fixture_word(struct fixture *f, const char *name,
				enum baton_host_word word, uint64_t now)
{
	struct batond *b = &f->b;

	b->prober.target[ids_find(&b->hosts, name)].word = word;
	fixture_host(f, name, PROBER_WORD, now);
}

/* Let the loop do what is to be done now. */
static inline void fixture_tell(struct fixture *f)
{
	eventfd_t noted;

	uv_run(&f->b.loop, UV_RUN_NOWAIT);
	f->told = !eventfd_read(f->b.notes_fd, &noted);
	if (f->told)
		failover_tell(&f->b);
}

static inline union baton_owner fixture_owner(struct fixture *f,
					      const char *name)
{
	return dataplane_owner(&f->b.dp, ids_find(&f->b.owners, name));
}

/* Name of the host that an owner's word names. */
static inline const char *fixture_plays(struct fixture *f, const char *owner)
{
	return host_name(&f->b, fixture_owner(f, owner).host);
}

#endif
