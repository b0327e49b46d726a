// SPDX-License-Identifier: GPL-2.0-only
#include "apply_services.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply.h"
#include "maglev.h"

int services_ids(struct batond *b, const struct config *to)
{
	for (size_t i = 0; i < to->nr_services; i++)
		if (!ids_get(&b->services, to->services[i].name))
			return -ENOSPC;
	return 0;
}

/* --- keys -------------------------------------------------------------------- */

/* One entry of services4 or services6. */
struct entry {
	uint8_t family;
	union {
		struct baton_service4_key key4;
		struct baton_service6_key key6;
	};
	struct baton_service value;
};

struct entries {
	struct entry *entry;
	size_t n;
};

static size_t key_size(const struct entry *e)
{
	return e->family == 4 ? sizeof(e->key4) : sizeof(e->key6);
}

static bool same_key(const struct entry *a, const struct entry *b)
{
	return a->family == b->family &&
	       !memcmp(&a->key6, &b->key6, key_size(a));
}

static void make_key(struct entry *e, const struct addr *vip, uint8_t protocol,
		     uint16_t port)
{
	memset(e, 0, sizeof(*e));
	e->family = vip->family;
	if (vip->family == 4) {
		e->key4.vip = vip->word[0];
		e->key4.protocol = protocol;
		e->key4.port = htons(port);
	} else {
		memcpy(e->key6.vip, vip->word, sizeof(e->key6.vip));
		e->key6.protocol = protocol;
		e->key6.port = htons(port);
	}
}

static void add(struct entries *all, const struct addr *vip, uint8_t protocol,
		uint16_t port, const struct baton_service *value, bool marker)
{
	struct entry *e = &all->entry[all->n];

	make_key(e, vip, protocol, port);
	for (size_t i = 0; marker && i < all->n; i++)
		if (same_key(&all->entry[i], e))
			return;
	e->value = *value;
	if (marker)
		e->value.flags |= BATON_SERVICE_MARKER;
	all->n++;
}

static uint32_t ring_rows(const struct batond *b)
{
	return (b->dp.meta.ring_size + BATON_RING_ROW - 1) / BATON_RING_ROW;
}

static struct baton_service value_of(const struct batond *b,
				     const struct config_service *s)
{
	struct baton_service v = { .id = ids_find(&b->services, s->name) };

	v.flows = v.id;
	if (*s->back_of) {
		v.flows = ids_find(&b->services, s->back_of);
		v.flags |= BATON_SERVICE_BACK;
	}
	v.ring = v.flows * ring_rows(b);
	if (s->client_hash)
		v.flags |= BATON_SERVICE_CLIENT_HASH;
	if (s->recorded)
		v.flags |= BATON_SERVICE_RECORDED;
	if (s->protocol == CONFIG_IPSEC)
		v.flags |= BATON_SERVICE_IPSEC;
	return v;
}

/* Markers come after all services, so that they never hide one. A server is
 * no VIP: what is not of a connection is not judged. */
static void list_entries(const struct batond *b, const struct config *c,
			 struct entries *all)
{
	for (size_t i = 0; i < c->nr_services; i++) {
		const struct config_service *s = &c->services[i];
		struct baton_service v = value_of(b, s);

		if (s->protocol == CONFIG_IPSEC) {
			add(all, &s->vip, IPPROTO_ESP, 0, &v, false);
			add(all, &s->vip, IPPROTO_UDP, 500, &v, false);
			add(all, &s->vip, IPPROTO_UDP, 4500, &v, false);
		} else {
			add(all, &s->vip, s->protocol, s->port, &v, false);
		}
	}
	for (size_t i = 0; i < c->nr_services; i++) {
		const struct config_service *s = &c->services[i];
		struct baton_service v = value_of(b, s);

		add(all, &s->vip,
		    s->protocol == CONFIG_IPSEC ? IPPROTO_UDP : s->protocol, 0,
		    &v, true);
		if (!*s->back_of)
			add(all, &s->vip, 0, 0, &v, true);
	}
}

static int map_of(const struct batond *b, uint8_t family)
{
	return family == 4 ? b->dp.services4 : b->dp.services6;
}

static bool wanted(const struct entries *all, const struct entry *e)
{
	for (size_t i = 0; i < all->n; i++)
		if (same_key(&all->entry[i], e))
			return true;
	return false;
}

/* Delete what a map has and nobody wants. */
static void prune(const struct batond *b, const struct entries *all,
		  uint8_t family)
{
	struct entry e = { .family = family }, next = { .family = family };
	int map = map_of(b, family);
	void *previous = NULL;

	while (!bpf_map_get_next_key(map, previous, &next.key6)) {
		if (previous && !wanted(all, &e))
			bpf_map_delete_elem(map, &e.key6);
		e = next;
		previous = &e.key6;
	}
	if (previous && !wanted(all, &e))
		bpf_map_delete_elem(map, &e.key6);
}

/* --- rings -------------------------------------------------------------------- */

static uint64_t hash_members(const struct maglev_member *m, size_t n)
{
	static const unsigned char key[crypto_shorthash_KEYBYTES];
	uint64_t sum = n + 1, one;
	char text[64];

	for (size_t i = 0; i < n; i++) {
		int len = snprintf(text, sizeof(text), "%u %u %s", m[i].id,
				   m[i].weight, m[i].name);

		crypto_shorthash((unsigned char *)&one, (unsigned char *)text,
				 len, key);
		sum += one;
	}
	return sum;
}

