// SPDX-License-Identifier: GPL-2.0-only
#include "lib/rtnl.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* One socket; sized for a burst of events rather than for a single answer. */
#define BUFFER 32768

struct rtnl {
	struct mnl_socket *nl;
	uint32_t port;
	uint32_t seq;
	char buffer[BUFFER];
};

static uint8_t to_af(const struct addr *a)
{
	return a->family == 4 ? AF_INET : AF_INET6;
}

static size_t addr_len(const struct addr *a)
{
	return a->family == 4 ? 4 : 16;
}

static void put_addr(struct nlmsghdr *h, uint16_t type, const struct addr *a)
{
	mnl_attr_put(h, type, addr_len(a), a->word);
}

static void get_addr(const struct nlattr *attr, int family, struct addr *a)
{
	size_t len = family == AF_INET ? 4 : 16;

	memset(a, 0, sizeof(*a));
	if (mnl_attr_get_payload_len(attr) != len)
		return;
	memcpy(a->word, mnl_attr_get_payload(attr), len);
	a->family = family == AF_INET ? 4 : 6;
}

/* A payload that is too short for what it should hold is left out. */
static uint32_t get_u32(const struct nlattr *attr)
{
	if (mnl_attr_get_payload_len(attr) < sizeof(uint32_t))
		return 0;
	return mnl_attr_get_u32(attr);
}

static void get_text(const struct nlattr *attr, char text[RTNL_NAME])
{
	size_t len = mnl_attr_get_payload_len(attr);

	if (len >= RTNL_NAME)
		len = RTNL_NAME - 1;
	memset(text, 0, RTNL_NAME);
	memcpy(text, mnl_attr_get_payload(attr), len);
}

static void get_mac(const struct nlattr *attr, uint8_t mac[6])
{
	if (mnl_attr_get_payload_len(attr) == 6)
		memcpy(mac, mnl_attr_get_payload(attr), 6);
}

/* --- messages as values --------------------------------------------------- */

static enum rtnl_xdp to_xdp(uint8_t attached)
{
	switch (attached) {
	case XDP_ATTACHED_DRV:
		return RTNL_XDP_NATIVE;
	case XDP_ATTACHED_SKB:
		return RTNL_XDP_GENERIC;
	case XDP_ATTACHED_HW:
		return RTNL_XDP_HARDWARE;
	case XDP_ATTACHED_MULTI:
		return RTNL_XDP_MULTI;
	}
	return RTNL_XDP_NONE;
}

static void parse_link(const struct nlmsghdr *h, struct rtnl_link *link)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(h);
	const struct nlattr *attr, *in;

	memset(link, 0, sizeof(*link));
	link->ifindex = info->ifi_index;
	link->flags = info->ifi_flags;
	mnl_attr_for_each(attr, h, sizeof(*info)) {
		switch (mnl_attr_get_type(attr)) {
		case IFLA_IFNAME:
			get_text(attr, link->name);
			break;
		case IFLA_ADDRESS:
			get_mac(attr, link->mac);
			break;
		case IFLA_MTU:
			link->mtu = get_u32(attr);
			break;
		case IFLA_MASTER:
			link->master = get_u32(attr);
			break;
		case IFLA_LINKINFO:
			mnl_attr_for_each_nested(in, attr)
				if (mnl_attr_get_type(in) == IFLA_INFO_KIND)
					get_text(in, link->kind);
			break;
		case IFLA_XDP:
			mnl_attr_for_each_nested(in, attr) {
				int type = mnl_attr_get_type(in);

				if (type == IFLA_XDP_ATTACHED)
					link->xdp = to_xdp(mnl_attr_get_u8(in));
				else if (type == IFLA_XDP_PROG_ID)
					link->xdp_id = get_u32(in);
			}
			break;
		}
	}
}

static void parse_neigh(const struct nlmsghdr *h, struct rtnl_neigh *neigh)
{
	const struct ndmsg *nd = mnl_nlmsg_get_payload(h);
	const struct nlattr *attr;

	memset(neigh, 0, sizeof(*neigh));
	neigh->ifindex = nd->ndm_ifindex;
	neigh->state = nd->ndm_state;
	mnl_attr_for_each(attr, h, sizeof(*nd)) {
		switch (mnl_attr_get_type(attr)) {
		case NDA_DST:
			get_addr(attr, nd->ndm_family, &neigh->addr);
			break;
		case NDA_LLADDR:
			get_mac(attr, neigh->mac);
			break;
		}
	}
}

