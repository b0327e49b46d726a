/* SPDX-License-Identifier: GPL-2.0-only */
/* A configuration to start from, and what the maps then hold. */
#ifndef TEST_APPLIED_H
#define TEST_APPLIED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "fixture.h"

#define KEY "switch: {probe-key: /k}\n"
#define HOSTS                                                                  \
	"hosts:\n"                                                             \
	"- {name: a, address: 10.0.0.1}\n"                                     \
	"- {name: b, address: 10.0.0.2}\n"                                     \
	"- {name: c, address: 10.0.0.3, probe: no}\n"
#define OWNERS                                                                 \
	"owners:\n"                                                            \
	"- {name: oa, host: a, standbys: [b, c]}\n"                            \
	"- {name: ob, host: b}\n"                                              \
	"- {name: oc, host: c}\n"
#define WEB "{name: web, vip: 192.0.2.1, protocol: tcp, port: 80, "
#define SERVICES                                                               \
	"services:\n"                                                          \
	"- " WEB "owners: [oa, {name: ob, weight: 3}]}\n"                      \
	"- {name: six, vip: '2001:db8::1', protocol: udp, port: 53, "          \
	"affinity: client, owners: [oc]}\n"
#define ALL KEY HOSTS OWNERS SERVICES

static struct fixture *f;
static struct batond *b;

static inline int setup(void **state)
{
	(void)state;
	f = fixture_new();
	b = &f->b;
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	fixture_free(f);
	return 0;
}

static inline uint16_t host(const char *name)
{
	return ids_find(&b->hosts, name);
}

static inline uint16_t owner(const char *name)
{
	return ids_find(&b->owners, name);
}

static inline void assert_owner(const char *name, const char *plays,
				enum baton_owner_state owner_state,
				uint32_t nth_epoch)
{
	union baton_owner w = fixture_owner(f, name);

	assert_int_equal(w.host, host(plays));
	assert_int_equal(w.state, owner_state);
	assert_int_equal(w.epoch, FIXTURE_EPOCH(nth_epoch));
	assert_int_equal(w.pad, 0);
}

/* The next batond, which knows no more than what the maps hold. */
static inline void restart(void)
{
	config_free(&b->config);
	memset(&b->config, 0, sizeof(b->config));
	memset(&b->cluster, 0, sizeof(b->cluster));
	memset(&b->ownership, 0, sizeof(b->ownership));
	memset(b->ring_members, 0, sizeof(b->ring_members));
	memset(b->path_to, 0, sizeof(b->path_to));
	memset(b->prober.target, 0, sizeof(b->prober.target));
	ids_init(&b->hosts, BATON_MAX_HOSTS);
	ids_init(&b->owners, BATON_MAX_OWNERS);
	ids_init(&b->services, BATON_MAX_SERVICES);
	b->ownership.reign = b->dp.meta.reign;
	b->dp.adopted = true;
	apply_adopt(b);
}

static inline bool is_refused(const char *text, char why[APPLY_WHY])
{
	uint32_t changes;

	return fixture_try(f, text, &changes, why);
}

/* --- services and their rings ------------------------------------------------- */

static inline bool get4(const char *vip, uint8_t protocol, uint16_t port,
			struct baton_service *v)
{
	struct baton_service4_key key = { .protocol = protocol,
					  .port = htons(port) };

	must(inet_pton(AF_INET, vip, &key.vip) == 1);
	return !bpf_map_lookup_elem(b->dp.services4, &key, v);
}

static inline bool get6(const char *vip, uint8_t protocol, uint16_t port,
			struct baton_service *v)
{
	struct baton_service6_key key = { .protocol = protocol,
					  .port = htons(port) };

	must(inet_pton(AF_INET6, vip, key.vip) == 1);
	return !bpf_map_lookup_elem(b->dp.services6, &key, v);
}

static inline size_t nr_keys(int map)
{
	struct baton_service6_key key;
	void *previous = NULL;
	size_t n = 0;

	for (; !bpf_map_get_next_key(map, previous, &key); previous = &key)
		n++;
	return n;
}

static inline size_t ring_rows(void)
{
	return (FIXTURE_RING + BATON_RING_ROW - 1) / BATON_RING_ROW;
}

static inline uint16_t ring_entry(uint16_t service, size_t i)
{
	return b->dp.rings[service * ring_rows() + i / BATON_RING_ROW]
		.owner[i % BATON_RING_ROW];
}

/* Entries of a service's ring that an owner has; all, if none is named. */
static inline size_t in_ring(const char *service, const char *name)
{
	uint16_t id = ids_find(&b->services, service), n = 0;

	must(id);
	for (size_t i = 0; i < FIXTURE_RING; i++)
		n += name ? ring_entry(id, i) == owner(name)
			  : ring_entry(id, i) != 0;
	return n;
}

static inline void assert_about(size_t n, double part)
{
	/* Maglev is fair to one turn of each member (section 3.4). */
	assert_in_range(n, FIXTURE_RING * part - 4, FIXTURE_RING * part + 4);
}

#endif
