// SPDX-License-Identifier: GPL-2.0-only
/* The part of dataplane.h that concerns ports, taking down, and counters. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

#include "dataplane.h"
#include "entry.skel.h"
#include "lib/bpffs.h"
#include "lib/why.h"

#define ENTRY "baton_entry"

#define fail(why, err, ...) why_set(why, DATAPLANE_WHY, err, __VA_ARGS__)

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
			    lock == -EBUSY ? "%s is held by a running batond: "
					     "stop it first (%s)"
					   : "cannot lock %s: %s",
			    dir, strerror(-lock));
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
