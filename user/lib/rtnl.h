/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel knows of links, routes and neighbours: questions, the few
 * changes that baton makes, and a stream of what changes by itself
 * (rtnetlink(7), over libmnl).
 *
 * Functions return 0 or a negative errno, -ENODEV for a link, -ENOENT for a
 * neighbour, and the kernel's own (-ENETUNREACH, ...) for a route that is not
 * there.
 */
#ifndef LIB_RTNL_H
#define LIB_RTNL_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/addr.h"

#define RTNL_NAME 16 /* IFNAMSIZ */

/* How an XDP program sits on a link. MULTI: in more than one of the ways. */
enum rtnl_xdp {
	RTNL_XDP_NONE,
	RTNL_XDP_NATIVE,
	RTNL_XDP_GENERIC,
	RTNL_XDP_HARDWARE,
	RTNL_XDP_MULTI,
};

struct rtnl_link {
	int ifindex;
	int master; /* bridge or bond that it is part of, 0: none */
	char name[RTNL_NAME];
	char kind[RTNL_NAME]; /* "veth", "vlan", ...; "": a device's driver */
	uint8_t mac[6];
	uint32_t mtu;
	uint32_t flags; /* IFF_UP, IFF_LOWER_UP, ... */
	enum rtnl_xdp xdp;
	uint32_t xdp_id; /* the program's, 0: none */
};

struct rtnl_route {
	int ifindex;
	struct addr gateway; /* family 0: on the link itself */
	struct addr source; /* what the kernel would send from */
	uint32_t mtu; /* of the route, 0: that of the link */
};

struct rtnl_neigh {
	int ifindex;
	struct addr addr;
	uint8_t mac[6]; /* zero: not known */
	uint16_t state; /* NUD_REACHABLE, ... */
};

struct rtnl; /* a socket */

/* NULL, with errno set, when the socket cannot be had. */
struct rtnl *rtnl_open(void);
void rtnl_close(struct rtnl *r);

int rtnl_link(struct rtnl *r, const char *name, struct rtnl_link *link);
int rtnl_link_index(struct rtnl *r, int ifindex, struct rtnl_link *link);
int rtnl_route_get(struct rtnl *r, const struct addr *to,
		   struct rtnl_route *route);
int rtnl_neigh_get(struct rtnl *r, int ifindex, const struct addr *addr,
		   struct rtnl_neigh *neigh);

/* Make the kernel find out the neighbour's MAC, as if it had a packet. */
int rtnl_neigh_resolve(struct rtnl *r, int ifindex, const struct addr *addr);

/* A whole address, /32 or /128, without duplicate address detection. Adding
 * one that is there is -EEXIST; removing what is not, -EADDRNOTAVAIL. */
int rtnl_addr_add(struct rtnl *r, int ifindex, const struct addr *addr);
int rtnl_addr_del(struct rtnl *r, int ifindex, const struct addr *addr);

/* Can these attributes of a neighbour be sent to? (NUD_VALID, MAC known) */
bool rtnl_neigh_usable(const struct rtnl_neigh *neigh);

enum rtnl_event_kind {
	RTNL_LINK, /* new or changed */
	RTNL_LINK_GONE,
	RTNL_NEIGH,
	RTNL_NEIGH_GONE,
	RTNL_ROUTE, /* some route came, changed or went */
	RTNL_LOST, /* the kernel had to drop events: ask for everything anew */
};

struct rtnl_event {
	enum rtnl_event_kind kind;
	union {
		struct rtnl_link link;
		struct rtnl_neigh neigh;
	};
};

typedef void (*rtnl_event_fn)(const struct rtnl_event *event, void *arg);

/* A socket that hears of links, neighbours and routes; it asks nothing. */
struct rtnl *rtnl_monitor(void);
int rtnl_fd(const struct rtnl *r); /* to poll for reading; never blocks */
int rtnl_monitor_read(struct rtnl *r, rtnl_event_fn fn, void *arg);

#endif
