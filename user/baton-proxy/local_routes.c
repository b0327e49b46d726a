// SPDX-License-Identifier: GPL-2.0-only
#include "local_routes.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

#include "lib/why.h"
#include "netlink.h"

static const struct {
	uint8_t version;
	uint8_t af;
	uint8_t bits; /* of an address */
} families[] = { { 4, AF_INET, 32 }, { 6, AF_INET6, 128 } };

#define NR_FAMILIES (sizeof(families) / sizeof(families[0]))

/* --- the table: every address is local ----------------------------------------- */

static int change_table(struct mnl_socket *nl, uint8_t af, int type, int flags)
{
	char buffer[256];
	struct nlmsghdr *n = mnl_nlmsg_put_header(buffer);
	struct rtmsg *r;

	n->nlmsg_type = type;
	n->nlmsg_flags = flags;
	r = mnl_nlmsg_put_extra_header(n, sizeof(*r));
	r->rtm_family = af;
	r->rtm_protocol = RTPROT_STATIC;
	r->rtm_scope = RT_SCOPE_HOST;
	r->rtm_type = RTN_LOCAL;
	mnl_attr_put_u32(n, RTA_TABLE, LOCAL_ROUTES_TABLE);
	mnl_attr_put_u32(n, RTA_OIF, if_nametoindex("lo"));
	return netlink_ask(nl, n);
}

/* --- rules: what comes from a server is looked up there ------------------------ */

static struct nlmsghdr *rule(char *buffer, uint8_t af, int type, int flags)
{
	struct nlmsghdr *n = mnl_nlmsg_put_header(buffer);
	struct fib_rule_hdr *r;

	n->nlmsg_type = type;
	n->nlmsg_flags = flags;
	r = mnl_nlmsg_put_extra_header(n, sizeof(*r));
	r->family = af;
	r->action = FR_ACT_TO_TBL;
	mnl_attr_put_u32(n, FRA_TABLE, LOCAL_ROUTES_TABLE);
	mnl_attr_put_u32(n, FRA_PRIORITY, LOCAL_ROUTES_TABLE);
	return n;
}

static int add_server(struct mnl_socket *nl, size_t family,
		      const struct config_service *s)
{
	const struct fib_rule_port_range port = { s->server_port,
						  s->server_port };
	char buffer[256];
	struct nlmsghdr *n = rule(buffer, families[family].af, RTM_NEWRULE,
				  NLM_F_CREATE | NLM_F_EXCL);
	struct fib_rule_hdr *r = mnl_nlmsg_get_payload(n);
	int err;

	r->src_len = families[family].bits;
	mnl_attr_put(n, FRA_SRC, families[family].bits / 8, s->server.word);
	mnl_attr_put_u8(n, FRA_IP_PROTO, IPPROTO_TCP);
	mnl_attr_put(n, FRA_SPORT_RANGE, sizeof(port), &port);
	err = netlink_ask(nl, n);
	return err == -EEXIST ? 0 : err;
}

static int install_family(struct mnl_socket *nl, size_t family,
			  const struct config *c)
{
	bool table = false;
	int err = 0;

	for (size_t i = 0; !err && i < c->nr_services; i++) {
		const struct config_service *s = &c->services[i];

		if (!s->transparent ||
		    s->server.family != families[family].version)
			continue;
		if (!table)
			err = change_table(nl, families[family].af,
					   RTM_NEWROUTE,
					   NLM_F_CREATE | NLM_F_REPLACE);
		table = true;
		err = err ?: add_server(nl, family, s);
	}
	return err;
}

/* --- all ------------------------------------------------------------------------ */

static struct mnl_socket *open_socket(void)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);

	if (nl && mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0) {
		mnl_socket_close(nl);
		return NULL;
	}
	return nl;
}

int local_routes_install(const struct config *c, char *why, size_t size)
{
	struct mnl_socket *nl = open_socket();
	int err = nl ? 0 : -errno;

	for (size_t i = 0; !err && i < NR_FAMILIES; i++)
		err = install_family(nl, i, c);
	if (nl)
		mnl_socket_close(nl);
	return err ? why_set(why, size, err,
			     "transparent: rules of the routing policy: %s "
			     "(has the kernel IP_MULTIPLE_TABLES and "
			     "IPV6_MULTIPLE_TABLES?)",
			     strerror(-err))
		   : 0;
}

void local_routes_remove(void)
{
	struct mnl_socket *nl = open_socket();
	char buffer[256];

	for (size_t i = 0; nl && i < NR_FAMILIES; i++) {
		uint8_t af = families[i].af;

		while (!netlink_ask(nl, rule(buffer, af, RTM_DELRULE, 0)))
			;
		change_table(nl, af, RTM_DELROUTE, 0);
	}
	if (nl)
		mnl_socket_close(nl);
}
