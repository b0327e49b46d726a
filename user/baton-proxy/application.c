// SPDX-License-Identifier: GPL-2.0-only
#include "application.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "baton/application.h"
#include "lib/log.h"
#include "lib/unix_socket.h"
#include "lib/why.h"
#include "output.h"
#include "proxy.h"

#define BACKLOG 16
#define AT_ONCE 256 /* messages, before the rest of the loop has its turn */

/* A process that has connected. */
struct guest {
	struct application *application;
	uv_poll_t poll;
	int fd;
	bool allowed;
};

/* A connection as the application calls it; by handles, from 1 on. */
struct slot {
	bool used;
	struct conn *conn; /* NULL: it is over, which it may not know yet */
	uint32_t free; /* if it is not used: the next one that is not */
};

struct application {
	struct service *service;
	uv_poll_t poll;
	int listener;
	uid_t user;
	struct guest *speaker; /* NULL: there is none */
	bool full; /* it does not take connections as fast as they come */
	struct slot *slots;
	uint32_t nr, free;
};

/* --- handles -------------------------------------------------------------------- */

static uint32_t take_slot(struct application *a, struct conn *c)
{
	uint32_t handle = a->free;
	struct slot *slots;

	if (handle) {
		a->free = a->slots[handle - 1].free;
	} else {
		slots = reallocarray(a->slots, a->nr + 1, sizeof(*slots));
		if (!slots)
			return 0;
		a->slots = slots;
		handle = ++a->nr;
	}
	a->slots[handle - 1] = (struct slot){ .used = true, .conn = c };
	return handle;
}

static void free_slot(struct application *a, uint32_t handle)
{
	a->slots[handle - 1] = (struct slot){ .free = a->free };
	a->free = handle;
}

/* --- giving connections ------------------------------------------------------------ */

static struct baton_application_message
describe(const struct application *a, const struct conn *c, uint32_t handle)
{
	const struct tuple *t = &c->side[CLIENT].tuple;
	const struct track *client = &c->side[CLIENT].track;
	const struct output *o = c->output;
	struct cut cut = replica_cut(c);
	struct baton_application_message m = {
		.kind = BATON_APPLICATION_CONNECTION,
		.flags = o->resumed ? BATON_APPLICATION_RESUMED : 0,
		.family = t->family,
		.handle = handle,
		.epoch = a->service->epoch,
		.client_port = htons(t->remote_port),
		.vip_port = htons(t->local_port),
		/* as unlikely to come again as both numbers together */
		.id = (uint64_t)client->seq_in << 32 | client->seq_out,
		.input = cut.input,
		.output = cut.output,
	};

	memcpy(m.client, t->remote, sizeof(m.client));
	memcpy(m.vip, t->local, sizeof(m.vip));
	return m;
}

static int send_message(int to, const struct baton_application_message *m,
			int fd)
{
	return unix_send(to, m, sizeof(*m), fd);
}

/* All that has been read from the client since the cut goes to it first. */
static int attach(struct proxy *p, struct conn *c, int fd)
{
	struct relay *r = c->relay;
	uint64_t from = c->side[SERVER].track.acked;
	uint64_t nr = r->end[CLIENT].read - from;
	const uint8_t *bytes;

	if (nr && (track_bytes(&c->side[CLIENT].track, from, &bytes) < nr ||
		   relay_pend(r, SERVER, bytes, nr)))
		return -ENOMEM;
	r->end[SERVER].shut = false;
	r->end[SERVER].written = from;
	return relay_set(&p->relays, r, SERVER, fd, false);
}

/* 0, -EAGAIN (it takes none now), or another negative errno. */
static int give(struct application *a, struct conn *c)
{
	struct proxy *p = a->service->proxy;
	struct output *o = c->output;
	struct baton_application_message m;
	uint32_t handle;
	int fds[2], err;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return -errno;
	handle = take_slot(a, c);
	m = describe(a, c, handle);
	err = !handle || fcntl(fds[0], F_SETFL, O_NONBLOCK) ? -ENOMEM : 0;
	err = err ?: send_message(a->speaker->fd, &m, fds[1]);
	close(fds[1]);
	if (err) {
		close(fds[0]);
		if (handle)
			free_slot(a, handle);
		return err;
	}
	o->handle = handle;
	o->resumed = true;
	err = attach(p, c, fds[0]);
	if (err)
		commit_fail(p, c, strerror(-err));
	relay_wake(&p->relays, c->relay);
	return 0;
}

