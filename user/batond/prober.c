// SPDX-License-Identifier: GPL-2.0-only
#include "prober.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sodium.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"
#include "probe_icmp.h"
#include "prober_bfd.h"

/* Hosts that are due within this time are probed in one go. */
#define TOGETHER 200000ULL /* ns */
#define TICK 50000000ULL

/* Two rounds of answers of as many hosts as there can be, as the kernel counts
 * them: with what it needs itself. */
#define RECEIVE_BUFFER (2 * BATON_MAX_HOSTS * 1024)

#define BATCH 64 /* answers read at a time */
#define MOST_BATCHES 128 /* read before probing goes on: 4,096 hosts twice */
#define MOST_ERRORS 64 /* the same of ICMP; the kernel limits them, too */

void prober_lock(struct prober *p)
{
	if (pthread_mutex_lock(&p->lock) == EOWNERDEAD)
		pthread_mutex_consistent(&p->lock);
}

void prober_unlock(struct prober *p)
{
	pthread_mutex_unlock(&p->lock);
}

void prober_rekey(struct prober *p, uint16_t port, const uint8_t key[16])
{
	p->port = port;
	memcpy(p->secret.key, key, sizeof(p->secret.key));
	randombytes_buf(&p->secret.session, sizeof(p->secret.session));
}

void prober_init(struct prober *p, uint16_t port, const uint8_t key[16],
		 uint64_t grace_ns)
{
	pthread_mutexattr_t attr;

	memset(p, 0, sizeof(*p));
	prober_rekey(p, port, key);
	p->grace_until = clock_ns() + grace_ns;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&p->lock, &attr);
	pthread_mutexattr_destroy(&attr);
}

static int open_socket(int family)
{
	const int one = 1, room = RECEIVE_BUFFER;
	int s = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (s < 0)
		return -errno;
	/* All hosts may answer while we are still asking. */
	if (setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)))
		setsockopt(s, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	if (family == AF_INET6) {
		setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
		/* Answers carry no UDP checksum; see baton/probe.h. */
		setsockopt(s, IPPROTO_UDP, UDP_NO_CHECK6_RX, &one, sizeof(one));
	}
	return s;
}

int probing_open(struct probing *g, struct prober *p)
{
	*g = (struct probing){ .prober = p, .extra = -1 };
	bfd_socket_init(&g->bfd);
	bfd_auth_open(); /* without it, sessions with a key stay down */
	g->socket[0] = open_socket(AF_INET);
	g->socket[1] = open_socket(AF_INET6); /* may be absent */
	g->icmp[0] = probe_icmp_open(4); /* hints only */
	g->icmp[1] = probe_icmp_open(6);
	g->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (g->socket[0] < 0 || g->wake < 0) {
		int err = g->socket[0] < 0 ? g->socket[0] : -errno;

		probing_close(g);
		return err;
	}
	return 0;
}

void probing_close(struct probing *g)
{
	int fds[] = { g->socket[0], g->socket[1], g->icmp[0], g->icmp[1],
		      g->wake };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	bfd_socket_close(&g->bfd);
}

void prober_set(struct prober *p, uint16_t host, const struct addr *address,
		const struct detect_profile *profile)
{
	struct prober_target *t = &p->target[host];

	if (t->active && addr_equal(&t->address, address) &&
	    !memcmp(&t->detect.profile, profile, sizeof(*profile)))
		return;
	t->active = true;
	t->address = *address;
	t->word = BATON_WORD_UP;
	t->clock = 0;
	memset(t->app, 0, sizeof(t->app));
	t->forged = 0;
	t->unsent = 0;
	detect_restart(&t->detect, profile, clock_ns());
	if (host > p->top)
		p->top = host;
}

void prober_clear(struct prober *p, uint16_t host)
{
	p->target[host].active = false;
	memset(p->target[host].app, 0, sizeof(p->target[host].app));
	p->target[host].word = BATON_WORD_UP; /* nobody's any more */
}

uint16_t prober_silent(const struct prober *p, uint64_t now)
{
	uint16_t n = 0;

	for (uint16_t host = 1; host <= p->top; host++) {
		const struct prober_target *t = &p->target[host];

		n += t->active && detect_is_silent(&t->detect, now);
	}
	return n;
}

void prober_hint(struct prober *p, uint16_t host)
{
	struct prober_target *t = &p->target[host];

	if (t->active && !t->lease && detect_burst(&t->detect, clock_ns()))
		p->hurry = true;
}

void prober_hurry(struct prober *p, uint16_t host)
{
	struct prober_target *t = &p->target[host];

	if (!t->active)
		return;
	t->detect.next_probe = clock_ns();
	p->hurry = true;
}

/* --- on the wire ------------------------------------------------------------ */

/*
 * A probe that was not sent says nothing of the host, unless it is because
 * there is no way to it: a port or a route that is gone stays gone, and the
 * host is as unreachable as a dead one.
 */
