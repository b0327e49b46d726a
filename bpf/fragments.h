/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All fragments of a datagram go to one host: whichever comes first decides,
 * and is remembered by source, destination, protocol and identification.
 */
#ifndef FRAGMENTS_H
#define FRAGMENTS_H

#include "maps.h"
#include "parse.h"

static __always_inline void fragment_key(struct baton_fragment_key *key,
					 const struct packet *p)
{
	__builtin_memcpy(key->src, p->src, sizeof(key->src));
	__builtin_memcpy(key->dst, p->dst, sizeof(key->dst));
	key->id = p->id;
	key->protocol = p->protocol;
	key->pad = 0;
}

/* Stamps that a datagram's fragments are awaited for, as long as receivers
 * wait. Identifications come again: IPv4's after 65536 datagrams. */
#define FRAGMENT_LIFE 30

/* The owner that the datagram goes to, 0: no fragment of it came before. */
static __noinline int fragment_owner(const struct packet *p)
{
	struct baton_fragment_key key;
	struct baton_fragment *f;

	fragment_key(&key, p);
	f = bpf_map_lookup_elem(&fragments, &key);
	if (!f || (__u16)(stamp_now() - f->seen) > FRAGMENT_LIFE)
		return 0;
	return f->owner;
}

static __noinline int remember_fragment(const struct packet *p, __u16 owner)
{
	struct baton_fragment f = { .owner = owner, .seen = stamp_now() };
	struct baton_fragment_key key;

	fragment_key(&key, p);
	return bpf_map_update_elem(&fragments, &key, &f, BPF_ANY);
}

#endif