static void parse_route(const struct nlmsghdr *h, struct rtnl_route *route)
{
	const struct rtmsg *rt = mnl_nlmsg_get_payload(h);
	const struct nlattr *attr, *in;

	memset(route, 0, sizeof(*route));
	mnl_attr_for_each(attr, h, sizeof(*rt)) {
		switch (mnl_attr_get_type(attr)) {
		case RTA_OIF:
			route->ifindex = get_u32(attr);
			break;
		case RTA_GATEWAY:
			get_addr(attr, rt->rtm_family, &route->gateway);
			break;
		case RTA_PREFSRC:
			get_addr(attr, rt->rtm_family, &route->source);
			break;
		case RTA_VIA: {
			/* an IPv4 route through an IPv6 router (RFC 5549) */
			const struct rtvia *via = mnl_attr_get_payload(attr);
			size_t len = mnl_attr_get_payload_len(attr);

			if (len == sizeof(*via) + 16 &&
			    via->rtvia_family == AF_INET6) {
				memcpy(route->gateway.word, via->rtvia_addr,
				       16);
				route->gateway.family = 6;
			}
			break;
		}
		case RTA_METRICS:
			mnl_attr_for_each_nested(in, attr)
				if (mnl_attr_get_type(in) == RTAX_MTU)
					route->mtu = get_u32(in);
			break;
		}
	}
}

/* --- asking --------------------------------------------------------------- */

static struct rtnl *open_socket(unsigned int groups, int flags)
{
	struct rtnl *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return NULL;
	r->nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | flags);
	if (!r->nl) {
		free(r);
		return NULL;
	}
	if (mnl_socket_bind(r->nl, groups, MNL_SOCKET_AUTOPID) < 0) {
		err = errno;
		rtnl_close(r);
		errno = err;
		return NULL;
	}
	r->port = mnl_socket_get_portid(r->nl);
	return r;
}

struct rtnl *rtnl_open(void)
{
	return open_socket(0, 0);
}

void rtnl_close(struct rtnl *r)
{
	if (!r)
		return;
	mnl_socket_close(r->nl);
	free(r);
}

static struct nlmsghdr *begin(struct rtnl *r, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(r->buffer);

	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | flags;
	h->nlmsg_seq = ++r->seq;
	return h;
}

typedef void (*parse_fn)(const struct nlmsghdr *h, void *to);

struct answer {
	uint16_t type;
	size_t header; /* of the family, in front of the attributes */
	parse_fn parse;
	void *to;
	bool found;
};

static int take(const struct nlmsghdr *h, void *arg)
{
	struct answer *a = arg;

	if (h->nlmsg_type == a->type &&
	    mnl_nlmsg_get_payload_len(h) >= a->header) {
		a->parse(h, a->to);
		a->found = true;
	}
	return MNL_CB_STOP;
}

/* Send what begin() began. Without `a` the answer is an acknowledgement. */
static int ask(struct rtnl *r, struct nlmsghdr *h, struct answer *a)
{
	uint32_t seq = h->nlmsg_seq;
	ssize_t n;
	int run;

	if (mnl_socket_sendto(r->nl, h, h->nlmsg_len) < 0)
		return -errno;
	do {
		n = mnl_socket_recvfrom(r->nl, r->buffer, sizeof(r->buffer));
		if (n < 0)
			return -errno;
		run = mnl_cb_run(r->buffer, n, seq, r->port, a ? take : NULL,
				 a);
		if (run < 0)
			return -errno;
	} while (run > MNL_CB_STOP);
	return a && !a->found ? -ENOENT : 0;
}

static void link_answer(const struct nlmsghdr *h, void *to)
{
	parse_link(h, to);
}

static int ask_link(struct rtnl *r, const char *name, int ifindex,
		    struct rtnl_link *link)
{
	struct answer a = { RTM_NEWLINK, sizeof(struct ifinfomsg), link_answer,
			    link, false };
	struct nlmsghdr *h = begin(r, RTM_GETLINK, 0);
	struct ifinfomsg *info =
		mnl_nlmsg_put_extra_header(h, sizeof(struct ifinfomsg));

	info->ifi_index = ifindex;
	if (name)
		mnl_attr_put_strz(h, IFLA_IFNAME, name);
	/* statistics of virtual functions can fill more than a buffer */
	mnl_attr_put_u32(h, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	return ask(r, h, &a);
}

int rtnl_link(struct rtnl *r, const char *name, struct rtnl_link *link)
{
	if (!*name || strlen(name) >= RTNL_NAME)
		return -ENODEV;
	return ask_link(r, name, 0, link);
}

int rtnl_link_index(struct rtnl *r, int ifindex, struct rtnl_link *link)
{
	return ask_link(r, NULL, ifindex, link);
}

static void route_answer(const struct nlmsghdr *h, void *to)
{
	parse_route(h, to);
}

int rtnl_route_get(struct rtnl *r, const struct addr *to,
		   struct rtnl_route *route)
{
	struct answer a = { RTM_NEWROUTE, sizeof(struct rtmsg), route_answer,
			    route, false };
	struct nlmsghdr *h = begin(r, RTM_GETROUTE, 0);
	struct rtmsg *rt = mnl_nlmsg_put_extra_header(h, sizeof(struct rtmsg));