static bool is_no_way(int error)
{
	return error == ENETUNREACH || error == EHOSTUNREACH ||
	       error == ENETDOWN || error == ENODEV;
}

static void send_probe(const struct probing *g, uint16_t host,
		       struct prober_target *t, uint64_t sequence)
{
	const struct prober *p = g->prober;
	struct probe_ask ask = { .host = host,
				 .sequence = sequence,
				 .stamp = t->clock,
				 .lease = t->lease };
	struct baton_probe probe;
	struct sockaddr_storage to;
	socklen_t len = addr_sockaddr(&t->address, p->port, &to);
	int s = g->socket[t->address.family == 6];
	bool sent;

	if (g->news)
		g->news(g->arg, &ask);
	ask.now = clock_ns();
	probe_make(&probe, &p->secret, &ask);
	sent = sendto(s, &probe, sizeof(probe), MSG_DONTWAIT | MSG_NOSIGNAL,
		      (struct sockaddr *)&to, len) == sizeof(probe);

	t->unsent += !sent;
	if (sent || is_no_way(errno))
		detect_sent(&t->detect, sequence, clock_ns());
	else
		detect_not_sent(&t->detect, clock_ns());
}

static void report(const struct probing *g, uint16_t host,
		   enum detect_change change, uint64_t now)
{
	if (change == DETECT_WENT_UP)
		g->change(g->arg, host, PROBER_UP, now);
	else if (change == DETECT_WENT_DOWN)
		g->change(g->arg, host, PROBER_DOWN, now);
}

/* Only the address that was asked may answer for it. */
static bool comes_from(const struct sockaddr_storage *from,
		       const struct addr *address)
{
	struct sockaddr_storage at;

	addr_sockaddr(address, 0, &at);
	if (from->ss_family != at.ss_family)
		return false;
	if (at.ss_family == AF_INET)
		return ((struct sockaddr_in *)from)->sin_addr.s_addr ==
		       ((struct sockaddr_in *)&at)->sin_addr.s_addr;
	return !memcmp(&((struct sockaddr_in6 *)from)->sin6_addr,
		       &((struct sockaddr_in6 *)&at)->sin6_addr, 16);
}

/* What the host says of itself. */
static void believe(struct probing *g, struct prober_target *t,
		    const struct probe_answer *a, uint64_t now)
{
	bool apps = false;

	t->clock = a->clock;
	if (g->echo && a->owner)
		g->echo(g->arg, a);
	if (a->word != t->word) {
		t->word = a->word;
		g->change(g->arg, a->host, PROBER_WORD, now);
	}
	for (int i = 0; i < BATON_PROBE_APPS; i++)
		apps |= t->app[i].tag != a->app[i].tag ||
			t->app[i].state != a->app[i].state;
	memcpy(t->app, a->app, sizeof(t->app));
	if (apps)
		g->change(g->arg, a->host, PROBER_APPS, now);
}

/* It must not be older than what is known already, nor known itself. */
static void take_word(struct probing *g, struct prober_target *t,
		      const struct probe_answer *a, uint64_t now)
{
	if (a->sequence < t->detect.answered ||
	    a->sequence > t->detect.sequence || a->clock <= t->clock) {
		t->detect.bogus++;
		return;
	}
	t->word_sequence = a->sequence;
	believe(g, t, a, now);
}

static void take_answer(struct probing *g, const void *data, size_t len,
			const struct sockaddr_storage *from)
{
	struct prober *p = g->prober;
	uint64_t now = clock_ns();
	struct probe_answer a;
	enum probe_verdict verdict = probe_judge(&a, &p->secret, data, len);
	enum detect_change change;
	struct prober_target *t;
	uint64_t newest;

	if (verdict == PROBE_ALIEN || !a.host || a.host > p->top ||
	    !p->target[a.host].active) {
		p->forged++;
		return;
	}
	t = &p->target[a.host];
	if (verdict == PROBE_FORGED || !comes_from(from, &t->address)) {
		t->forged++;
		return;
	}
	if (verdict == PROBE_STALE) {
		t->detect.bogus++;
		return;
	}
	if (a.type == BATON_PROBE_WORD) {
		take_word(g, t, &a, now);
		return;
	}
	newest = t->detect.answered;
	change = detect_answer(&t->detect, a.sequence, now);
	/* Only the newest answer says what holds now: not one that was
	 * overtaken, by another or by a word, nor one that somebody kept and
	 * sent again. And its word comes first, for a host may be up only to
	 * leave. */
	if (t->detect.answered != newest &&
	    (a.sequence > t->word_sequence || a.clock > t->clock))
		believe(g, t, &a, now);
	report(g, a.host, change, now);
}

