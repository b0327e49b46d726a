// SPDX-License-Identifier: GPL-2.0-only
#include "relay.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/log.h"
#include "repair.h"

#define BUFFER (256u << 10)
#define EVENTS 256

/* Who has one of these may have more to say than one read brings: its end, or
 * what is behind an urgent byte. */
#define MORE (EPOLLRDHUP | EPOLLHUP | EPOLLPRI)

static struct relay *relay_of(struct end *e)
{
	return (struct relay *)((char *)(e - e->which) -
				offsetof(struct relay, end));
}

/* --- ends ------------------------------------------------------------------------ */

static void bury(struct relays *e, struct relay *r)
{
	for (int i = 0; i < NR_SIDES; i++) {
		free(r->end[i].pending);
		r->end[i].pending = NULL;
	}
	r->dead = true;
	r->next_dead = e->dead;
	e->dead = r;
	e->nr--;
	e->nr_of[r->service]--;
}

void relay_end(struct relays *e, struct relay *r, bool reset)
{
	const struct linger at_once = { .l_onoff = 1 };

	for (int i = 0; i < NR_SIDES; i++) {
		if (r->end[i].fd < 0)
			continue;
		if (r->end[i].silent) {
			repair_close(r->end[i].fd);
			continue;
		}
		if (reset)
			setsockopt(r->end[i].fd, SOL_SOCKET, SO_LINGER,
				   &at_once, sizeof(at_once));
		close(r->end[i].fd);
	}
	bury(e, r);
}

void relay_abandon(struct relays *e, struct relay *r)
{
	for (int i = 0; i < NR_SIDES; i++)
		if (r->end[i].fd >= 0)
			repair_close(r->end[i].fd);
	bury(e, r);
}

static void fail(struct relays *e, struct relay *r)
{
	log_debug("a connection's socket has failed: %s", strerror(errno));
	e->on_end(r, true);
	relay_end(e, r, true);
}

/* --- bytes ------------------------------------------------------------------------- */

int relay_pend(struct relay *r, int which, const uint8_t *bytes, size_t nr)
{
	struct end *to = &r->end[which];
	uint8_t *all;

	if (!nr)
		return 0;
	all = malloc(to->nr + nr);
	if (!all)
		return -ENOMEM;
	if (to->nr)
		memcpy(all, to->pending + to->start, to->nr);
	memcpy(all + to->nr, bytes, nr);
	free(to->pending);
	to->pending = all;
	to->start = 0;
	to->nr += nr;
	return 0;
}

void relay_detach(struct relay *r, int which)
{
	struct end *e = &r->end[which];

	if (e->fd >= 0)
		close(e->fd);
	e->fd = -1;
	free(e->pending);
	e->pending = NULL;
	e->nr = 0;
}

static bool would_block(void)
{
	return errno == EAGAIN || errno == EINTR || errno == ENOTCONN;
}

/* Is it to be tried again, when something has happened? */
static bool is_patient(const struct end *e)
{
	return would_block() || (e->held && !e->ended);
}

/* Write what is pending: 1 when all is written, 0, or a negative errno. */
static int flush(struct end *to)
{
	while (to->nr) {
		ssize_t n = send(to->fd, to->pending + to->start, to->nr,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0)
			return is_patient(to) ? 0 : -errno;
		to->start += n;
		to->nr -= n;
		to->written += n;
	}
	free(to->pending);
	to->pending = NULL;
	return 1;
}

/* Read what there is, for who holds it: 1, 0 (nothing), or a negative errno. */
static int hold(struct relays *e, struct relay *r, struct end *from)
{
	ssize_t n = recv(from->fd, e->buffer, BUFFER, MSG_DONTWAIT);
	int err;

	if (n < 0)
		return 0;
	from->read += n;
	err = e->on_held(r, e->buffer, n);
	return err ?: n > 0;
}

/* Nobody is there to take what comes: it must be nothing. */
static int pump_to_nobody(struct relays *e, struct end *from)
{
	ssize_t n = from->fd < 0 || from->ended
			    ? -1
			    : recv(from->fd, e->buffer, 1, MSG_DONTWAIT);

	if (!n)
		from->ended = true;
	return n > 0 ? -EPIPE : 0;
}

/* How many bytes that are read next the other end has already. */
static uint64_t had(const struct end *from, const struct end *to)
{
	uint64_t at = to->written + to->nr;

	return at > from->read ? at - from->read : 0;
}

/* What has been read goes to the other end as far as it takes it, and is pending
 * else. */
static int pass(struct relay *r, struct end *to, const uint8_t *bytes, size_t n)
{
	ssize_t sent = n ? send(to->fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL)
			 : 0;

	if (sent < 0 && !is_patient(to))
		return -errno;
	sent = sent < 0 ? 0 : sent;
	to->written += sent;
	return relay_pend(r, to->which, bytes + sent, n - sent);
}

/*
 * From one to the other until one of them has to wait. Who was not read to its
 * end, as epoll(7) says, has nothing more for now if a read falls short; unless
 * `more`. 0 or a negative errno.
 */
