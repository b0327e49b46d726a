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
	[PIN_servers] = { sizeof(struct baton_host_address), 4,
			  BATON_HOST_MAX_SERVERS },
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

static int map(int fd, size_t size, void *member)
{
	void *memory =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED)
		return -errno;
	*(void **)member = memory;
	return 0;
}

/* By its id, which takes CAP_SYS_ADMIN. */
static int map_page(struct pins *p, uint32_t index)
{
	uint32_t id;
	int fd, err;

	if (bpf_map_lookup_elem(p->fd[PIN_heartbeats], &index, &id))
		return 0;
	fd = bpf_map_get_fd_by_id(id);
	if (fd < 0)
		return -errno;
	err = map(fd, sizeof(*p->page[index]), &p->page[index]);
	close(fd);
	return err;
}

static int map_all(struct pins *p)
{
	uint32_t i;
	int err = map(p->fd[PIN_settings], sizeof(*p->settings), &p->settings);

	if (!err)
		err = map(p->fd[PIN_applications],
			  BATON_PROBE_APPS * sizeof(*p->applications),
			  &p->applications);
	if (!err)
		err = map(p->fd[PIN_lease], sizeof(*p->lease), &p->lease);
	for (i = 0; i < BATON_PROBE_APPS && !err; i++)
		err = map_page(p, i);
	return err;
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
		err = map_all(p);
	if (!err && p->settings->abi != BATON_HOST_ABI)
		err = -EPROTO;
	if (err)
		pins_close(p);
	return err;
}

static void unmap(void *memory, size_t size)
{
	if (memory)
		munmap(memory, size);
}

void pins_close(struct pins *p)
{
	int i;

	unmap(p->settings, sizeof(*p->settings));
	unmap(p->applications, BATON_PROBE_APPS * sizeof(*p->applications));
	unmap(p->lease, sizeof(*p->lease));
	for (i = 0; i < BATON_PROBE_APPS; i++)
		unmap(p->page[i], sizeof(*p->page[i]));
	for (i = 0; i < NR_PINS; i++)
		if (p->fd[i] >= 0)
			close(p->fd[i]);
	pins_init(p);
}

uint64_t pins_last_sign(const struct pins *p, uint32_t index)
{
	const struct baton_host_app *a = &p->applications[index];

	if (!(a->flags & BATON_HOST_APP_HEARTBEAT))
		return __atomic_load_n(&a->alive, __ATOMIC_RELAXED);
	return p->page[index] ? __atomic_load_n(&p->page[index]->beat,
						__ATOMIC_RELAXED)
			      : 0;
}

uint32_t pins_said(const struct pins *p, uint32_t index)
{
	bool beats = p->applications[index].flags & BATON_HOST_APP_HEARTBEAT;

	return beats && p->page[index] ? __atomic_load_n(&p->page[index]->state,
							 __ATOMIC_RELAXED)
				       : BATON_APP_UP;
}

int pins_new_page(struct pins *p, uint32_t index)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	struct baton_heartbeat_page *page = NULL;
	int err, fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "heartbeat",
				     sizeof(uint32_t), sizeof(*page), 1, &opts);

	if (fd < 0)
		return -errno;
	err = map(fd, sizeof(*page), &page);
	if (!err &&
	    bpf_map_update_elem(p->fd[PIN_heartbeats], &index, &fd, BPF_ANY))
		err = -errno;
	if (err) {
		unmap(page, sizeof(*page));
		close(fd);
		return err;
	}
	unmap(p->page[index], sizeof(*page));
	p->page[index] = page;
	return fd;
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
