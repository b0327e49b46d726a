// SPDX-License-Identifier: GPL-2.0-only
/* Listening, new connections, and whose they are. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "baton/probe.h"
#include "descriptors.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/why.h"
#include "orphans.h"
#include "proxy.h"
#include "sockets.h"

#define BACKLOG 4096
#define PORT_TRIES 16
#define AT_ONCE 64 /* connections, before the rest of the loop has its turn */

static bool is_protected(const struct service *s)
{
	return s->config->policy != POLICY_NONE;
}

/* --- to the server ------------------------------------------------------------- */

static void take_sockaddr(const struct sockaddr_storage *ss, __be32 address[4],
			  uint16_t *port)
{
	const struct sockaddr_in *in4 = (const struct sockaddr_in *)ss;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)ss;

	if (ss->ss_family == AF_INET) {
		address[0] = in4->sin_addr.s_addr;
		*port = ntohs(in4->sin_port);
	} else {
		memcpy(address, &in6->sin6_addr, 16);
		*port = ntohs(in6->sin6_port);
	}
}

/* Both ends of a socket that has them. */
static int tuple_of(int fd, struct tuple *t)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	memset(t, 0, sizeof(*t));
	if (getsockname(fd, (struct sockaddr *)&ss, &len))
		return -errno;
	t->family = ss.ss_family == AF_INET ? 4 : 6;
	take_sockaddr(&ss, t->local, &t->local_port);
	len = sizeof(ss);
	if (getpeername(fd, (struct sockaddr *)&ss, &len))
		return -errno;
	take_sockaddr(&ss, t->remote, &t->remote_port);
	return 0;
}

/* The standby must know which two belong together before the server can. */
static int announce(struct service *s, struct conn *c, int fd)
{
	const struct config_service *config = s->config;
	struct proxy *p = s->proxy;
	uint8_t body[MESSAGE_TUPLES_MAX];
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct tuple t = { .family = config->server.family,
			   .remote_port = config->server_port };
	int err;

	if (getsockname(fd, (struct sockaddr *)&ss, &len))
		return -errno;
	take_sockaddr(&ss, t.local, &t.local_port);
	memcpy(t.remote, config->server.word, sizeof(t.remote));
	err = replica_pair(&p->replica, c, &t);
	if (!err && c->synced)
		guard_send(s, MESSAGE_PAIR, body, message_put_pair(c, body));
	return err;
}

/* Where it connects from: as the client, from its source, or from anywhere. */
static int bind_source(const struct service *s, int fd,
		       const struct tuple *client)
{
	const struct config_service *config = s->config;
	struct addr from = config->source;
	struct sockaddr_storage ss;
	uint16_t port = 0;
	socklen_t len;
	int err;

	if (config->transparent) {
		err = socket_transparent(fd, client->family);
		if (err)
			return err;
		from.family = client->family;
		memcpy(from.word, client->remote, sizeof(from.word));
		port = client->remote_port;
	}
	if (!from.family)
		return 0;
	len = addr_sockaddr(&from, port, &ss);
	return bind(fd, (struct sockaddr *)&ss, len) ? -errno : 0;
}

