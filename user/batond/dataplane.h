/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The switch in the kernel, as batond holds it: programs loaded, maps pinned,
 * and those that are mapped at hand as plain memory. This is the only part of
 * batond that loads BPF objects.
 *
 * What is pinned outlives batond. The next batond adopts it: maps with all
 * they hold, attachments as they are; only the program in slot 0 is replaced,
 * by one store, with its own.
 */
#ifndef BATOND_DATAPLANE_H
#define BATOND_DATAPLANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "baton/abi.h"
#include "baton/maps.h"
#include "baton/reasons.h"
#include "baton/recorder.h"
#include "lib/flowmap.h"
#include "lib/xdp.h"

#define DATAPLANE_WHY 512

struct dataplane {
	char *dir; /* bpffs */
	bool adopted;
	struct baton_meta meta;

	/* mapped: index by id */
	struct baton_settings *settings;
	union baton_owner *owners;
	struct baton_owner_info *owner_info;
	struct baton_grant *grants;
	struct baton_host *hosts;
	struct baton_host_info *host_info;
	struct baton_service_info *service_info;
	struct baton_ring_row *rings;
	struct flowmap flows;
	struct baton_record_ring *record_rings; /* by CPU */
	struct baton_record *records; /* meta.record_slots for each CPU */
	struct baton_record_frame *record_frames; /* likewise */

	/* by descriptor */
	int services4, services6, ports, programs, spis;
	int program; /* what packets go through, to run by hand */
	int counters, service_stats, host_stats;
	uint32_t programs_id;

	int lock;
	int cpus; /* possible CPUs: values of a per-CPU element */
};

struct dataplane_geometry {
	uint32_t flows4, flows6; /* connections to have room for */
	uint32_t ring_size;
	uint32_t records; /* packets to have room for, of all CPUs */
};

/*
 * Load or adopt. 0, or a negative errno with `why` saying what is wrong and
 * what to do: -EPROTO for maps of another ABI, -EBUSY when another batond
 * holds the directory, -EPERM without privileges.
 */
int dataplane_open(struct dataplane *d, const char *dir,
		   const struct dataplane_geometry *g, char why[DATAPLANE_WHY]);
void dataplane_close(struct dataplane *d);

/* Attach to a port, or adopt the attachment that is there. `why` is always
 * filled: see xdp_attach. */
int dataplane_attach(struct dataplane *d, const char *interface,
		     enum xdp_mode mode, struct xdp_state *state,
		     char why[DATAPLANE_WHY]);
int dataplane_detach(struct dataplane *d, uint32_t ifindex,
		     char why[DATAPLANE_WHY]);

/* Ports that have our program now: fills up to `max`, returns the number. */
size_t dataplane_ports(const struct dataplane *d, uint32_t *ifindex,
		       size_t max);

/*
 * Take everything down, whatever ABI it is of: detach from all ports, unpin.
 * The way out when maps of another version are found.
 */
int dataplane_unload(const char *dir, char why[DATAPLANE_WHY]);

/* Move an owner, drain it, remove it: the store that redirects (row X2). */
static inline void dataplane_set_owner(struct dataplane *d, uint16_t id,
				       union baton_owner owner)
{
	__atomic_store_n(&d->owners[id].word, owner.word, __ATOMIC_SEQ_CST);
}

static inline union baton_owner dataplane_owner(const struct dataplane *d,
						uint16_t id)
{
	union baton_owner o;

	o.word = __atomic_load_n(&d->owners[id].word, __ATOMIC_SEQ_CST);
	return o;
}

/* Sums over CPUs. */
struct baton_counter dataplane_counter(const struct dataplane *d,
				       enum baton_reason reason);
struct baton_traffic dataplane_traffic(const struct dataplane *d, int map,
				       uint32_t id);

#endif
