// SPDX-License-Identifier: GPL-2.0-only
/*
 * A relay of TCP connections that loses its machine and goes on at another one:
 * what user/baton-proxy has for that, without the program around it.
 *
 *   takeover NETNS-A NETNS-B VIP PORT SOURCE SERVER CONNECTIONS BYTES [ablation]
 *
 * Clients connect to VIP:PORT in A, and are relayed from SOURCE, at the client's
 * own port, to SERVER:PORT. When all CONNECTIONS are there and BYTES have been
 * relayed, A loses its links, without a word. "dead" is printed; after a line on
 * standard input all connections are restored in B from the packets that came in
 * at A until then. At the end: how many sockets were restored, how long all ends
 * took to answer, and how long a socket took.
 *
 * Ablation: `forget` the bytes that were received and not passed on.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "baton-proxy/probe_endpoint.h"
#include "baton-proxy/repair.h"
#include "lib/addr.h"
#include "lib/clock.h"

#define CONNECTIONS_MAX 2000
#define BATCH 64

enum { CLIENT, SERVER };

struct side {
	struct track track;
	struct tuple tuple;
	struct probe probe;
	struct track_resume resume;
	int fd;
	bool eof; /* nothing more is to be read */
	bool shut; /* nothing more is to be written */
	const uint8_t *data; /* that is to be written */
	size_t len;
	uint8_t buffer[16384];
};

struct connection {
	struct side side[2];
	bool over;
};

static struct {
	struct addr vip, source, server;
	uint16_t port;
	const char *ablation;
	uint64_t relayed, asking_ns, restoring_ns, slowest_ns;
	unsigned int restored, unproven;
	int capture; /* packet socket of the machine that serves */
	struct connection *by_port[65536]; /* of the client */
	struct connection *list[CONNECTIONS_MAX];
	unsigned int n;
	bool serving; /* sockets exist; tracks stay as they are from then on */
} lab;

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	perror(what);
	exit(1);
}

static void enter(const char *netns)
{
	int fd = open(netns, O_RDONLY | O_CLOEXEC);

	must(fd >= 0 && !setns(fd, CLONE_NEWNET), netns);
	close(fd);
}

/* --- what comes in, and the SYNs that go out --------------------------------- */

static int capture_here(void)
{
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_ALL));
	int size = 256 << 20;

	must(fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size,
				    sizeof(size)),
	     "packet socket");
	return fd;
}

static struct connection *connection_at(uint16_t port, bool make)
{
	struct connection *c = lab.by_port[port];

	if (c || !make)
		return c;
	must(lab.n < CONNECTIONS_MAX, "room for a connection");
	c = calloc(1, sizeof(*c));
	must(c, "memory");
	for (int i = 0; i < 2; i++) {
		track_init(&c->side[i].track);
		c->side[i].fd = -1;
	}
	lab.list[lab.n++] = lab.by_port[port] = c;
	return c;
}

static struct side *side_of(const struct segment *s, struct side **other)
{
	bool client = !memcmp(s->tuple.local, lab.vip.word, 16) &&
		      s->tuple.local_port == lab.port;
	bool server = !memcmp(s->tuple.local, lab.source.word, 16) &&
		      s->tuple.remote_port == lab.port;
	struct connection *c;

	if (!client && !server)
		return NULL;
	c = connection_at(client ? s->tuple.remote_port : s->tuple.local_port,
			  s->flags & SEGMENT_SYN);
	if (!c)
		return NULL;
	*other = &c->side[client ? SERVER : CLIENT];
	return &c->side[client ? CLIENT : SERVER];
}

static void packet(const uint8_t *bytes, size_t len, bool inbound,
		   struct probes *probes)
{
	struct side *side, *other;
	enum track_verdict v;
	struct segment s;

	if (segment_parse(&s, bytes, len, inbound))
		return;
	side = side_of(&s, &other);
	if (!side)
		return;
	if (s.flags & SEGMENT_SYN)
		side->tuple = s.tuple;
	if (!inbound) {
		if (s.flags & SEGMENT_SYN)
			track_out(&side->track, &s);
		return;
	}
	v = track_in(&side->track, &s, other->track.received,
		     other->track.end_in);
	track_trim(&other->track, side->track.acked);
	if (v == TRACK_TAKEN && probes)
		probe_in(probes, &side->probe, &s);
}

static void drain(struct probes *probes)
{
	static uint8_t bytes[70000];
	struct sockaddr_ll from;
	struct tpacket_stats stats;
	socklen_t len;
	ssize_t n;

	while (len = sizeof(from),
	       (n = recvfrom(lab.capture, bytes, sizeof(bytes), MSG_DONTWAIT,
			     (struct sockaddr *)&from, &len)) >= 0) {
		if (!lab.serving)
			packet(bytes, n, from.sll_pkttype != PACKET_OUTGOING,
			       probes);
	}
	len = sizeof(stats);
	must(!getsockopt(lab.capture, SOL_PACKET, PACKET_STATISTICS, &stats,
			 &len) &&
		     !stats.tp_drops,
	     "every packet");
}

