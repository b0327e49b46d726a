// SPDX-License-Identifier: GPL-2.0-only
#include "hashed.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "baton/ring.h"

/* Look a key up in a pinned map, whatever it takes. */
static int lookup(const char *bpffs, const char *map, enum bpf_map_type type,
		  const void *key, void *value, size_t value_size,
		  char error[PINNED_ERROR])
{
	__u32 entries;
	int fd = pinned_map(bpffs, map, type, value_size, false, &entries,
			    error);
	int err = 0;

	if (fd < 0)
		return fd;
	if (bpf_map_lookup_elem(fd, key, value)) {
		err = -errno;
		snprintf(error, PINNED_ERROR, "%s/%s: %s", bpffs, map,
			 err == -ENOENT ? "the service is not in it"
					: strerror(-err));
	}
	close(fd);
	return err;
}

static int find_service(const char *bpffs, const struct baton_service_info *i,
			struct baton_service *service, char error[PINNED_ERROR])
{
	struct baton_service4_key key4 = {
		.vip = i->vip[0],
		.port = i->port,
		.protocol = i->protocol,
	};
	struct baton_service6_key key6 = {
		.port = i->port,
		.protocol = i->protocol,
	};
	bool four = i->family == 4;

	memcpy(key6.vip, i->vip, sizeof(key6.vip));
	return lookup(bpffs, four ? "services4" : "services6",
		      BPF_MAP_TYPE_HASH,
		      four ? (const void *)&key4 : (const void *)&key6, service,
		      sizeof(*service), error);
}

int hashed_owner(const char *bpffs, const struct baton_meta *meta,
		 const struct names *n, const struct flowmap_key *key,
		 char error[PINNED_ERROR])
{
	const struct baton_service_info *info = names_service(n, key->service);
	struct baton_service service;
	struct baton_ring_row row;
	__u32 index, row_index;
	int err;

	err = find_service(bpffs, info, &service, error);
	if (err)
		return err;
	index = flowmap_ring_index(meta, key,
				   service.flags & BATON_SERVICE_CLIENT_HASH);
	row_index = baton_ring_row(service.ring, index);
	err = lookup(bpffs, "rings", BPF_MAP_TYPE_ARRAY, &row_index, &row,
		     sizeof(row), error);
	return err ? err : row.owner[baton_ring_column(index)];
}
