// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "baton/protect.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "baton/application.h"
#include "connect.h"

/* Shared by the listener and its connections, which may outlive it. */
struct control {
	int socket; /* -1: closed */
	unsigned int users;
};

struct baton_listener {
	struct control *control;
};

struct connection {
	struct baton_connection public; /* first */
	struct control *control;
	uint32_t handle;
};

static void leave(struct control *c)
{
	if (__atomic_sub_fetch(&c->users, 1, __ATOMIC_ACQ_REL))
		return;
	if (c->socket >= 0)
		close(c->socket);
	free(c);
}

static int say(const struct control *c,
	       const struct baton_application_message *m)
{
	int s = __atomic_load_n(&c->socket, __ATOMIC_ACQUIRE);
	ssize_t n;

	do
		n = s < 0 ? -1 : send(s, m, sizeof(*m), MSG_NOSIGNAL);
	while (n < 0 && s >= 0 && errno == EINTR);
	return n == sizeof(*m) ? 0 : -EPIPE;
}

/* --- the listener --------------------------------------------------------- */

/* Of a proxy that ends before it has answered, there is none. */
static int refused(int err)
{
	return err == EPIPE || err == ECONNRESET ? -ECONNREFUSED : -err;
}

static int greet(int s)
{
	struct baton_application_message m = {
		.kind = BATON_APPLICATION_HELLO,
		.version = BATON_APPLICATION_VERSION,
	};
	ssize_t n;

	if (send(s, &m, sizeof(m), MSG_NOSIGNAL) < 0)
		return refused(errno);
	n = recv(s, &m, sizeof(m), 0);
	if (n < 0)
		return refused(errno);
	if (!n) /* it was about to end */
		return -ECONNREFUSED;
	if (n != sizeof(m) || m.kind != BATON_APPLICATION_HELLO ||
	    m.version != BATON_APPLICATION_VERSION || m.status > 0)
		return -EPROTO;
	return m.status;
}

int baton_listen(struct baton_listener **to, const char *path)
{
	struct baton_listener *l = calloc(1, sizeof(*l));
	struct control *c = calloc(1, sizeof(*c));
	int err;

	if (!l || !c) {
		free(l);
		free(c);
		return -ENOMEM;
	}
	c->socket = baton_socket_connect(path);
	err = c->socket < 0 ? c->socket : greet(c->socket);
	if (err) {
		if (c->socket >= 0)
			close(c->socket);
		free(l);
		free(c);
		return err;
	}
	c->users = 1;
	l->control = c;
	*to = l;
	return 0;
}

int baton_listener_fd(const struct baton_listener *l)
{
	return l->control->socket;
}

void baton_listener_close(struct baton_listener *l)
{
	int s;

	if (!l)
		return;
	/* Threads may be about to speak: the number stays taken, for nothing
	 * else to get what they say. */
	s = l->control->socket;
	shutdown(s, SHUT_RDWR);
	leave(l->control);
	free(l);
}

/* --- connections ---------------------------------------------------------- */

static struct sockaddr_storage name(uint8_t family, const uint8_t *at,
				    uint16_t port)
{
	struct sockaddr_storage ss = { 0 };
	struct sockaddr_in *in = (struct sockaddr_in *)&ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ss;

	if (family == 4) {
		in->sin_family = AF_INET;
		in->sin_port = port;
		memcpy(&in->sin_addr, at, 4);
	} else {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = port;
		memcpy(&in6->sin6_addr, at, 16);
	}
	return ss;
}

int baton_accept(struct baton_listener *l, struct baton_connection **to)
{
	struct connection *c = calloc(1, sizeof(*c));
	struct baton_application_message m;
	ssize_t n;
	int fd;

	if (!c)
		return -ENOMEM;
	n = baton_socket_receive(l->control->socket, &m, sizeof(m), &fd);
	if (n != sizeof(m) || m.kind != BATON_APPLICATION_CONNECTION ||
	    fd < 0) {
		if (fd >= 0)
			close(fd);
		free(c);
		if (n != sizeof(m))
			return n == -EINTR ? -EINTR : -EPIPE;
		m.kind = BATON_APPLICATION_ABORT;
		say(l->control, &m);
		return -EMFILE;
	}
	c->public = (struct baton_connection){
		.fd = fd,
		.resumed = m.flags & BATON_APPLICATION_RESUMED,
		.id = m.id,
		.input = m.input,
		.output = m.output,
		.epoch = m.epoch,
		.client = name(m.family, m.client, m.client_port),
		.vip = name(m.family, m.vip, m.vip_port),
	};
	c->handle = m.handle;
	c->control = l->control;
	__atomic_add_fetch(&c->control->users, 1, __ATOMIC_RELAXED);
	*to = &c->public;
	return 0;
}

static int say_of(struct baton_connection *public, uint8_t kind, uint64_t input,
		  uint64_t output)
{
	const struct connection *c = (struct connection *)public;
	const struct baton_application_message m = { .kind = kind,
						     .handle = c->handle,
						     .input = input,
						     .output = output };

	return say(c->control, &m);
}

int baton_committed(struct baton_connection *c, uint64_t input, uint64_t output)
{
	return say_of(c, BATON_APPLICATION_COMMITTED, input, output);
}

bool baton_gone(const struct baton_connection *c)
{
	struct pollfd p = { .fd = c->fd };

	/* both directions are closed, not one alone */
	return poll(&p, 1, 0) > 0 && p.revents & (POLLHUP | POLLERR);
}

static void let_go(struct baton_connection *public, uint8_t kind)
{
	struct connection *c = (struct connection *)public;

	if (!c)
		return;
	say_of(public, kind, 0, 0);
	close(public->fd);
	leave(c->control);
	free(c);
}

void baton_end(struct baton_connection *c)
{
	let_go(c, BATON_APPLICATION_END);
}

void baton_abort(struct baton_connection *c)
{
	let_go(c, BATON_APPLICATION_ABORT);
}