/* --- the relay ----------------------------------------------------------------- */

static void pump(struct side *from, struct side *to)
{
	ssize_t n;

	if (!to->len && !from->eof && !to->shut) {
		n = read(from->fd, to->buffer, sizeof(to->buffer));
		must(n >= 0 || errno == EAGAIN, "read");
		from->eof = !n;
		to->data = to->buffer;
		to->len = n > 0 ? n : 0;
	}
	if (to->len) {
		n = send(to->fd, to->data, to->len,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
		must(n >= 0 || errno == EAGAIN, "send");
		n = n > 0 ? n : 0;
		to->data += n;
		to->len -= n;
		lab.relayed += n;
	}
	if (from->eof && !to->len && !to->shut) {
		must(!shutdown(to->fd, SHUT_WR), "shutdown");
		to->shut = true;
	}
}

static bool relay_one(struct connection *c)
{
	struct side *a = &c->side[CLIENT], *b = &c->side[SERVER];

	pump(a, b);
	pump(b, a);
	if (!(a->eof && b->eof && a->shut && b->shut))
		return false;
	for (int i = 0; i < 2; i++) {
		if (c->side[i].resume.silent)
			repair_close(c->side[i].fd);
		else
			close(c->side[i].fd);
	}
	return true;
}

static void accept_client(int listener)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int fd = accept4(listener, (struct sockaddr *)&ss, &len,
			 SOCK_NONBLOCK | SOCK_CLOEXEC);
	uint16_t port = ntohs(((struct sockaddr_in *)&ss)->sin_port);
	struct connection *c;
	int server;

	must(fd >= 0, "accept");
	server = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	len = addr_sockaddr(&lab.source, port, &ss);
	must(!bind(server, (struct sockaddr *)&ss, len), "bind");
	len = addr_sockaddr(&lab.server, lab.port, &ss);
	must(!connect(server, (struct sockaddr *)&ss, len), "connect");
	must(!fcntl(server, F_SETFL, O_NONBLOCK), "fcntl");
	c = connection_at(port, true);
	c->side[CLIENT].fd = fd;
	c->side[SERVER].fd = server;
}

/* Until all are over, or `bytes` have been relayed for `n` connections. */
static void relay(int listener, unsigned int n, uint64_t bytes)
{
	struct pollfd fds[2 + 2 * CONNECTIONS_MAX];
	unsigned int accepted = 0, left = 0;

	for (unsigned int i = 0; i < lab.n; i++)
		left += !lab.list[i]->over;

	while (listener < 0 ? left : accepted < n || lab.relayed < bytes) {
		unsigned int k = 2;

		fds[0] = (struct pollfd){ listener, POLLIN, 0 };
		fds[1] = (struct pollfd){ lab.capture, POLLIN, 0 };
		for (unsigned int i = 0; i < lab.n; i++) {
			struct connection *c = lab.list[i];

			for (int j = 0; j < 2 && !c->over; j++) {
				struct side *s = &c->side[j];
				struct side *other = &c->side[!j];

				fds[k++] = (struct pollfd){
					s->eof && !s->len ? -1 : s->fd,
					(other->len || s->eof ? 0 : POLLIN) |
						(s->len ? POLLOUT : 0),
					0
				};
			}
		}
		must(poll(fds, k, -1) >= 0, "poll");
		drain(NULL);
		if (fds[0].revents) {
			accept_client(listener);
			accepted++;
		}
		for (unsigned int i = 0; i < lab.n; i++) {
			struct connection *c = lab.list[i];

			if (c->over || c->side[SERVER].fd < 0)
				continue;
			c->over = relay_one(c);
			left -= c->over;
		}
	}
}

static int listen_here(void)
{
	struct sockaddr_storage ss;
	socklen_t len = addr_sockaddr(&lab.vip, lab.port, &ss);
	int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	must(!bind(fd, (struct sockaddr *)&ss, len) &&
		     !listen(fd, CONNECTIONS_MAX),
	     "listen");
	return fd;
}

/* --- death and takeover -------------------------------------------------------- */

static void lose_links(void)
{
	struct if_nameindex *list = if_nameindex();
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	must(list && fd >= 0, "links");
	for (struct if_nameindex *i = list; i->if_index; i++) {
		struct ifreq r = { 0 };

		snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", i->if_name);
		must(strcmp(r.ifr_name, "lo") == 0 ||
			     !ioctl(fd, SIOCSIFFLAGS, &r),
		     r.ifr_name);
	}
	if_freenameindex(list);
	close(fd);
}