static int connect_server(struct service *s, struct conn *c,
			  const struct tuple *client)
{
	const struct config_service *config = s->config;
	struct sockaddr_storage ss;
	socklen_t len =
		addr_sockaddr(&config->server, config->server_port, &ss);
	int fd = socket(ss.ss_family,
			SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	err = socket_prepare(fd, s->proxy->config->buffer);
	err = err ?: bind_source(s, fd, client);
	if (!err && c)
		err = announce(s, c, fd);
	if (!err && connect(fd, (struct sockaddr *)&ss, len) &&
	    errno != EINPROGRESS)
		err = -errno;
	if (!err)
		return fd;
	close(fd);
	return err;
}

static int reach_server(struct service *s, struct conn *c, struct relay *r)
{
	struct tuple client;
	/* of one that is taken over the client may have no socket any more */
	int err = c ? 0 : tuple_of(r->end[CLIENT].fd, &client), fd = err;

	if (c)
		client = c->side[CLIENT].tuple;
	/* the kernel does not know which ports others have that are still to be
	 * taken over */
	for (int i = 0; !err && i < PORT_TRIES; i++) {
		fd = connect_server(s, c, &client);
		if (fd != -EEXIST || s->config->transparent)
			break;
	}
	return fd < 0 ? fd : relay_set(&s->proxy->relays, r, SERVER, fd, true);
}

void service_connect(struct service *s, struct conn *c, struct relay *r)
{
	struct proxy *p = s->proxy;
	int err = s->application ? application_add(s, c)
				 : reach_server(s, c, r);

	if (!err)
		return;
	log_warning("service %s: server: %s", s->config->name, strerror(-err));
	p->count.no_server++;
	if (c)
		c->relay = NULL;
	relay_end(&p->relays, r, true);
}

/* --- from clients ---------------------------------------------------------------- */

static void refuse(int fd)
{
	const struct linger at_once = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
}

/* Before the client's first byte the server is told who it is. */
static int greet(struct service *s, struct relay *r, const struct tuple *client)
{
	uint8_t header[PROXY_HEADER_MAX];
	size_t length = proxy_header_make(s->config->header, client, header);

	r->end[CLIENT].read = length; /* as if the client had said it */
	return relay_pend(r, SERVER, header, length);
}

static void take_client(struct service *s, int fd)
{
	struct proxy *p = s->proxy;
	struct side *side = NULL;
	struct conn *c = NULL;
	struct relay *r;
	struct tuple t;

	if (tuple_of(fd, &t)) { /* it is over already */
		refuse(fd);
		return;
	}
	if (is_protected(s)) {
		side = replica_find(&p->replica, &t);
		if (!side) {
			refuse(fd);
			return;
		}
		c = side_conn(side);
	} else if (p->relays.nr_of[s->index] >= s->config->connections) {
		p->count.refused++;
		refuse(fd);
		return;
	}
	r = relay_new(&p->relays, s->index, c);
	if (!r || socket_prepare(fd, p->config->buffer) || greet(s, r, &t) ||
	    relay_set(&p->relays, r, CLIENT, fd, false)) {
		if (r)
			relay_end(&p->relays, r, true);
		else
			refuse(fd);
		return;
	}
	p->count.accepted++;
	if (c)
		c->relay = r;
	service_connect(s, c, r);
}

/* Who cannot be let in is told so; the loop would turn for ever else. */
static void turn_away(struct service *s)
{
	struct proxy *p = s->proxy;
	int fd;

	if (p->spare >= 0)
		close(p->spare);
	fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0) {
		p->count.no_file++;
		refuse(fd);
	} else if (errno != EAGAIN) {
		s->deaf = true;
		uv_poll_stop(&s->poll);
	}
	p->spare = descriptors_spare();
}

static void on_clients(uv_poll_t *poll, int status, int events)
{
	struct service *s = poll->data;

	(void)status;
	(void)events;
	for (int i = 0; i < AT_ONCE; i++) {
		int fd = accept4(s->listener, NULL, NULL,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0)
			take_client(s, fd);
		else if (descriptors_lack(errno))
			turn_away(s);
		else if (errno != ECONNABORTED)
			return;
		if (s->deaf)
			return;
	}
}

