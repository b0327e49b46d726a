// SPDX-License-Identifier: GPL-2.0-only
#include "pins.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "baton/host_reasons.h"
#include "baton/maps.h"
#include "lib/bpffs.h"

const char *const pin_names[NR_PINS] = {
#define X(name, from, to) [PIN_##name] = #name,
	BATON_HOST_MAPS(X)
#undef X
};

static const struct {
	uint32_t key, value, entries;
} shapes[NR_PINS] = {
	[PIN_settings] = { 4, sizeof(struct baton_host_settings), 1 },
	[PIN_switches] = { sizeof(struct baton_host_address), 4,
			   BATON_HOST_MAX_SWITCHES },
	[PIN_vips] = { sizeof(struct baton_host_address), 4,
		       BATON_HOST_MAX_VIPS },
	[PIN_sessions] = { sizeof(struct baton_host_session),
			   sizeof(struct baton_host_asker),
			   BATON_HOST_MAX_SESSIONS },
	[PIN_applications] = { 4, sizeof(struct baton_host_app),
			       BATON_PROBE_APPS },
	[PIN_heartbeats] = { 4, 4, BATON_PROBE_APPS },
	[PIN_lease] = { 4, sizeof(struct baton_host_lease), 1 },
	[PIN_ownership] = { 4, sizeof(struct baton_host_ownership),
			    BATON_HOST_MAX_OWNERS },
	[PIN_ownership_events] = { 0, 0, BATON_HOST_EVENTS_SIZE },
	[PIN_counters] = { 4, sizeof(struct baton_counter),
			   BATON_NR_HOST_REASONS },
};

static int check_shape(int fd, enum pin pin, uint32_t *id)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return -errno;
	*id = info.id;
	return info.key_size == shapes[pin].key &&
			       info.value_size == shapes[pin].value &&
			       info.max_entries == shapes[pin].entries
		       ? 0
		       : -EPROTO;
}

void pins_init(struct pins *p)
{
	int i;

	memset(p, 0, sizeof(*p));
	for (i = 0; i < NR_PINS; i++)
		p->fd[i] = -1;
}

static int map(int fd, size_t size, void **memory)
{
	*memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (*memory != MAP_FAILED)
		return 0;
	*memory = NULL;
	return -errno;
}

static int open_page(const struct pins *p, uint32_t index)
{
	uint32_t id;

	if (bpf_map_lookup_elem(p->fd[PIN_heartbeats], &index, &id))
		return -1;
	return bpf_map_get_fd_by_id(id);
}

void pins_map_page(struct pins *p, uint32_t index, int fd)
{
	const size_t size = sizeof(*p->page[0]);
	int opened = fd < 0 ? open_page(p, index) : -1;
	void *page = mmap(NULL, size, PROT_READ, MAP_SHARED,
			  fd < 0 ? opened : fd, 0);

	if (p->page[index])
		munmap((void *)p->page[index], size);
	p->page[index] = page == MAP_FAILED ? NULL : page;
	if (opened >= 0)
		close(opened);
}

int pins_open(struct pins *p, const char *dir)
{
	uint32_t id = 0;
	int i, err = 0;

	pins_init(p);
	for (i = 0; i < NR_PINS && !err; i++) {
		p->fd[i] = bpffs_open(dir, pin_names[i]);
		err = p->fd[i] < 0 ? p->fd[i] : check_shape(p->fd[i], i, &id);
		if (i == PIN_settings)
			p->settings_id = id;
	}
	if (!err)
		err = map(p->fd[PIN_settings], sizeof(*p->settings),
			  (void **)&p->settings) ?:
		      map(p->fd[PIN_applications],
			  BATON_PROBE_APPS * sizeof(*p->applications),
			  (void **)&p->applications) ?:
		      map(p->fd[PIN_lease], sizeof(*p->lease),
			  (void **)&p->lease);
	if (!err && p->settings->abi != BATON_HOST_ABI)
		err = -EPROTO;
	if (err)
		pins_close(p);
	return err;
}

void pins_close(struct pins *p)
{
	int i;

	if (p->settings)
		munmap(p->settings, sizeof(*p->settings));
	if (p->applications)
		munmap(p->applications,
		       BATON_PROBE_APPS * sizeof(*p->applications));
	if (p->lease)
		munmap(p->lease, sizeof(*p->lease));
	for (i = 0; i < BATON_PROBE_APPS; i++) {
		if (p->page[i])
			munmap((void *)p->page[i], sizeof(*p->page[i]));
		p->page[i] = NULL;
	}
	p->settings = NULL;
	p->applications = NULL;
	p->lease = NULL;
	for (i = 0; i < NR_PINS; i++) {
		if (p->fd[i] >= 0)
			close(p->fd[i]);
		p->fd[i] = -1;
	}
}

void pins_unpin(const char *dir)
{
	int i;

	for (i = 0; i < NR_PINS; i++)
		bpffs_unpin(dir, pin_names[i]);
}

void pins_key(const struct addr *a, struct baton_host_address *key)
{
	memset(key, 0, sizeof(*key));
	memcpy(key->word, a->word, sizeof(key->word));
	key->family = a->family;
}

void pins_addr(const struct baton_host_address *key, struct addr *a)
{
	memset(a, 0, sizeof(*a));
	memcpy(a->word, key->word, sizeof(a->word));
	a->family = key->family;
}