static int pump(struct relays *e, struct relay *r, int from_which, bool more)
{
	struct end *from = &r->end[from_which], *to = &r->end[!from_which];

	if (to->fd < 0 && to->held && to->ended)
		return pump_to_nobody(e, from);
	if (to->fd < 0 || to->connecting)
		return 0;
	for (;;) {
		int done = flush(to);
		uint64_t skip;
		ssize_t n;

		if (done <= 0)
			return done;
		if (from->ended)
			break;
		if (from->fd < 0 || from->connecting)
			return 0;
		if (from->held) {
			done = hold(e, r, from);
			if (done <= 0)
				return done;
			continue;
		}
		n = recv(from->fd, e->buffer, BUFFER, MSG_DONTWAIT);
		if (n < 0)
			return would_block() ? 0 : -errno;
		skip = had(from, to);
		if (!n && skip) /* this is not what it had sent before */
			return -EPROTO;
		if (!n) {
			from->ended = true;
			break;
		}
		from->read += n;
		if (skip > (uint64_t)n)
			skip = n;
		done = pass(r, to, e->buffer + skip, n - skip);
		if (done || (n < BUFFER && !more))
			return done;
	}
	if (!to->shut) {
		to->shut = true;
		if (shutdown(to->fd, SHUT_WR) && errno != ENOTCONN &&
		    !is_patient(to))
			return -errno;
	}
	return 0;
}

uint64_t relay_sent(const struct relay *r, int which)
{
	const struct end *e = &r->end[which];
	int unsent = 0;

	if (e->fd >= 0)
		ioctl(e->fd, SIOCOUTQNSD, &unsent);
	return e->written + e->shut - unsent;
}

static bool is_done(const struct relay *r)
{
	return r->end[CLIENT].ended && r->end[SERVER].ended &&
	       (r->end[CLIENT].shut || r->end[CLIENT].fd < 0) &&
	       (r->end[SERVER].shut || r->end[SERVER].fd < 0);
}

static void settle(struct relays *e, struct relay *r, bool failed)
{
	if (failed) {
		fail(e, r);
	} else if (is_done(r)) {
		e->on_end(r, false);
		relay_end(e, r, false);
	}
}

void relay_run(struct relays *e, struct relay *r)
{
	settle(e, r,
	       r->broken || pump(e, r, CLIENT, true) ||
		       pump(e, r, SERVER, true));
}

/* Nobody waited for this end to take something: then it has something to say. */
static void hear(struct relays *e, struct relay *r, const struct end *end,
		 uint32_t events)
{
	settle(e, r, r->broken || pump(e, r, end->which, events & MORE));
}

/* --- the engine ---------------------------------------------------------------------- */

static int connected(struct end *end)
{
	socklen_t len = sizeof(int);
	int err = 0;

	getsockopt(end->fd, SOL_SOCKET, SO_ERROR, &err, &len);
	end->connecting = false;
	return -err;
}

static void take_event(struct relays *e, const struct epoll_event *event)
{
	struct end *end = event->data.ptr;
	struct relay *r = relay_of(end);
	bool waited = end->connecting || end->nr;

	if (r->dead)
		return;
	if (end->connecting &&
	    event->events & (EPOLLOUT | EPOLLERR | EPOLLHUP) &&
	    connected(end)) {
		fail(e, r);
		return;
	}
	/* a reset, which a direction that has ended would not notice */
	if (event->events & EPOLLERR && !end->held && connected(end)) {
		fail(e, r);
		return;
	}
	if (waited || r->end[CLIENT].held || r->end[SERVER].held)
		relay_run(e, r);
	else
		hear(e, r, end, event->events);
}

/* Those that are woken are on another list yet. */
static void free_dead(struct relays *e)
{
	struct relay **at = &e->dead, *r;

	while ((r = *at)) {
		if (r->woken) {
			at = &r->next_dead;
			continue;
		}
		*at = r->next_dead;
		free(r);
	}
}

void relays_poll(struct relays *e)
{
	struct epoll_event event[EVENTS];
	int n = epoll_wait(e->epoll, event, EVENTS, 0);

	for (int i = 0; i < n; i++)
		take_event(e, &event[i]);
	free_dead(e);
}

static void on_events(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	relays_poll(poll->data);
}

static void on_prepare(uv_prepare_t *prepare)
{
	struct relays *e = prepare->data;
	struct relay *r;

	while ((r = e->woken)) {
		e->woken = r->next_woken;
		r->woken = false;
		if (!r->dead)
			relay_run(e, r);
	}
}

void relay_wake(struct relays *e, struct relay *r)
{
	if (r->woken || r->dead)
		return;
	r->woken = true;
	r->next_woken = e->woken;
	e->woken = r;
}

void relay_break(struct relays *e, struct relay *r)
{
	r->broken = true;
	relay_wake(e, r);
}

int relays_open(struct relays *e, uv_loop_t *loop)
{
	*e = (struct relays){ .epoll = epoll_create1(EPOLL_CLOEXEC) };
	e->buffer = malloc(BUFFER);
	if (e->epoll < 0 || !e->buffer)
		return e->epoll < 0 ? -errno : -ENOMEM;
	uv_prepare_init(loop, &e->prepare);
	e->prepare.data = e;
	uv_prepare_start(&e->prepare, on_prepare);
	uv_poll_init(loop, &e->poll, e->epoll);
	e->poll.data = e;
	return uv_poll_start(&e->poll, UV_READABLE, on_events);
}

struct relay *relay_new(struct relays *e, uint16_t service, void *arg)
{
	struct relay *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->arg = arg;
	r->service = service;
	for (int i = 0; i < NR_SIDES; i++) {
		r->end[i].fd = -1;
		r->end[i].which = i;
	}
	e->nr++;
	e->nr_of[service]++;
	return r;
}

int relay_set(struct relays *e, struct relay *r, int which, int fd,
	      bool connecting)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.ptr = &r->end[which],
	};

	r->end[which].fd = fd;
	r->end[which].connecting = connecting;
	return epoll_ctl(e->epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}