static void on_control(uv_poll_t *poll, int status, int events);

static void listen_to(struct guest *g)
{
	uv_poll_start(&g->poll,
		      UV_READABLE | (g->application->full ? UV_WRITABLE : 0),
		      on_control);
}

/* What could not be given is given when there is room. */
static void pause_if(struct application *a, int err)
{
	if (err && err != -EAGAIN)
		log_warning("service %s: a connection waits: %s",
			    a->service->config->name, strerror(-err));
	a->full = err;
	listen_to(a->speaker);
}

static void give_all(struct application *a)
{
	struct proxy *p = a->service->proxy;
	int err = 0;

	for (struct conn *c = p->replica.conns[a->service->index]; c && !err;
	     c = c->next) {
		const struct output *o = c->output;

		if (c->relay && o && !o->handle && !o->left)
			err = give(a, c);
	}
	pause_if(a, err);
}

/* --- what the application says ------------------------------------------------------ */

static void release_guest(uv_handle_t *handle)
{
	struct guest *g = handle->data;

	close(g->fd);
	free(g);
}

static void drop_guest(struct guest *g)
{
	uv_close((uv_handle_t *)&g->poll, release_guest);
}

/* What it has not committed goes with it; its connections wait. */
static void lose_speaker(struct application *a, const char *why)
{
	log_notice("service %s: the application is gone: %s",
		   a->service->config->name, why);
	for (uint32_t i = 0; i < a->nr; i++) {
		struct conn *c = a->slots[i].conn;

		if (!c)
			continue;
		output_clear(c->output);
		if (c->relay)
			relay_detach(c->relay, SERVER);
	}
	free(a->slots);
	a->slots = NULL;
	a->nr = a->free = 0;
	a->full = false;
	drop_guest(a->speaker);
	a->speaker = NULL;
}

static void take_hello(struct guest *g,
		       const struct baton_application_message *hello)
{
	struct application *a = g->application;
	struct baton_application_message m = {
		.kind = BATON_APPLICATION_HELLO,
		.version = BATON_APPLICATION_VERSION,
		.status = !g->allowed ? -EPERM
			  : hello->version != BATON_APPLICATION_VERSION
				  ? -EPROTO
				  : 0,
	};

	if (send_message(g->fd, &m, -1) || m.status) {
		drop_guest(g);
		return;
	}
	if (a->speaker)
		lose_speaker(a, "another one has taken its place");
	a->speaker = g;
	log_notice("service %s: an application is there",
		   a->service->config->name);
	give_all(a);
}

static void take_word(struct application *a,
		      const struct baton_application_message *m)
{
	struct proxy *p = a->service->proxy;
	struct conn *c = a->slots[m->handle - 1].conn;
	const struct cut cut = { m->input, m->output, false };
	struct output *o = c ? c->output : NULL;

	if (m->kind == BATON_APPLICATION_COMMITTED) {
		if (c)
			commit_ask(p, c, &cut);
		return;
	}
	free_slot(a, m->handle);
	if (!c)
		return;
	o->handle = 0;
	o->left = true;
	if (m->kind == BATON_APPLICATION_END)
		commit_end(p, c);
	else if (c->relay)
		relay_break(&p->relays, c->relay);
}

/* False: it is to be heard no more. */
static bool take_message(struct guest *g,
			 const struct baton_application_message *m, ssize_t n)
{
	struct application *a = g->application;

	if (n != sizeof(*m))
		return false;
	if (m->kind == BATON_APPLICATION_HELLO && g != a->speaker) {
		take_hello(g, m);
		return true;
	}
	if (g != a->speaker || m->kind < BATON_APPLICATION_COMMITTED ||
	    m->kind > BATON_APPLICATION_ABORT || !m->handle ||
	    m->handle > a->nr || !a->slots[m->handle - 1].used)
		return false;
	take_word(a, m);
	return true;
}

