// SPDX-License-Identifier: GPL-2.0-only
#include "bfd_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <sodium.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST_PORT 49152
#define TRIES 64 /* at ports that somebody may have */

/* What IPv4 and IPv6 call the same things. */
static const struct family {
	int family, level, want_ttl, ttl, set_ttl, set_class;
} families[] = {
	{ AF_INET, IPPROTO_IP, IP_RECVTTL, IP_TTL, IP_TTL, IP_TOS },
	{ AF_INET6, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, IPV6_HOPLIMIT,
	  IPV6_UNICAST_HOPS, IPV6_TCLASS },
};

void bfd_socket_init(struct bfd_socket *s)
{
	for (int i = 0; i < 2; i++)
		s->in[i] = s->out[i] = -1;
}

bool bfd_socket_is_open(const struct bfd_socket *s)
{
	return s->in[0] >= 0;
}

void bfd_socket_close(struct bfd_socket *s)
{
	for (int i = 0; i < 2; i++) {
		if (s->in[i] >= 0)
			close(s->in[i]);
		if (s->out[i] >= 0)
			close(s->out[i]);
	}
	bfd_socket_init(s);
}

static int set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) ? -errno
								    : 0;
}

static int bind_port(int fd, int family, uint16_t port)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
				    .sin6_port = htons(port) };
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons(port) };

	return (family == AF_INET
			? bind(fd, (struct sockaddr *)&in, sizeof(in))
			: bind(fd, (struct sockaddr *)&in6, sizeof(in6)))
		       ? -errno
		       : 0;
}

static int new_socket(const struct family *f)
{
	int fd =
		socket(f->family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (f->family == AF_INET6)
		set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	return fd;
}

static int open_in(const struct family *f)
{
	int fd = new_socket(f);
	int err = fd < 0 ? fd
			 : set(fd, f->level, f->want_ttl, 1)
				   ?: bind_port(fd, f->family, BFD_PORT);

	if (!err)
		return fd;
	if (fd >= 0)
		close(fd);
	return err;
}

static int bind_any(int fd, const struct family *f, uint16_t *port)
{
	int err = *port ? bind_port(fd, f->family, *port) : -EADDRINUSE;

	for (int i = 0; err == -EADDRINUSE && i < TRIES; i++) {
		*port = FIRST_PORT +
			randombytes_uniform(UINT16_MAX - FIRST_PORT + 1);
		err = bind_port(fd, f->family, *port);
	}
	return err;
}

static int open_out(const struct family *f, uint16_t *port)
{
	int fd = new_socket(f);
	int err = fd < 0 ? fd
			 : set(fd, f->level, f->set_ttl, BFD_TTL)
				   ?: bind_any(fd, f, port);

	if (!err) {
		/* It is of no use to sessions that it is queued behind data. */
		set(fd, f->level, f->set_class, IPTOS_CLASS_CS6);
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return err;
}

int bfd_socket_open(struct bfd_socket *s, uint16_t port[2])
{
	bfd_socket_init(s);
	for (int i = 0; i < 2; i++) {
		int err;

		s->in[i] = open_in(&families[i]);
		if (s->in[i] >= 0)
			s->out[i] = open_out(&families[i], &port[i]);
		err = s->in[i] < 0 ? s->in[i] : s->out[i] < 0 ? s->out[i] : 0;
		if (!err)
			continue;
		if (i == 1 && (err == -EAFNOSUPPORT || err == -EADDRNOTAVAIL))
			break;
		bfd_socket_close(s);
		return err;
	}
	return 0;
}

/* --- datagrams ------------------------------------------------------------------ */

union control {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(int))];
};

static int ttl_of(struct msghdr *m, const struct family *f)
{
	int ttl = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
		if (c->cmsg_level == f->level && c->cmsg_type == f->ttl)
			memcpy(&ttl, CMSG_DATA(c), sizeof(ttl));
	return ttl;
}

static struct addr addr_of(const struct sockaddr_storage *from)
{
	struct addr a = { .family = from->ss_family == AF_INET ? 4 : 6 };

	if (a.family == 4)
		a.word[0] = ((struct sockaddr_in *)from)->sin_addr.s_addr;
	else
		memcpy(a.word, &((struct sockaddr_in6 *)from)->sin6_addr,
		       sizeof(a.word));
	return a;
}

int bfd_socket_read(struct bfd_socket *s, int family, struct bfd_batch *b)
{
	struct sockaddr_storage from[BFD_BATCH];
	union control control[BFD_BATCH];
	struct mmsghdr msg[BFD_BATCH] = { 0 };
	struct iovec iov[BFD_BATCH];
	int n;

	if (s->in[family] < 0)
		return 0;
	for (int i = 0; i < BFD_BATCH; i++) {
		iov[i] = (struct iovec){ b->data[i], sizeof(b->data[i]) };
		msg[i].msg_hdr = (struct msghdr){
			.msg_name = &from[i],
			.msg_namelen = sizeof(from[i]),
			.msg_iov = &iov[i],
			.msg_iovlen = 1,
			.msg_control = &control[i],
			.msg_controllen = sizeof(control[i]),
		};
	}
	n = recvmmsg(s->in[family], msg, BFD_BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++)
		b->datagram[i] = (struct bfd_datagram){
			.data = b->data[i],
			.len = msg[i].msg_len,
			.from = addr_of(&from[i]),
			.ttl = ttl_of(&msg[i].msg_hdr, &families[family]),
		};
	return n > 0 ? n : 0;
}

int bfd_socket_send(struct bfd_socket *s, const struct addr *to,
		    const void *data, size_t len)
{
	struct sockaddr_storage ss;
	socklen_t size = addr_sockaddr(to, BFD_PORT, &ss);
	ssize_t n = sendto(s->out[to->family == 6], data, len,
			   MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&ss,
			   size);

	return n < 0 ? -errno : 0;
}
