// SPDX-License-Identifier: GPL-2.0-only
#include "orphans.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>

#define TCP_LISTENING 10 /* enum tcp_state of the kernel */

struct search {
	const struct config *config;
	struct mnl_socket *destroy;
	uint8_t family;
	int found;
};

/* Nobody else has a transparent socket to the server of such a service. */
static bool is_transparent(const struct nlmsghdr *n)
{
	const struct nlattr *a;

	mnl_attr_for_each(a, n, sizeof(struct inet_diag_msg)) {
		struct inet_diag_sockopt options;

		if (mnl_attr_get_type(a) != INET_DIAG_SOCKOPT ||
		    mnl_attr_get_payload_len(a) < sizeof(options))
			continue;
		memcpy(&options, mnl_attr_get_payload(a), sizeof(options));
		return options.transparent;
	}
	return false;
}

static bool is_ours(const struct search *s, const struct nlmsghdr *n)
{
	const struct inet_diag_msg *m = mnl_nlmsg_get_payload(n);
	const struct inet_diag_sockid *id = &m->id;
	struct addr a = { .family = s->family }, to = a;
	size_t len = s->family == 4 ? 4 : 16;

	memcpy(a.word, id->idiag_src, len);
	memcpy(to.word, id->idiag_dst, len);
	for (size_t i = 0; i < s->config->nr_services; i++) {
		const struct config_service *c = &s->config->services[i];

		if (c->policy == POLICY_NONE)
			continue;
		if (addr_equal(&a, &c->source) ||
		    (addr_equal(&a, &c->vip) &&
		     ntohs(id->idiag_sport) == c->port) ||
		    (c->transparent && addr_equal(&to, &c->server) &&
		     ntohs(id->idiag_dport) == c->server_port &&
		     is_transparent(n)))
			return true;
	}
	return false;
}

static struct nlmsghdr *request(char *buffer, int type, int flags,
				uint8_t family,
				const struct inet_diag_sockid *id)
{
	struct nlmsghdr *n = mnl_nlmsg_put_header(buffer);
	struct inet_diag_req_v2 *r;

	n->nlmsg_type = type;
	n->nlmsg_flags = NLM_F_REQUEST | flags;
	r = mnl_nlmsg_put_extra_header(n, sizeof(*r));
	r->sdiag_family = family == 4 ? AF_INET : AF_INET6;
	r->sdiag_protocol = IPPROTO_TCP;
	r->idiag_states = ~(1u << TCP_LISTENING);
	if (id)
		r->id = *id;
	return n;
}

static int take_socket(const struct nlmsghdr *n, void *data)
{
	const struct inet_diag_msg *m = mnl_nlmsg_get_payload(n);
	struct search *s = data;
	char buffer[256];

	if (!is_ours(s, n))
		return MNL_CB_OK;
	s->found++;
	n = request(buffer, SOCK_DESTROY, 0, s->family, &m->id);
	mnl_socket_sendto(s->destroy, n, n->nlmsg_len);
	return MNL_CB_OK;
}

static int search(struct search *s, struct mnl_socket *dump)
{
	char buffer[32768];
	struct nlmsghdr *n = request(buffer, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP,
				     s->family, NULL);
	ssize_t len;
	int more = 1;

	if (mnl_socket_sendto(dump, n, n->nlmsg_len) < 0)
		return -errno;
	while (more > 0) {
		len = mnl_socket_recvfrom(dump, buffer, sizeof(buffer));
		if (len <= 0)
			return -errno;
		more = mnl_cb_run(buffer, len, 0, mnl_socket_get_portid(dump),
				  take_socket, s);
	}
	return more < 0 ? -errno : 0;
}

int orphans_destroy(const struct config *c)
{
	struct search s = { .config = c };
	struct mnl_socket *dump =
		mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	int err = 0;

	s.destroy = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	if (!dump || !s.destroy || mnl_socket_bind(dump, 0, 0) < 0)
		err = -errno;
	for (s.family = 4; !err && s.family <= 6; s.family += 2)
		err = search(&s, dump);
	if (dump)
		mnl_socket_close(dump);
	if (s.destroy)
		mnl_socket_close(s.destroy);
	return err ?: s.found;
}
