/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sockets of all BFD sessions: for each family one that receives at
 * BFD_PORT, and one that sends from a port of 49152 to 65535 (RFC 5881 section
 * 4). Sessions share that port, although each should have its own; it is the
 * discriminators that tell them apart.
 */
#ifndef BATOND_BFD_SOCKET_H
#define BATOND_BFD_SOCKET_H

#include "bfd_session.h"

struct bfd_socket {
	int in[2], out[2]; /* IPv4, IPv6; -1: not open */
};

#define BFD_BATCH 64 /* datagrams read at a time */

/* What was read; the datagrams' data lie in it. */
struct bfd_batch {
	struct bfd_datagram datagram[BFD_BATCH];
	uint8_t data[BFD_BATCH][2 * BFD_PACKET_MAX]; /* the rest is cut off */
};

void bfd_socket_init(struct bfd_socket *s);

/* port[family]: the source port to have again if it can be had; the one that
 * is used is stored there. 0, or a negative errno: nothing is open then. IPv6
 * may be absent. */
int bfd_socket_open(struct bfd_socket *s, uint16_t port[2]);
void bfd_socket_close(struct bfd_socket *s);
bool bfd_socket_is_open(const struct bfd_socket *s);

/* How many have been read from in[family]; less than BFD_BATCH: that was all. */
int bfd_socket_read(struct bfd_socket *s, int family, struct bfd_batch *b);

/* 0 or a negative errno */
int bfd_socket_send(struct bfd_socket *s, const struct addr *to,
		    const void *data, size_t len);

#endif