static void on_control(uv_poll_t *poll, int status, int events)
{
	struct guest *g = poll->data;
	struct application *a = g->application;
	struct baton_application_message m;

	for (int i = 0; i < AT_ONCE && !uv_is_closing((uv_handle_t *)poll);
	     i++) {
		ssize_t n = status < 0 ? 0
				       : recv(g->fd, &m, sizeof(m),
					      MSG_DONTWAIT | MSG_TRUNC);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n <= 0 || !take_message(g, &m, n)) {
			if (g == a->speaker)
				lose_speaker(a, n > 0 ? "what it says makes no "
							"sense"
						      : "it has ended");
			else if (!uv_is_closing((uv_handle_t *)poll))
				drop_guest(g);
			return;
		}
	}
	if (events & UV_WRITABLE && g == a->speaker)
		give_all(a);
}

/* --- the socket ------------------------------------------------------------------------ */

static bool may_speak(const struct application *a, int fd)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) &&
	       (!who.uid || who.uid == a->user);
}

static void on_guest(uv_poll_t *poll, int status, int events)
{
	struct application *a = poll->data;
	int fd = accept4(a->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct guest *g;

	(void)status;
	(void)events;
	if (fd < 0)
		return;
	g = calloc(1, sizeof(*g));
	if (!g || uv_poll_init(a->service->proxy->loop, &g->poll, fd)) {
		free(g);
		close(fd);
		return;
	}
	g->application = a;
	g->fd = fd;
	g->allowed = may_speak(a, fd);
	g->poll.data = g;
	uv_poll_start(&g->poll, UV_READABLE, on_control);
}

int application_open(struct service *s, char *why, size_t size)
{
	const struct config_service *config = s->config;
	const struct passwd *user = config->user ? getpwnam(config->user)
						 : NULL;
	struct application *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	if (config->user && !user) {
		free(a);
		return why_set(why, size, -ENOENT,
			       "service %s: user: there is no %s", config->name,
			       config->user);
	}
	a->service = s;
	a->user = user ? user->pw_uid : 0;
	/* who else gets that far is turned away by his name */
	a->listener = unix_listen(config->application, 0660, BACKLOG);
	if (a->listener < 0 || chown(config->application, a->user, -1)) {
		int err = a->listener < 0 ? a->listener : -errno;

		if (a->listener >= 0)
			close(a->listener);
		free(a);
		return why_set(why, size, err,
			       "service %s: application: %s: %s", config->name,
			       config->application, strerror(-err));
	}
	s->application = a;
	uv_poll_init(s->proxy->loop, &a->poll, a->listener);
	a->poll.data = a;
	return uv_poll_start(&a->poll, UV_READABLE, on_guest);
}

/* --- connections come and go -------------------------------------------------------------- */

int application_add(struct service *s, struct conn *c)
{
	struct proxy *p = s->proxy;
	struct relay *r = c->relay;
	struct cut cut = replica_cut(c);
	struct output *o = calloc(1, sizeof(*o));

	if (!o)
		return -ENOMEM;
	o->released = cut.output;
	o->resumed = c->taken_over;
	c->output = o;
	o->left = cut.end;
	r->end[SERVER].held = true;
	r->end[SERVER].ended = cut.end;
	if (cut.end && c->side[CLIENT].track.received > cut.input)
		commit_fail(p, c,
			    "its application had ended it, and left "
			    "input");
	if (s->application->speaker && !s->application->full && !o->left)
		pause_if(s->application, give(s->application, c));
	relay_wake(&p->relays, r);
	return 0;
}

void application_forget(struct service *s, struct conn *c)
{
	struct output *o = c->output;

	if (!o)
		return;
	commits_forget(s->proxy, c);
	if (o->handle)
		s->application->slots[o->handle - 1].conn = NULL;
	output_clear(o);
	free(o);
	c->output = NULL;
}
