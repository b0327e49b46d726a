// SPDX-License-Identifier: GPL-2.0-only
#include "orphans.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define TCP_LISTENING 10 /* enum tcp_state of the kernel */

struct orphans {
	struct mnl_socket *dump, *destroy;
};

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

/* It is gone when this returns; what the kernel answers is of no interest. */
static void destroy(struct mnl_socket *socket, uint8_t family,
		    const struct inet_diag_sockid *id)
{
	char buffer[256];
	const struct nlmsghdr *n = request(buffer, SOCK_DESTROY, 0, family, id);

	mnl_socket_sendto(socket, n, n->nlmsg_len);
	while (recv(mnl_socket_get_fd(socket), buffer, sizeof(buffer),
		    MSG_DONTWAIT) > 0)
		;
}

static int take_socket(const struct nlmsghdr *n, void *data)
{
	const struct inet_diag_msg *m = mnl_nlmsg_get_payload(n);
	struct search *s = data;

	if (!is_ours(s, n))
		return MNL_CB_OK;
	s->found++;
	destroy(s->destroy, s->family, &m->id);
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

int orphans_destroy(struct orphans *o, const struct config *c)
{
	struct search s = { .config = c, .destroy = o->destroy };
	int err = 0;

	for (s.family = 4; !err && s.family <= 6; s.family += 2)
		err = search(&s, o->dump);
	return err ?: s.found;
}

void orphan_destroy(struct orphans *o, const struct tuple *t)
{
	struct inet_diag_sockid id = {
		.idiag_sport = htons(t->local_port),
		.idiag_dport = htons(t->remote_port),
		.idiag_cookie = { INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE },
	};
	char buffer[4096];
	const struct nlmsghdr *n;
	const struct inet_diag_msg *m;
	ssize_t len;

	if (!o)
		return;
	memcpy(id.idiag_src, t->local, sizeof(t->local));
	memcpy(id.idiag_dst, t->remote, sizeof(t->remote));
	n = request(buffer, SOCK_DIAG_BY_FAMILY, 0, t->family, &id);
	if (mnl_socket_sendto(o->destroy, n, n->nlmsg_len) < 0)
		return;
	len = recv(mnl_socket_get_fd(o->destroy), buffer, sizeof(buffer),
		   MSG_DONTWAIT);
	n = (const struct nlmsghdr *)buffer;
	m = mnl_nlmsg_get_payload(n);
	/* where there is none, the kernel finds who would take one */
	if (len >= (ssize_t)(sizeof(*n) + sizeof(*m)) &&
	    n->nlmsg_type == SOCK_DIAG_BY_FAMILY &&
	    m->idiag_state != TCP_LISTENING)
		destroy(o->destroy, t->family, &m->id);
}

void orphans_close(struct orphans *o)
{
	if (o->dump)
		mnl_socket_close(o->dump);
	if (o->destroy)
		mnl_socket_close(o->destroy);
	free(o);
}

struct orphans *orphans_open(void)
{
	struct orphans *o = calloc(1, sizeof(*o));
	int err;

	if (!o)
		return NULL;
	o->dump = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	o->destroy = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	if (o->dump && o->destroy && !mnl_socket_bind(o->dump, 0, 0))
		return o;
	err = errno;
	orphans_close(o);
	errno = err;
	return NULL;
}
