// SPDX-License-Identifier: GPL-2.0-only
#include "lib/recorder.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "baton/abi.h"

static uint64_t next(const struct recorder *r, uint32_t cpu)
{
	return __atomic_load_n(&r->ring[cpu].next, __ATOMIC_ACQUIRE);
}

/* Is what was copied of record n whole, as nobody had begun to write over it?
 * All loads before come before this one. */
static bool was_whole(const struct recorder *r, uint32_t cpu, uint64_t n)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return next(r, cpu) <= n + r->slots;
}

static size_t read_ring(const struct recorder *r, uint32_t cpu,
			const uint16_t *wanted, struct recorded *to)
{
	uint64_t end = next(r, cpu), n = end > r->slots ? end - r->slots : 0;
	size_t found = 0, stale = 0;

	for (; n < end; n++) {
		uint32_t slot = cpu * r->slots + (uint32_t)(n & (r->slots - 1));
		const struct baton_record *record = &r->record[slot];

		if (__atomic_load_n(&record->sequence, __ATOMIC_ACQUIRE) !=
			    n + 1 ||
		    record->owner >= BATON_MAX_OWNERS || !wanted[record->owner])
			continue;
		to[found].record = *record;
		to[found].slot = slot;
		/* whose number has changed under the copy is of two pieces, and
		 * would be taken for the later one below */
		found += to[found].record.sequence == n + 1;
	}
	/* They are in order, so it is the first that may be spoilt. */
	while (stale < found &&
	       !was_whole(r, cpu, to[stale].record.sequence - 1))
		stale++;
	memmove(to, to + stale, (found - stale) * sizeof(*to));
	return found - stale;
}

bool recorder_has_any(const struct recorder *r)
{
	for (uint32_t i = 0; i < r->cpus; i++)
		if (__atomic_load_n(&r->ring[i].next, __ATOMIC_RELAXED))
			return true;
	return false;
}

size_t recorder_read(const struct recorder *r, const uint16_t *wanted,
		     struct recorded *to)
{
	size_t n = 0;

	for (uint32_t cpu = 0; cpu < r->cpus; cpu++)
		n += read_ring(r, cpu, wanted, to + n);
	return n;
}

int recorder_frame(const struct recorder *r, const struct recorded *d, void *to)
{
	size_t n = baton_record_kept(&d->record);

	memcpy(to, r->frame[d->slot].byte, n);
	return was_whole(r, d->slot / r->slots, d->record.sequence - 1)
		       ? 0
		       : -ESTALE;
}

/* --- what is pinned ----------------------------------------------------------- */

static int map_one(const void **to, const char *dir, const char *name,
		   size_t value, uint32_t entries, char error[PINNED_ERROR])
{
	__u32 there;
	/* The kernel lets no descriptor that is only for reading be mapped. */
	int fd = pinned_map(dir, name, BPF_MAP_TYPE_ARRAY, value, true, &there,
			    error);
	void *p;

	if (fd < 0)
		return fd;
	p = mmap(NULL, value * entries, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (there < entries || p == MAP_FAILED) {
		snprintf(error, PINNED_ERROR,
			 "%s/%s: %u slots cannot be mapped, as %s/meta says "
			 "(it has %u)",
			 dir, name, entries, dir, there);
		return -EPROTO;
	}
	*to = p;
	return 0;
}

int recorder_open(struct recorder *r, const char *dir, char error[PINNED_ERROR])
{
	struct baton_meta meta;
	int err = pinned_meta(dir, &meta, error), fd;
	__u32 cpus;

	memset(r, 0, sizeof(*r));
	if (err)
		return err;
	fd = pinned_map(dir, "record_rings", BPF_MAP_TYPE_ARRAY,
			sizeof(*r->ring), false, &cpus, error);
	if (fd < 0)
		return fd;
	close(fd);
	r->cpus = cpus;
	r->slots = meta.record_slots;
#define MAP(field, name, entries)                                              \
	map_one((const void **)&r->field, dir, name, sizeof(*r->field),        \
		entries, error)
	err = MAP(ring, "record_rings", cpus)
		      ?: MAP(record, "records", cpus * r->slots)
		      ?: MAP(frame, "record_frames", cpus * r->slots);
#undef MAP
	if (err)
		recorder_close(r);
	return err;
}

void recorder_close(struct recorder *r)
{
#define UNMAP(field, entries)                                                  \
	if (r->field)                                                          \
	munmap((void *)r->field, (size_t)(entries) * sizeof(*r->field))
	UNMAP(ring, r->cpus);
	UNMAP(record, r->cpus * r->slots);
	UNMAP(frame, r->cpus * r->slots);
#undef UNMAP
	memset(r, 0, sizeof(*r));
}
