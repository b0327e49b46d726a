// SPDX-License-Identifier: GPL-2.0-only
#include "resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>

/* While some host is not resolved, and to notice what no event tells. */
#define RETRY_MS 1000

#define IPV6_MIN_MTU 1280
#define OUTER_MAX 52 /* IPv6, UDP and GUE headers */

static uint32_t add_words(uint32_t sum, const void *data, size_t bytes)
{
	uint16_t word;

	for (size_t i = 0; i < bytes; i += 2) {
		memcpy(&word, (const char *)data + i, 2);
		sum += word;
	}
	return sum;
}

static const struct port *port_of(const struct batond *b, uint32_t ifindex)
{
	for (size_t i = 0; i < b->nr_ports; i++)
		if (b->ports[i].ifindex == ifindex)
			return &b->ports[i];
	return NULL;
}

/* The way to the host: by its interface if it names one, else by a route. */
static enum resolved find_way(struct batond *b, const struct config_host *h,
			      struct rtnl_link *link, struct rtnl_route *route)
{
	int err = rtnl_route_get(b->rtnl, &h->address, route);

	if (h->interface[0]) {
		if (rtnl_link(b->rtnl, h->interface, link))
			return RESOLVED_NO_PORT;
		if (err || route->ifindex != link->ifindex)
			memset(route, 0, sizeof(*route));
		route->ifindex = link->ifindex;
	} else if (err || rtnl_link_index(b->rtnl, route->ifindex, link)) {
		return RESOLVED_NO_ROUTE;
	}
	return port_of(b, link->ifindex) ? RESOLVED_NOT : RESOLVED_NO_PORT;
}

static void find_mac(struct batond *b, const struct config_host *h,
		     const struct rtnl_route *route, union baton_hop *hop)
{
	const struct addr *next = route->gateway.family ? &route->gateway
							: &h->address;
	struct rtnl_neigh neigh;

	if (!mac_is_zero(h->mac)) {
		memcpy(hop->mac, h->mac, 6);
		return;
	}
	if (!rtnl_neigh_get(b->rtnl, route->ifindex, next, &neigh) &&
	    rtnl_neigh_usable(&neigh))
		memcpy(hop->mac, neigh.mac, 6);
	else
		rtnl_neigh_resolve(b->rtnl, route->ifindex, next);
}

static void fill_outer(const struct batond *b, const struct config_host *h,
		       const struct rtnl_route *route, struct baton_host *r)
{
	const struct addr *own = h->address.family == 4 ? &b->config.address4
							: &b->config.address6;
	const struct addr *src = own->family ? own : &route->source;
	const uint16_t dont_fragment = htons(0x4000);

	r->forward = h->forward;
	if (h->forward == BATON_FORWARD_L2)
		return;
	r->outer_family = h->address.family;
	r->gue_port = htons(h->gue_port);
	memcpy(r->outer_src, src->word, sizeof(r->outer_src));
	memcpy(r->outer_dst, h->address.word, sizeof(r->outer_dst));
	r->outer_sum = add_words(0, &dont_fragment, 2);
	r->outer_sum = add_words(r->outer_sum, r->outer_src, 4);
	r->outer_sum = add_words(r->outer_sum, r->outer_dst, 4);
}

/*
 * A record in use changes in place only when the kernel's way to the host
 * did; frames on the old way are lost at that moment with or without us. The
 * hop, which decides whether the record is used at all, is written last.
 */
static void write_record(struct baton_host *to, const struct baton_host *from)
{
	struct baton_host all = *to;

	all.hop = from->hop;
	if (memcmp(&all, from, sizeof(all))) {
		all = *from;
		all.hop.word = to->hop.word;
		memcpy((char *)to + sizeof(all.hop),
		       (const char *)from + sizeof(all.hop),
		       sizeof(all) - sizeof(all.hop));
	}
	__atomic_store_n(&to->hop.word, from->hop.word, __ATOMIC_SEQ_CST);
}

/*
 * What an operator should know of a way that was just found, or not found. An
 * IPv6 sender that is told to send less than 1280 bytes does not (RFC 8201).
 */