int service_open(struct service *s, char *why, size_t size)
{
	const struct config_service *config = s->config;
	const int one = 1;
	struct sockaddr_storage ss;
	socklen_t len = addr_sockaddr(&config->vip, config->port, &ss);
	int fd = socket(ss.ss_family,
			SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return why_set(why, size, -errno, "service %s: %s",
			       config->name, strerror(errno));
	if (config->application) {
		int err = application_open(s, why, size);

		if (err) {
			close(fd);
			return err;
		}
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	/* the agent may give this host the VIP later */
	setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &one, sizeof(one));
	socket_prepare(
		fd,
		s->proxy->config
			->buffer); /* windows are agreed upon before accept() */
	if (bind(fd, (struct sockaddr *)&ss, len) || listen(fd, BACKLOG)) {
		int err = -errno;

		close(fd);
		return why_set(why, size, err,
			       "service %s: port %u of its VIP: %s",
			       config->name, config->port, strerror(-err));
	}
	s->listener = fd;
	uv_poll_init(s->proxy->loop, &s->poll, fd);
	s->poll.data = s;
	return uv_poll_start(&s->poll, UV_READABLE, on_clients);
}

void service_listen_again(struct service *s)
{
	if (s->deaf)
		uv_poll_start(&s->poll, UV_READABLE, on_clients);
	s->deaf = false;
}

/* --- roles -------------------------------------------------------------------------- */

/* The kernel has some nevertheless when it is still to be let in, or is closing:
 * they would be in the way if it came back. What the kernel says to its ends is
 * not heard, as it is no owner's. */
static void forget_sockets(struct proxy *p, const struct conn *c)
{
	for (int i = 0; i < NR_SIDES; i++)
		if (c->side[i].known)
			orphan_destroy(p->orphans, &c->side[i].tuple);
}

/*
 * Another host speaks for these connections now; this one must not say a word
 * any more, so packets that still wait go nowhere. What is known of the connections
 * stays until the other host has told all: if it dies before, there is nobody else
 * who knows.
 */
static void abandon(struct service *s)
{
	struct proxy *p = s->proxy;
	uint64_t now = clock_ns();

	for (struct conn *c = p->replica.conns[s->index]; c; c = c->next) {
		takeover_forget(p, c);
		if (c->relay)
			relay_abandon(&p->relays, c->relay);
		else
			forget_sockets(p, c);
		c->relay = NULL;
		application_forget(s, c);
		replica_hand_over(c);
		c->touched = now;
	}
	waiting_disown(&p->out.waiting, s);
	s->syncing = false;
	s->snapshot_end = 0;
	s->complete = false;
}

void service_begin(struct service *s)
{
	if (!s->fresh)
		return;
	s->fresh = false;
	takeover_prepare(s);
	guard_service(s); /* before anything is said */
	takeover_service(s);
	active_begin(s);
}

/* Of two epochs of an owner. Nothing is older than none. */
static bool is_older(uint32_t epoch, uint32_t than)
{
	return than && (int32_t)(epoch - than) < 0;
}

void service_role(struct service *s, uint32_t epoch, bool plays)
{
	enum baton_link_role role = plays ? BATON_LINK_ROLE_OWNER
					  : BATON_LINK_ROLE_STANDBY;
	struct proxy *p = s->proxy;
	int err;

	if (is_older(epoch, s->epoch) || (epoch == s->epoch && role == s->role))
		return;
	if (s->role == BATON_LINK_ROLE_OWNER && !plays) {
		log_notice("service %s: owner %s is another host's, epoch %u",
			   s->config->name, s->config->owner, epoch);
		abandon(s);
	}
	s->role = role;
	s->epoch = epoch;
	err = p->link ? link_owner(p->link, s->tag, role, epoch) : 0;
	if (err)
		log_warning("service %s: epoch %u: %s", s->config->name, epoch,
			    strerror(-err));
	/* Whoever has stood by takes over what it has; whoever has just been
	 * started asks. */
	s->fresh = plays && (p->starting || s->fresh) && p->config->nr_peers;
	if (plays && !s->fresh)
		takeover_prepare(s);
	claims_stir(p);
	guard_role(s); /* before anything is said */
	if (plays && !s->fresh) {
		takeover_service(s);
		active_begin(s);
	}
}

/* What waited to be read is older than what the map said when it was asked. */
static void watch_epochs(struct service *s,
			 const struct baton_ownership_event *said)
{
	if (said->heard < s->told_at)
		return;
	if (is_older(said->epoch, s->told))
		log_warning("service %s: owner %s: the switch says epoch %u, "
			    "after it has said %u: this is not followed until "
			    "baton-proxy is started again (was the switch's "
			    "clock set back, and its maps made anew?)",
			    s->config->name, s->config->owner, said->epoch,
			    s->told);
	else
		s->told = said->epoch;
	s->told_at = said->heard;
}

void service_told(struct service *s, const struct baton_ownership_event *said)
{
	watch_epochs(s, said);
	service_role(s, said->epoch, said->plays);
}
