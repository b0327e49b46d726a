// SPDX-License-Identifier: GPL-2.0-only
#include "ports.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "lib/ethtool.h"
#include "lib/xdp_features.h"

static void note(struct port *p, const char *text)
{
	if (p->nr_notes < PORT_NOTES)
		snprintf(p->notes[p->nr_notes++], XDP_WHY, "%.*s", XDP_WHY - 1,
			 text);
}

static void advise(const char *advice, void *arg)
{
	struct port *p = arg;

	log_warning("port %s: %s", p->interface, advice);
	note(p, advice);
}

/* Frames that a device does not take are dropped without a trace. */
static void check_redirects(struct port *p, const char *kind)
{
	int takes = xdp_takes_redirects(p->ifindex);
	char text[XDP_WHY];

	if (takes < 0)
		log_debug("port %s: whether it takes redirected frames: %s",
			  p->interface, strerror(-takes));
	if (takes || p->xdp.mode != XDP_NATIVE)
		return;
	if (!strcmp(kind, "veth"))
		snprintf(text, sizeof(text),
			 "%s drops frames that are redirected to it, as its "
			 "other end has no GRO. There, while both ends are up: "
			 "ethtool -K DEVICE gro off; ethtool -K DEVICE gro on",
			 p->interface);
	else
		snprintf(text, sizeof(text),
			 "the driver of %s does not take redirected frames; "
			 "use mode generic",
			 p->interface);
	advise(text, p);
}

/* Answers go back to clients by the kernel's routing table, which refuses to
 * forward unless told to. */
static void check_forwarding(void)
{
	static const char *const files[] = {
		"/proc/sys/net/ipv4/ip_forward",
		"/proc/sys/net/ipv6/conf/all/forwarding",
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		FILE *f = fopen(files[i], "re");

		if (f && fgetc(f) == '0')
			log_notice("%s is 0: answers of hosts are not "
				   "forwarded to clients (no matter with "
				   "direct server return)",
				   files[i]);
		if (f)
			fclose(f);
	}
}

static int attach(struct batond *b, const struct config_port *c,
		  enum xdp_mode mode)
{
	struct port *p = &b->ports[b->nr_ports];
	char why[DATAPLANE_WHY];
	struct rtnl_link link;
	int err;

	memset(p, 0, sizeof(*p));
	snprintf(p->interface, sizeof(p->interface), "%s", c->interface);
	err = rtnl_link(b->rtnl, c->interface, &link);
	if (err) {
		log_error("%s:%d: port %s: %s", b->path, c->line, c->interface,
			  err == -ENODEV ? "no such interface"
					 : strerror(-err));
		return err;
	}
	p->ifindex = link.ifindex;
	p->link_up = link.flags & IFF_RUNNING;
	err = dataplane_attach(&b->dp, c->interface, mode, &p->xdp, why);
	if (err) {
		log_error("%s:%d: port %s: %s", b->path, c->line, c->interface,
			  why);
		return err;
	}
	if (why[0]) {
		log_notice("port %s: %s", c->interface, why);
		note(p, why);
	}
	ethtool_advise(c->interface, link.kind, advise, p);
	check_redirects(p, link.kind);
	b->nr_ports++;
	return 0;
}

static void leave_others(struct batond *b)
{
	uint32_t ifindex[BATON_MAX_PORTS];
	size_t n = dataplane_ports(&b->dp, ifindex, BATON_MAX_PORTS);
	char why[DATAPLANE_WHY];

	for (size_t i = 0; i < n; i++) {
		bool kept = false;

		for (size_t j = 0; j < b->nr_ports; j++)
			kept |= b->ports[j].ifindex == ifindex[i];
		if (!kept && dataplane_detach(&b->dp, ifindex[i], why))
			log_warning("%s", why);
	}
}

int ports_attach(struct batond *b, const struct config *c)
{
	b->nr_ports = 0;
	for (size_t i = 0; i < c->nr_ports; i++) {
		enum xdp_mode mode = c->ports[i].mode ? c->ports[i].mode
						      : c->mode;
		int err = attach(b, &c->ports[i], mode);

		/* A card that broke must not keep detection from starting
		 * again for the others. */
		if (err == -ENODEV && b->dp.adopted)
			continue;
		if (err)
			return err;
	}
	leave_others(b);
	check_forwarding();
	return 0;
}
