// SPDX-License-Identifier: GPL-2.0-only
#include "sockets.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

/* A connection that is silent for so long is asked whether it lives. */
#define KEEPALIVE_AFTER 60 /* s */
#define KEEPALIVE_EVERY 10

static int set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) ? -errno
								    : 0;
}

void socket_options(int fd)
{
	set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_AFTER);
	set(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_EVERY);
	/* urgent data is data: the byte stays where it is in the stream */
	set(fd, SOL_SOCKET, SO_OOBINLINE, 1);
}

int socket_prepare(int fd, int buffer)
{
	int err = set(fd, SOL_SOCKET, SO_RCVBUFFORCE, buffer);

	socket_options(fd);
	setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, SOCKET_CONGESTION,
		   strlen(SOCKET_CONGESTION));
	return err ?: set(fd, SOL_SOCKET, SO_SNDBUFFORCE, buffer);
}

int socket_transparent(int fd, int family)
{
	int err = family == 4 ? set(fd, IPPROTO_IP, IP_TRANSPARENT, 1)
			      : set(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, 1);

	return err ?: set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
}
