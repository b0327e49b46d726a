/* SPDX-License-Identifier: GPL-2.0-only */
/* What all sockets of the relay have in common, on every machine. */
#ifndef BATON_PROXY_SOCKETS_H
#define BATON_PROXY_SOCKETS_H

/* BBR, a default of some systems, paces, and takes long to know a path again. */
#define SOCKET_CONGESTION "cubic"

/* Before it is connected, or listens; `buffer`: bytes of room in the kernel for
 * each direction. 0 or a negative errno. */
int socket_prepare(int fd, int buffer);

/* What an application decides; may be set at any time. */
void socket_options(int fd);

/* It may have an address that is not this host's (needs CAP_NET_ADMIN), and share
 * a port with another such socket. `family`: 4 or 6. 0 or a negative errno. */
int socket_transparent(int fd, int family);

#endif
