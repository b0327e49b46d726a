/* SPDX-License-Identifier: GPL-2.0-only */
/* Unix sockets at which daemons wait for programs of the same machine. */
#ifndef LIB_UNIX_SOCKET_H
#define LIB_UNIX_SOCKET_H

#include <sys/types.h>

/* The folder of a socket, if it is missing: /run is empty after a boot. 0 or a
 * negative errno. */
int unix_make_parent(const char *path);

/*
 * A SOCK_SEQPACKET socket that listens there, non-blocking, in place of what was
 * there before; its folder is made if it is missing. Who may connect is `mode`'s
 * matter. The descriptor, or a negative errno.
 */
int unix_listen(const char *path, mode_t mode, int backlog);

/* Send one message, with a descriptor unless that is -1, without waiting. 0 or a
 * negative errno. */
int unix_send(int to, const void *message, size_t len, int fd);

#endif
