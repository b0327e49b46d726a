// SPDX-License-Identifier: GPL-2.0-only
/* What a component does with a peer, and how a link calls it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lib/clock.h"
#include "lib/link/link_conn.h"

bool link_is_name(const char *name)
{
	size_t i;

	for (i = 0; name[i]; i++) {
		if (name[i] <= ' ' || name[i] > '~')
			return false;
	}
	return i > 0 && i < BATON_LINK_NAME_LEN;
}

struct link_peer *link_peer_named(const struct link *link, const char *name)
{
	struct link_peer *p;

	for (p = link->peers; p && strcmp(p->name, name); p = p->next)
		;
	return p;
}

bool link_peer_knows(void *arg, const char *name, const struct link_public *key)
{
	const struct link_peer *p = link_peer_named(arg, name);

	return p && !memcmp(&p->key, key, sizeof(*key));
}

struct link_peer *link_peer_add(struct link *link, const char *name,
				const struct link_public *key)
{
	struct link_peer *p;

	if (!link_is_name(name) || !strcmp(name, link->node)) {
		errno = EINVAL;
		return NULL;
	}
	if (link_peer_named(link, name)) {
		errno = EEXIST;
		return NULL;
	}
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->link = link;
	strcpy(p->name, name);
	p->key = *key;
	uv_timer_init(link->loop, &p->retry);
	p->retry.data = p;
	link->handles++;
	p->next = link->peers;
	link->peers = p;
	return p;
}

/* --- calling it --- */

static void on_connected(uv_connect_t *connect, int status)
{
	struct link_conn *c = connect->data;

	if (c->over)
		return;
	if (status)
		link_conn_end(c, BATON_LINK_BAD_GONE, "cannot connect: %s",
			      uv_strerror(status));
	else
		link_conn_start(c);
}

static void call(uv_timer_t *timer)
{
	struct link_peer *p = timer->data;
	struct sockaddr_storage ss;
	struct link_conn *c;
	int err;

	if (p->conn)
		return; /* it called first */
	c = link_conn_new(p->link, p);
	if (!c) {
		link_peer_again(p, 0);
		return;
	}
	addr_sockaddr(&p->addr, p->port, &ss);
	err = uv_tcp_connect(&c->connect, &c->tcp, (struct sockaddr *)&ss,
			     on_connected);
	if (err)
		link_conn_end(c, BATON_LINK_BAD_SYSTEM, "cannot connect: %s",
			      uv_strerror(err));
}

/* Between half of the wait and all of it, so that nodes do not call in step. */
static uint64_t jitter(uint32_t wait)
{
	uint32_t random = 0;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = clock_ns();
	return wait / 2 + random % (wait - wait / 2 + 1);
}

void link_peer_again(struct link_peer *p, uint64_t lasted)
{
	const struct link_config *c = &p->link->config;

	/* what does not last is not called at once again and again */
	if (lasted > c->retry_max * 1000000ULL)
		p->wait = c->retry_min;
	uv_timer_start(&p->retry, call, jitter(p->wait), 0);
	p->wait = p->wait < c->retry_max / 2 ? 2 * p->wait : c->retry_max;
}

int link_connect(struct link_peer *p, const struct addr *a, uint16_t port)
{
	struct sockaddr_storage ss;

	if (p->calls)
		return -EALREADY;
	if (!addr_sockaddr(a, port, &ss))
		return -EINVAL;
	p->calls = true;
	p->addr = *a;
	p->port = port;
	p->wait = p->link->config.retry_min;
	return uv_timer_start(&p->retry, call, 0, 0);
}

/* --- speaking with it --- */

int64_t link_send(struct link_peer *peer, const struct link_frame *head,
		  const struct iovec *iov, int nr)
{
	struct link_frame f = { .type = head->type,
				.channel = head->channel,
				.owner = head->owner,
				.epoch = head->epoch };

	return peer->conn ? link_conn_send(peer->conn, &f, iov, nr) : -ENOTCONN;
}

int link_ack(struct link_peer *peer, uint64_t sequence)
{
	int err;

	if (!peer->conn)
		return -ENOTCONN;
	err = link_session_store(&peer->conn->session, sequence);
	if (!err)
		link_conn_dirty(peer->conn);
	return err;
}

void link_flush(struct link_peer *peer)
{
	if (peer->conn)
		link_conn_flush(peer->conn);
}

int link_owner(struct link *link, uint32_t owner, enum baton_link_role role,
	       uint32_t epoch)
{
	return link_owners_set(&link->owners, owner, role, epoch);
}

void link_owner_forget(struct link *link, uint32_t owner)
{
	link_owners_forget(&link->owners, owner);
}

const char *link_peer_name(const struct link_peer *peer)
{
	return peer->name;
}

bool link_peer_is_up(const struct link_peer *peer)
{
	return peer->conn;
}

void *link_arg(const struct link_peer *peer)
{
	return peer->link->arg;
}

uint64_t link_count(const struct link *link, enum baton_link_reason reason)
{
	return link->counts[reason];
}

void link_peer_status(const struct link_peer *peer, struct link_peer_status *s)
{
	const struct link_conn *c = peer->conn;

	*s = (struct link_peer_status){ .up = c };
	if (!c)
		return;
	s->sent = c->session.sent;
	s->acked = c->session.acked;
	s->received = c->session.received;
	s->stored = c->session.stored;
	s->queued = link_conn_queued(c);
	s->round_trip = c->session.round_trip / 1000;
}