static int write_ring(struct batond *b, uint16_t service,
		      const struct maglev_member *members, size_t n)
{
	uint32_t size = b->dp.meta.ring_size;
	struct baton_ring_row *rows = &b->dp.rings[service * ring_rows(b)];
	uint64_t hash = hash_members(members, n);
	uint16_t *ring;
	int err;

	if (b->ring_members[service] == hash)
		return 0;
	ring = malloc(size * sizeof(*ring));
	err = ring ? maglev_fill(ring, size, members, n) : -ENOMEM;
	/* Entry by entry: whichever a packet sees, it is a sound one. */
	for (uint32_t i = 0; !err && i < size; i++)
		__atomic_store_n(
			&rows[i / BATON_RING_ROW].owner[i % BATON_RING_ROW],
			ring[i], __ATOMIC_RELAXED);
	free(ring);
	if (!err)
		b->ring_members[service] = hash;
	return err;
}

/* Owners of the service and their weights; a draining one gets nothing new,
 * unless all are draining. */
static int fill_ring(struct batond *b, const struct config_service *s)
{
	struct maglev_member m[s->nr_owners ?: 1];
	uint16_t service = ids_find(&b->services, s->name);
	uint64_t total = 0;

	if (*s->back_of) /* the ring is that of the other */
		return 0;
	for (size_t i = 0; i < s->nr_owners; i++) {
		uint16_t id = ids_find(&b->owners, s->owners[i].name);
		bool drain = dataplane_owner(&b->dp, id).state ==
			     BATON_OWNER_DRAINING;

		m[i] = (struct maglev_member){
			.id = id,
			.weight = drain ? 0 : s->owners[i].weight,
			.name = s->owners[i].name,
		};
		total += m[i].weight;
	}
	for (size_t i = 0; !total && i < s->nr_owners; i++)
		m[i].weight = s->owners[i].weight;
	return write_ring(b, service, m, s->nr_owners);
}

void apply_rings(struct batond *b)
{
	for (size_t i = 0; i < b->config.nr_services; i++)
		fill_ring(b, &b->config.services[i]);
}

double services_share(const struct batond *b, uint16_t service, uint16_t owner)
{
	const struct baton_ring_row *rows =
		&b->dp.rings[service * ring_rows(b)];
	uint32_t size = b->dp.meta.ring_size, n = 0;

	for (uint32_t i = 0; i < size; i++)
		n += rows[i / BATON_RING_ROW].owner[i % BATON_RING_ROW] ==
		     owner;
	return (double)n / size;
}

/* --- all ---------------------------------------------------------------------- */

static void write_info(struct batond *b, const struct config_service *s)
{
	struct baton_service v = value_of(b, s);
	struct baton_service_info info = {
		.family = s->vip.family,
		.protocol = s->protocol == CONFIG_IPSEC ? IPPROTO_ESP
							: s->protocol,
		.port = htons(s->port),
		.flags = v.flags,
	};

	snprintf(info.name, sizeof(info.name), "%s", s->name);
	memcpy(info.vip, s->vip.word, sizeof(info.vip));
	b->dp.service_info[v.id] = info;
}

static void drop_services(struct batond *b, const struct config *to)
{
	for (uint16_t i = 1; i <= b->services.top; i++) {
		const char *name = ids_name(&b->services, i);

		if (!name || config_service(to, name))
			continue;
		memset(&b->dp.service_info[i], 0,
		       sizeof(b->dp.service_info[i]));
		b->ring_members[i] = 0;
		ids_drop(&b->services, i);
	}
}

int services_write(struct batond *b, const struct config *to, char why[512])
{
	struct entries all = { 0 };
	int err = 0;

	all.entry = calloc(5 * to->nr_services + 1, sizeof(*all.entry));
	if (!all.entry)
		return -ENOMEM;
	list_entries(b, to, &all);
	for (size_t i = 0; i < to->nr_services && !err; i++) {
		write_info(b, &to->services[i]);
		err = fill_ring(b, &to->services[i]);
	}
	for (size_t i = 0; i < all.n && !err; i++) {
		struct entry *e = &all.entry[i];

		if (bpf_map_update_elem(map_of(b, e->family), &e->key6,
					&e->value, BPF_ANY))
			err = -errno;
	}
	if (err) {
		snprintf(why, 512, "cannot write the services: %s",
			 strerror(-err));
	} else {
		prune(b, &all, 4);
		prune(b, &all, 6);
		drop_services(b, to);
	}
	/* What CPUs remember of the services they look up anew. */
	__atomic_add_fetch(&b->dp.settings->generation, 1, __ATOMIC_SEQ_CST);
	free(all.entry);
	return err;
}

void services_adopt(struct batond *b)
{
	for (uint16_t i = 1; i < BATON_MAX_SERVICES; i++) {
		const struct baton_service_info *info = &b->dp.service_info[i];

		if (info->family && info->name[0] &&
		    strnlen(info->name, BATON_NAME_LEN) < BATON_NAME_LEN)
			ids_put(&b->services, i, info->name);
	}
}