/* Ask all ends what they have. */
static void ask(const struct probe_sockets *sockets)
{
	static struct probe *list[2 * CONNECTIONS_MAX];
	struct probe *due[BATCH];
	struct segment out[BATCH];
	struct probes probes;
	size_t n = 0;
	int err;

	probes_init(&probes, &probe_rule_default);
	for (unsigned int i = 0; i < lab.n; i++) {
		for (int j = 0; j < 2; j++) {
			struct side *s = &lab.list[i]->side[j];

			if (track_is_over(&s->track))
				continue;
			must(track_is_open(&s->track), "open connections");
			s->probe = (struct probe){
				.track = &s->track,
				.tuple = &s->tuple,
				.weight = lab.list[i]->side[!j].track.kept,
			};
			list[n++] = &s->probe;
		}
	}
	probes_start(&probes, list, n, clock_ns());
	while (probes.waiting) {
		struct pollfd p = { lab.capture, POLLIN, 0 };
		uint64_t now = clock_ns(), next;

		n = probes_due(&probes, now, due, BATCH, NULL);
		for (size_t i = 0; i < n; i++)
			probe_segment(&out[i], due[i]);
		probe_send(sockets, out, n, &err);
		next = probes_next(&probes);
		if (next != UINT64_MAX)
			poll(&p, 1, next > now ? (next - now) / 1000000 : 0);
		drain(&probes);
	}
}

static void plan(struct connection *c)
{
	for (int j = 0; j < 2; j++) {
		struct side *s = &c->side[j], *other = &c->side[!j];

		s->fd = -1;
		/* A half of a connection may be over. */
		s->shut = s->eof = track_is_over(&s->track);
		if (s->eof)
			continue;
		if (s->probe.state != PROBE_ANSWERED) {
			fprintf(stderr, "an end did not answer: %d\n",
				s->probe.state);
			exit(1);
		}
		lab.unproven += !s->probe.proven;
		s->resume = track_resume(&s->track, &other->track, s->probe.ack,
					 s->probe.window);
		must(s->resume.possible, "a plan");
	}
}

static void restore(struct side *s, struct side *other,
		    const struct probe_sockets *sockets)
{
	uint64_t start = clock_ns(), spent;
	struct repair_socket r;
	enum repair_step step;
	struct segment ack;
	uint32_t ts = 0;
	int err;

	repair_from_track(&r, &s->track, &s->tuple, &s->resume);
	s->fd = repair_restore(&r, &step);
	if (s->fd < 0) {
		fprintf(stderr, "%s: %s\n", repair_step_text(step),
			strerror(-s->fd));
		exit(1);
	}
	if (s->track.timestamps)
		must(!repair_timestamp(s->fd, &ts), "timestamp");
	probe_ack_segment(&ack, &s->track, &s->tuple, r.snd_nxt, ts,
			  r.rcv_window);
	probe_send(sockets, &ack, 1, &err);
	spent = clock_ns() - start;
	lab.restoring_ns += spent;
	lab.slowest_ns = spent > lab.slowest_ns ? spent : lab.slowest_ns;
	lab.restored++;
	s->eof = s->resume.eof;
	s->shut = s->resume.silent;
	s->len = 0;
	if (strcmp(lab.ablation, "forget"))
		s->len = track_bytes(&other->track, s->resume.from, &s->data);
}

static void take_over(void)
{
	struct probe_sockets sockets;

	must(!probe_sockets_open(&sockets, 0), "raw sockets");
	lab.asking_ns = clock_ns();
	ask(&sockets);
	lab.asking_ns = clock_ns() - lab.asking_ns;
	lab.serving = true;
	for (unsigned int i = 0; i < lab.n; i++) {
		struct connection *c = lab.list[i];

		c->over |= track_is_over(&c->side[CLIENT].track) &&
			   track_is_over(&c->side[SERVER].track);
		if (c->over)
			continue;
		plan(c);
		for (int j = 0; j < 2; j++)
			if (c->side[j].resume.possible)
				restore(&c->side[j], &c->side[!j], &sockets);
	}
	probe_sockets_close(&sockets);
}

int main(int argc, char **argv)
{
	char line[16];
	int listener;

	if (argc < 9)
		return 2;
	must(!addr_parse(&lab.vip, argv[3]) &&
		     !addr_parse(&lab.source, argv[5]) &&
		     !addr_parse(&lab.server, argv[6]),
	     "addresses");
	lab.port = atoi(argv[4]);
	lab.ablation = argc > 9 ? argv[9] : "";
	enter(argv[1]);
	lab.capture = capture_here();
	listener = listen_here();
	puts("ready");
	fflush(stdout);
	relay(listener, atoi(argv[7]), atoll(argv[8]));
	lose_links();
	drain(NULL);
	close(lab.capture);
	enter(argv[2]);
	lab.capture = capture_here();
	puts("dead");
	fflush(stdout);
	must(fgets(line, sizeof(line), stdin), "a line");
	take_over();
	printf("restored %u unproven %u asking_ms %.1f mean_us %.1f "
	       "max_us %.1f\n",
	       lab.restored, lab.unproven, lab.asking_ns / 1e6,
	       lab.restored ? lab.restoring_ns / 1e3 / lab.restored : 0,
	       lab.slowest_ns / 1e3);
	fflush(stdout);
	relay(-1, 0, 0);
	puts("over");
	return 0;
}
