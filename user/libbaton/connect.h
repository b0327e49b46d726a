/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Unix sockets of baton's programs, as a library meets them. */
#ifndef LIBBATON_CONNECT_H
#define LIBBATON_CONNECT_H

#include <stddef.h>
#include <sys/types.h>

#pragma GCC visibility push(hidden)

/* A SOCK_SEQPACKET socket that is connected there, or a negative errno. */
int baton_socket_connect(const char *path);

/* One message, and the descriptor that came with it, or -1. Its length, or a
 * negative errno. */
ssize_t baton_socket_receive(int s, void *message, size_t size, int *fd);

#pragma GCC visibility pop

#endif