	rt->rtm_family = to_af(to);
	rt->rtm_dst_len = addr_len(to) * 8;
	put_addr(h, RTA_DST, to);
	return ask(r, h, &a);
}

static void neigh_answer(const struct nlmsghdr *h, void *to)
{
	parse_neigh(h, to);
}

static struct nlmsghdr *begin_neigh(struct rtnl *r, uint16_t type,
				    uint16_t flags, int ifindex,
				    const struct addr *addr, struct ndmsg **nd)
{
	struct nlmsghdr *h = begin(r, type, flags);

	*nd = mnl_nlmsg_put_extra_header(h, sizeof(struct ndmsg));
	(*nd)->ndm_family = to_af(addr);
	(*nd)->ndm_ifindex = ifindex;
	put_addr(h, NDA_DST, addr);
	return h;
}

int rtnl_neigh_get(struct rtnl *r, int ifindex, const struct addr *addr,
		   struct rtnl_neigh *neigh)
{
	struct answer a = { RTM_NEWNEIGH, sizeof(struct ndmsg), neigh_answer,
			    neigh, false };
	struct ndmsg *nd;

	return ask(r, begin_neigh(r, RTM_GETNEIGH, 0, ifindex, addr, &nd), &a);
}

int rtnl_neigh_resolve(struct rtnl *r, int ifindex, const struct addr *addr)
{
	struct ndmsg *nd;
	struct nlmsghdr *h = begin_neigh(
		r, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_ACK, ifindex, addr, &nd);

	nd->ndm_state = NUD_NONE;
	nd->ndm_flags = NTF_USE;
	return ask(r, h, NULL);
}

bool rtnl_neigh_usable(const struct rtnl_neigh *neigh)
{
	const uint16_t valid = NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE |
			       NUD_PROBE | NUD_STALE | NUD_DELAY;

	return (neigh->state & valid) && !mac_is_zero(neigh->mac);
}

static int change_addr(struct rtnl *r, uint16_t type, uint16_t flags,
		       int ifindex, const struct addr *addr)
{
	struct nlmsghdr *h = begin(r, type, NLM_F_ACK | flags);
	struct ifaddrmsg *ifa =
		mnl_nlmsg_put_extra_header(h, sizeof(struct ifaddrmsg));

	ifa->ifa_family = to_af(addr);
	ifa->ifa_prefixlen = addr_len(addr) * 8;
	ifa->ifa_index = ifindex;
	if (addr->family == 6)
		ifa->ifa_flags = IFA_F_NODAD;
	put_addr(h, IFA_LOCAL, addr);
	put_addr(h, IFA_ADDRESS, addr);
	return ask(r, h, NULL);
}

int rtnl_addr_add(struct rtnl *r, int ifindex, const struct addr *addr)
{
	return change_addr(r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, ifindex,
			   addr);
}

int rtnl_addr_del(struct rtnl *r, int ifindex, const struct addr *addr)
{
	return change_addr(r, RTM_DELADDR, 0, ifindex, addr);
}

/* --- listening ------------------------------------------------------------ */

struct rtnl *rtnl_monitor(void)
{
	struct rtnl *r =
		open_socket(RTMGRP_LINK | RTMGRP_NEIGH | RTMGRP_IPV4_ROUTE |
				    RTMGRP_IPV6_ROUTE,
			    SOCK_NONBLOCK);
	int size = 1 << 20;

	/* More room means fewer RTNL_LOST; going without it is no error. */
	if (r)
		setsockopt(rtnl_fd(r), SOL_SOCKET, SO_RCVBUFFORCE, &size,
			   sizeof(size));
	return r;
}

int rtnl_fd(const struct rtnl *r)
{
	return mnl_socket_get_fd(r->nl);
}

/* False: the message tells of nothing that an event is made for. */
static bool parse_event(const struct nlmsghdr *h, struct rtnl_event *e)
{
	size_t len = mnl_nlmsg_get_payload_len(h);

	switch (h->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK: {
		const struct ifinfomsg *info = mnl_nlmsg_get_payload(h);

		/* A bridge tells of its ports leaving, too: the port stays. */
		if (len < sizeof(*info) || info->ifi_family != AF_UNSPEC)
			return false;
		parse_link(h, &e->link);
		e->kind = h->nlmsg_type == RTM_NEWLINK ? RTNL_LINK
						       : RTNL_LINK_GONE;
		return true;
	}
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		if (len < sizeof(struct ndmsg))
			return false;
		parse_neigh(h, &e->neigh);
		e->kind = h->nlmsg_type == RTM_NEWNEIGH ? RTNL_NEIGH
							: RTNL_NEIGH_GONE;
		return e->neigh.addr.family != 0;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		e->kind = RTNL_ROUTE;
		return true;
	}
	return false;
}

int rtnl_monitor_read(struct rtnl *r, rtnl_event_fn fn, void *arg)
{
	struct rtnl_event e;

	for (;;) {
		ssize_t n = mnl_socket_recvfrom(r->nl, r->buffer,
						sizeof(r->buffer));
		struct nlmsghdr *h = (struct nlmsghdr *)r->buffer;
		int left = n;

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n < 0 && errno == ENOBUFS) {
			memset(&e, 0, sizeof(e));
			e.kind = RTNL_LOST;
			fn(&e, arg);
			continue;
		}
		if (n <= 0)
			return n ? -errno : 0;
		for (; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
			memset(&e, 0, sizeof(e));
			if (parse_event(h, &e))
				fn(&e, arg);
		}
	}
}
