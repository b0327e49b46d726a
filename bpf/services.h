/* SPDX-License-Identifier: GPL-2.0-only */
/* Which service an address, protocol and port belong to, if any. */
#ifndef SERVICES_H
#define SERVICES_H

#include "maps.h"
#include "parse.h"

static __always_inline struct baton_service *
exact_service(__u8 family, const __be32 *vip, __u8 protocol, __be16 port)
{
	if (family == 4) {
		struct baton_service4_key key = {
			.vip = vip[0],
			.port = port,
			.protocol = protocol,
		};

		return bpf_map_lookup_elem(&services4, &key);
	} else {
		struct baton_service6_key key = {
			.port = port,
			.protocol = protocol,
		};

		__builtin_memcpy(key.vip, vip, sizeof(key.vip));
		return bpf_map_lookup_elem(&services6, &key);
	}
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

static __always_inline int is_vip(__u8 family, const __be32 *address)
{
	return exact_service(family, address, 0, 0) != NULL;
}

#endif