static void tell_state(struct batond *b, const struct config_host *h,
		       const struct rtnl_link *link,
		       const struct baton_host *record, enum resolved state)
{
	if (state == RESOLVED_NO_PORT)
		event(&b->events, LOG_L_WARNING, "unresolved",
		      json_pack("{s:s, s:s}", "host", h->name, "interface",
				link->name),
		      "host %s is reached through %s, which is not among the "
		      "ports",
		      h->name, link->name[0] ? link->name : h->interface);
	else if (state == RESOLVED_NO_ROUTE)
		event(&b->events, LOG_L_WARNING, "unresolved",
		      json_pack("{s:s}", "host", h->name),
		      "host %s: no route to its address", h->name);
	else if (record->outer_family && record->mtu < OUTER_MAX + IPV6_MIN_MTU)
		log_notice("host %s: a path of %u bytes leaves less than %d "
			   "inside the tunnel; large IPv6 packets will be lost",
			   h->name, record->mtu, IPV6_MIN_MTU);
}

void resolve_host(struct batond *b, const struct config_host *h, uint16_t id)
{
	struct host_path *path = &b->path_to[id];
	struct baton_host record = { 0 };
	struct rtnl_route route = { 0 };
	struct rtnl_link link = { 0 };
	enum resolved state = find_way(b, h, &link, &route);

	memcpy(path->interface, link.name, sizeof(path->interface));
	if (state == RESOLVED_NOT) {
		record.hop.vlan = h->vlan;
		find_mac(b, h, &route, &record.hop);
		memcpy(record.src_mac, link.mac, 6);
		record.mtu = route.mtu ?: link.mtu;
		record.ifindex = link.ifindex;
		fill_outer(b, h, &route, &record);
		/* A neighbour that is just being asked again keeps the
		 * address it had: whether it lives, detection says. */
		if (mac_is_zero(record.hop.mac) &&
		    b->dp.hosts[id].ifindex == record.ifindex)
			record.hop = b->dp.hosts[id].hop;
		write_record(&b->dp.hosts[id], &record);
		if (!mac_is_zero(record.hop.mac))
			state = RESOLVED;
	}
	if (state != path->state)
		tell_state(b, h, &link, &record, state);
	path->state = state;
}

void resolve_all(struct batond *b)
{
	for (size_t i = 0; i < b->config.nr_hosts; i++) {
		const struct config_host *h = &b->config.hosts[i];
		uint16_t id = ids_find(&b->hosts, h->name);

		if (id)
			resolve_host(b, h, id);
	}
}

/* --- following the kernel --------------------------------------------------- */

/* Hosts behind a port whose link is down are probably gone; that they are, only
 * unanswered probes say. */
static void hint_behind(struct batond *b, const char *interface)
{
	prober_lock(&b->prober);
	for (uint16_t i = 1; i <= b->cluster.max_host; i++)
		if (!strcmp(b->path_to[i].interface, interface))
			prober_hint(&b->prober, i);
	prober_unlock(&b->prober);
}

static void link_event(struct batond *b, const struct rtnl_link *link,
		       bool gone)
{
	for (size_t i = 0; i < b->nr_ports; i++) {
		struct port *p = &b->ports[i];
		bool up = !gone && link->flags & IFF_RUNNING;

		if (p->ifindex != (uint32_t)link->ifindex || p->link_up == up)
			continue;
		p->link_up = up;
		if (!up)
			hint_behind(b, p->interface);
		event(&b->events, up ? LOG_L_NOTICE : LOG_L_WARNING,
		      up ? "link_up" : "link_down",
		      json_pack("{s:s}", "interface", p->interface),
		      "port %s: link %s", p->interface,
		      gone ? "gone"
		      : up ? "up"
			   : "down");
	}
}

static void on_event(const struct rtnl_event *e, void *arg)
{
	struct batond *b = arg;

	if (e->kind == RTNL_LINK || e->kind == RTNL_LINK_GONE)
		link_event(b, &e->link, e->kind == RTNL_LINK_GONE);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct batond *b = poll->data;

	(void)status;
	(void)events;
	if (!rtnl_monitor_read(b->monitor, on_event, b))
		resolve_all(b);
}

static void on_retry(uv_timer_t *timer)
{
	resolve_all(timer->data);
}

int resolve_watch(struct batond *b)
{
	static uv_poll_t poll;
	static uv_timer_t timer;
	int err;

	b->monitor = rtnl_monitor();
	if (!b->monitor)
		return -errno;
	poll.data = b;
	timer.data = b;
	err = uv_poll_init(&b->loop, &poll, rtnl_fd(b->monitor));
	if (!err)
		err = uv_poll_start(&poll, UV_READABLE, on_readable);
	uv_timer_init(&b->loop, &timer);
	uv_timer_start(&timer, on_retry, RETRY_MS, RETRY_MS);
	return err;
}
