/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * TCP sockets made from numbers, and numbers from sockets: the kernel's
 * TCP_REPAIR (tcp(7), include/uapi/linux/tcp.h), rows P5 and K6. Needs
 * CAP_NET_ADMIN, and nothing else, in the network namespace of the socket.
 */
#ifndef BATON_PROXY_REPAIR_H
#define BATON_PROXY_REPAIR_H

#include "track.h"

/* Numbers in host byte order, windows in bytes. */
struct repair_socket {
	struct tuple tuple;
	uint32_t snd_nxt, rcv_nxt; /* nothing counts as sent beyond snd_nxt */
	uint32_t snd_window; /* the other end's */
	uint32_t rcv_window; /* that we offer; 0: as much as a socket has */
	uint16_t mss; /* of the other end's SYN; 0: RFC 9293's default */
	uint8_t scale_in, scale_out; /* the other end's, ours; both or none */
	bool timestamps, sack;
	uint32_t ts_value; /* first of ours; bit 0 is of no account */

	/* What is not part of the connection; 0, NULL: the system's default */
	int send_buffer, receive_buffer; /* SO_SNDBUF, SO_RCVBUF */
	const char *congestion; /* TCP_CONGESTION */
	uint32_t mark; /* SO_MARK */
	bool transparent; /* IP_TRANSPARENT: the local address is another's */
};

/* X(NAME, what was being done): the steps of both, in order */
#define REPAIR_STEPS(X)                                                        \
	X(SOCKET, "make a socket")                                             \
	X(BUFFERS, "set the sizes of buffers")                                 \
	X(CONGESTION, "set the congestion control")                            \
	X(MARK, "set the mark")                                                \
	X(TRANSPARENT, "let it have an address of another machine")            \
	X(BEGIN, "begin TCP_REPAIR (needs CAP_NET_ADMIN)")                     \
	X(BIND, "bind to the local address (is it on this machine?)")          \
	X(RECEIVE_QUEUE, "set the receive queue's sequence number")            \
	X(SEND_QUEUE, "set the send queue's sequence number")                  \
	X(CONNECT, "connect to the remote address (is there a route?)")        \
	X(OPTIONS, "set the options of the SYN")                               \
	X(TIMESTAMP, "set the clock of timestamps")                            \
	X(WINDOW, "set the windows")                                           \
	X(END, "end TCP_REPAIR")                                               \
	X(REUSE, "set SO_REUSEADDR")                                           \
	X(NAMES, "ask for the addresses")                                      \
	X(INFO, "ask for TCP_INFO")

enum repair_step {
#define X(name, text) REPAIR_##name,
	REPAIR_STEPS(X)
#undef X
		REPAIR_NR_STEPS,
};

const char *repair_step_text(enum repair_step step);

/*
 * A connected socket, non-blocking and close-on-exec, or a negative errno and
 * the step that failed. It has sent nothing but the kernel's own window probe.
 * -EADDRINUSE at BIND: another socket without SO_REUSEADDR has the port;
 * -EADDRNOTAVAIL at CONNECT: the connection exists here already.
 */
int repair_restore(const struct repair_socket *r, enum repair_step *failed);

/*
 * The numbers of a connected socket. Only while nothing is being sent on it,
 * as right after accept(): what the kernel would transmit meanwhile counts as
 * sent, but is not. 0 or a negative errno; the socket is as before.
 */
int repair_snapshot(int fd, struct repair_socket *r, enum repair_step *failed);

/* What a track and how it goes on say of a socket. ts_value: from the newest
 * that the other end has echoed, and a little more. */
void repair_from_track(struct repair_socket *r, const struct track *t,
		       const struct tuple *tuple,
		       const struct track_resume *resume);

/* A track that begins where the snapshot was taken; nothing before it has been
 * relayed but `received` and `acked` bytes. */
void repair_to_track(const struct repair_socket *r, uint64_t received,
		     uint64_t acked, struct track *t);

/* What our next segment's timestamp will be. 0 or a negative errno. */
int repair_timestamp(int fd, uint32_t *ts_value);

/* Close without a word: no FIN, no RST. 0 or a negative errno; the descriptor
 * is closed in any case. */
int repair_close(int fd);

#endif
