// SPDX-License-Identifier: GPL-2.0-only
#include "apply.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <net/if.h>
#include <stdbool.h>
#include <string.h>

#include "arp.h"
#include "lib/log.h"
#include "lib/rtnl.h"

void apply_settings(struct baton_host_settings *s, const struct config *c,
		    const struct probe_key *key)
{
	uint32_t flags = s->flags & ~(BATON_HOST_PROBES | BATON_HOST_LEASE);

	if (c->lease)
		flags |= BATON_HOST_LEASE;
	s->gue_port = htons(c->gue_port);
	s->probe_port = htons(c->probe_port);
	if (key) {
		memcpy(s->key, key->word, sizeof(s->key));
		flags |= BATON_HOST_PROBES;
	} else {
		explicit_bzero(s->key, sizeof(s->key));
	}
	s->flags = flags;
}

static bool listed(const struct config_address *list, size_t n,
		   const struct addr *a)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (addr_equal(&list[i].addr, a))
			return true;
	return false;
}

/*
 * Take the keys out of a set that are not in the list. `leave` is told of each
 * one first; it may keep the key in the set by returning an error.
 */
static int prune(int fd, const struct config_address *list, size_t n,
		 int (*leave)(const struct addr *a, uint32_t value, void *arg),
		 void *arg)
{
	struct baton_host_address key, next;
	bool more = !bpf_map_get_next_key(fd, NULL, &key);
	int err = 0;

	while (more) {
		uint32_t value = 0;
		struct addr a;
		int kept = 0;

		/* The next one is found while this one is still there. */
		more = !bpf_map_get_next_key(fd, &key, &next);
		pins_addr(&key, &a);
		if (!listed(list, n, &a)) {
			bpf_map_lookup_elem(fd, &key, &value);
			if (leave)
				kept = leave(&a, value, arg);
			if (kept)
				err = kept;
			else
				bpf_map_delete_elem(fd, &key);
		}
		key = next;
	}
	return err;
}

static int set(int fd, const struct addr *a, uint32_t value)
{
	struct baton_host_address key;
	int err = 0;

	pins_key(a, &key);
	if (bpf_map_update_elem(fd, &key, &value, BPF_ANY)) {
		char text[ADDR_TEXT];

		err = -errno;
		log_error("%s: cannot tell the XDP program of it: %s",
			  addr_format(a, text), strerror(-err));
	}
	return err;
}

static int apply_list(int fd, const struct config_address *list, size_t n)
{
	int err = prune(fd, list, n, NULL, NULL);

	for (size_t i = 0; i < n && !err; i++)
		err = set(fd, &list[i].addr, 1);
	return err;
}

int apply_peers(const struct pins *p, const struct config *c)
{
	int err = apply_list(p->fd[PIN_switches], c->switches, c->nr_switches);

	return err ?: apply_list(p->fd[PIN_servers], c->servers, c->nr_servers);
}

struct loopback {
	struct rtnl *rtnl;
	int ifindex;
};

static int put_on_lo(struct loopback *lo, const struct addr *a, uint32_t *value)
{
	int err = rtnl_addr_add(lo->rtnl, lo->ifindex, a);
	char text[ADDR_TEXT];

	if (err && err != -EEXIST) {
		log_error("%s: cannot put it on lo: %s%s", addr_format(a, text),
			  strerror(-err),
			  a->family == 6 ? " (is IPv6 enabled on lo?)" : "");
		return err;
	}
	/* Where it was before, it belongs to who put it there. */
	if (!err)
		*value |= BATON_HOST_VIP_ADDED;
	return 0;
}

static int take_off_lo(const struct addr *a, uint32_t value, void *arg)
{
	struct loopback *lo = arg;
	char text[ADDR_TEXT];
	int err;

	if (!(value & BATON_HOST_VIP_ADDED))
		return 0;
	err = rtnl_addr_del(lo->rtnl, lo->ifindex, a);
	if (err == -EADDRNOTAVAIL)
		err = 0;
	if (err)
		log_error("%s: cannot take it off lo: %s", addr_format(a, text),
			  strerror(-err));
	return err;
}

static int apply_vip(const struct pins *p, const struct addr *a, bool manage,
		     struct loopback *lo)
{
	struct baton_host_address key;
	uint32_t value = 0;
	int err = 0;

	pins_key(a, &key);
	bpf_map_lookup_elem(p->fd[PIN_vips], &key, &value);
	value |= BATON_HOST_VIP;
	if (manage) {
		err = put_on_lo(lo, a, &value);
	} else {
		err = take_off_lo(a, value, lo);
		value &= ~BATON_HOST_VIP_ADDED;
	}
	return err ? err : set(p->fd[PIN_vips], a, value);
}

static int open_loopback(struct loopback *lo)
{
	struct rtnl_link link;
	int err;

	lo->rtnl = rtnl_open();
	if (!lo->rtnl)
		return -errno;
	err = rtnl_link(lo->rtnl, "lo", &link);
	if (err) {
		rtnl_close(lo->rtnl);
		return err;
	}
	lo->ifindex = link.ifindex;
	if (!(link.flags & IFF_UP))
		log_warning("lo is down, and with it every VIP: "
			    "ip link set lo up");
	return 0;
}

static bool any_ipv4(const struct config *c)
{
	size_t i;

	for (i = 0; i < c->nr_vips; i++)
		if (c->vips[i].addr.family == 4)
			return true;
	return false;
}

int apply_vips(const struct pins *p, const struct config *c)
{
	struct loopback lo;
	int err = open_loopback(&lo), first = 0;
	size_t i;

	if (err) {
		log_error("lo: %s", strerror(-err));
		return err;
	}
	/* Silence comes before the address, and goes after it. */
	if (c->manage_vips && any_ipv4(c))
		first = arp_silence(p->settings);
	err = prune(p->fd[PIN_vips], c->vips, c->nr_vips, take_off_lo, &lo);
	for (i = 0; i < c->nr_vips && !first; i++) {
		int vip_err =
			apply_vip(p, &c->vips[i].addr, c->manage_vips, &lo);

		err = err ? err : vip_err;
	}
	rtnl_close(lo.rtnl);
	if (!err && !first && !(c->manage_vips && any_ipv4(c)))
		err = arp_restore(p->settings);
	return first ? first : err;
}

int apply_nothing(const struct pins *p)
{
	struct config none = { 0 };

	return apply_vips(p, &none);
}
