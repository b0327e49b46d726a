/* SPDX-License-Identifier: GPL-2.0-only */
/* Which service an address, protocol and port belong to, if any. */
#ifndef SERVICES_H
#define SERVICES_H

#include "maps.h"
#include "parse.h"

/*
 * The lookup hashes and compares whole words of the key. A word that has just
 * been stored field by field cannot be loaded before all of it has reached
 * the cache, which costs more than the hash; so each is stored at once, from
 * unions that the compiler keeps in registers.
 */
union service4_words {
	struct baton_service4_key key;
	__u64 word;
};

union service6_words {
	struct baton_service6_key key;
	__u32 word[5];
};

static __always_inline struct baton_service *
exact_service(__u8 family, const __be32 *vip, __u8 protocol, __be16 port)
{
	if (family == 4) {
		union service4_words k = { .key = { .vip = vip[0],
						    .port = port,
						    .protocol = protocol } };
		__u64 word = k.word;

		return bpf_map_lookup_elem(&services4, &word);
	} else {
		union service6_words k = { .key = { .port = port,
						    .protocol = protocol } };
		__u32 word[5];

		__builtin_memcpy(word, vip, sizeof(k.key.vip));
		word[4] = k.word[4];
		return bpf_map_lookup_elem(&services6, word);
	}
}

/*
 * What each CPU found last, for the short way: looking a service up in a hash
 * map costs more than the connection that is then looked up. An entry is good
 * as long as the services are those that it was made from.
 */
struct service_cache {
	__u64 key[3];
	struct baton_service service;
	__u32 generation;
};

#define SERVICE_CACHE 256

MAP(service_cache, BPF_MAP_TYPE_PERCPU_ARRAY, SERVICE_CACHE, 0, __u32,
    struct service_cache);

static __always_inline struct service_cache *
service_cached(const struct packet *p, __u64 key[3])
{
	__u32 i = p->dst[0] >> 24 ^ p->dst[3] >> 24 ^ p->dport >> 8 ^ p->dport;

	key[0] = (__u64)p->dst[0] << 32 | (__u32)p->family << 24 |
		 (__u32)p->protocol << 16 | p->dport;
	key[1] = (__u64)p->dst[1] << 32 | p->dst[2];
	key[2] = p->dst[3];
	i %= SERVICE_CACHE;
	return bpf_map_lookup_elem(&service_cache, &i);
}

/* The service that a packet goes to, if this CPU has found it lately. */
static __always_inline const struct baton_service *
recall_service(const struct packet *p)
{
	struct baton_settings *s = current_settings();
	struct service_cache *c;
	__u64 key[3];

	c = service_cached(p, key);
	if (!s || !c || c->key[0] != key[0] || c->generation != s->generation)
		return NULL;
	if (p->family == 6 && (c->key[1] != key[1] || c->key[2] != key[2]))
		return NULL;
	return &c->service;
}

/* `generation` is that of before the service was looked up. */
static __always_inline void
remember_service(const struct packet *p, const struct baton_service *service,
		 __u32 generation)
{
	struct service_cache *c;
	__u64 key[3];

	c = service_cached(p, key);
	if (!c)
		return;
	c->key[0] = key[0];
	c->key[1] = key[1];
	c->key[2] = key[2];
	c->service = *service;
	c->generation = generation;
}

/* With a service of every port as the second choice. */
static __always_inline struct baton_service *
find_service(__u8 family, const __be32 *vip, __u8 protocol, __be16 port)
{
	struct baton_service *s = exact_service(family, vip, protocol, port);
	struct baton_settings *settings;
	__u32 any;

	if (s)
		return s;
	any = family == 4 ? BATON_SETTING_WILDCARD4 : BATON_SETTING_WILDCARD6;
	settings = current_settings();
	if (!settings || !(settings->flags & any))
		return NULL;
	s = exact_service(family, vip, protocol, 0);
	return s && !(s->flags & BATON_SERVICE_MARKER) ? s : NULL;
}

/*
 * Any service of the VIP and protocol, for packets that do not tell their
 * port; the controller sees to it that there is one to be found.
 */
static __always_inline struct baton_service *
some_service(__u8 family, const __be32 *vip, __u8 protocol)
{
	return exact_service(family, vip, protocol, 0);
}

/* A server behind another service; its address is no VIP. */
static __always_inline int is_back(const struct baton_service *s)
{
	return s->flags & BATON_SERVICE_BACK;
}

static __always_inline int is_vip(__u8 family, const __be32 *address)
{
	return exact_service(family, address, 0, 0) != NULL;
}

#endif