static bool read_answers(struct probing *g, int s)
{
	struct baton_probe answer[BATCH];
	struct sockaddr_storage from[BATCH];
	struct iovec iov[BATCH];
	struct mmsghdr msg[BATCH] = { 0 };
	int n;

	for (int i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){ &answer[i], sizeof(answer[i]) };
		msg[i].msg_hdr.msg_iov = &iov[i];
		msg[i].msg_hdr.msg_iovlen = 1;
		msg[i].msg_hdr.msg_name = &from[i];
		msg[i].msg_hdr.msg_namelen = sizeof(from[i]);
	}
	n = recvmmsg(s, msg, BATCH, MSG_DONTWAIT, NULL);
	if (n <= 0)
		return false;
	prober_lock(g->prober);
	for (int i = 0; i < n; i++)
		take_answer(g, &answer[i],
			    msg[i].msg_hdr.msg_flags & MSG_TRUNC
				    ? 0
				    : msg[i].msg_len,
			    &from[i]);
	prober_unlock(g->prober);
	return n == BATCH;
}

/* What has arrived; not without end, or a flood would stop the probing. */
static void drain_socket(struct probing *g, int s)
{
	for (int i = 0; i < MOST_BATCHES && read_answers(g, s); i++)
		;
}

/* Somebody says that probes do not arrive. */
static void take_error(struct prober *p, const struct addr *to)
{
	for (uint16_t host = 1; host <= p->top; host++)
		if (p->target[host].active &&
		    addr_equal(&p->target[host].address, to))
			prober_hint(p, host);
}

static void read_errors(struct probing *g, int family)
{
	struct prober *p = g->prober;
	uint8_t packet[256]; /* more than what tells */
	struct addr to;
	ssize_t n;

	for (int i = 0; i < MOST_ERRORS; i++) {
		n = recv(g->icmp[family == 6], packet, sizeof(packet),
			 MSG_DONTWAIT);
		if (n < 0)
			return;
		prober_lock(p);
		if (probe_icmp_quotes(family, packet, n, p->port, &to))
			take_error(p, &to);
		prober_unlock(p);
	}
}

/* --- the loop ------------------------------------------------------------- */

/* A host that was never heard of may still be starting, as this switch is. */
static bool in_grace(const struct prober *p, const struct prober_target *t,
		     uint64_t now)
{
	return t->detect.state == DETECT_UNKNOWN && now < p->grace_until;
}

/*
 * Probe and judge whoever is due; when to come back. The time is taken before
 * the answers are read: one that arrived in time is seen in time, however
 * long this thread had to wait for a CPU.
 */
uint64_t probing_round(struct probing *g)
{
	struct prober *p = g->prober;
	uint64_t now = clock_ns(), next = now + TICK;
	bool bfd = probing_bfd_open(g, now);

	drain_socket(g, g->socket[0]);
	drain_socket(g, g->socket[1]);
	read_errors(g, 4);
	read_errors(g, 6);
	if (bfd)
		probing_bfd_read(g);
	prober_lock(p);
	for (uint16_t host = 1; host <= p->top; host++) {
		struct prober_target *t = &p->target[host];
		uint64_t sequence, deadline;

		if (!t->active)
			continue;
		sequence = detect_due(&t->detect, now + TOGETHER / 2);
		if (sequence)
			send_probe(g, host, t, sequence);
		if (!in_grace(p, t, now))
			report(g, host, detect_check(&t->detect, now), now);
		deadline = detect_deadline(&t->detect);
		if (deadline < next)
			next = deadline;
	}
	if (bfd) {
		uint64_t deadline = probing_bfd_round(g, now, TOGETHER / 2);

		next = deadline < next ? deadline : next;
	}
	g->tick(g->arg, now);
	p->round = now;
	if (p->hurry)
		next = now;
	p->hurry = false;
	prober_unlock(p);
	return next;
}

void probing_run(struct probing *g)
{
	struct pollfd fds[] = {
		{ .fd = g->wake, .events = POLLIN },
		{ .fd = g->extra, .events = POLLIN },
		{ .fd = g->socket[0], .events = POLLIN },
		{ .fd = g->socket[1], .events = POLLIN },
		{ .fd = g->icmp[0], .events = POLLIN },
		{ .fd = g->icmp[1], .events = POLLIN },
		{ .events = POLLIN },
		{ .events = POLLIN },
	};
	eventfd_t ignored;

	while (!__atomic_load_n(&g->stop, __ATOMIC_ACQUIRE)) {
		uint64_t next = probing_round(g), now = clock_ns();
		uint64_t wait = next > now + TOGETHER ? next - now : TOGETHER;
		struct timespec t = { .tv_sec = wait / 1000000000,
				      .tv_nsec = wait % 1000000000 };

		/* These come and go. */
		fds[6].fd = g->bfd.in[0];
		fds[7].fd = g->bfd.in[1];
		if (ppoll(fds, sizeof(fds) / sizeof(fds[0]), &t, NULL) <= 0)
			continue;
		if (fds[0].revents & POLLIN)
			eventfd_read(g->wake, &ignored);
		if (fds[1].revents & POLLIN)
			g->on_extra(g->extra);
	}
}

void probing_stop(struct probing *g)
{
	__atomic_store_n(&g->stop, true, __ATOMIC_RELEASE);
	eventfd_write(g->wake, 1);
}
