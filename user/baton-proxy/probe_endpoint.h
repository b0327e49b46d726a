/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * "Probe first": the new owner asks the other end of a connection what it has,
 * before it makes the socket (rows P5, K6). One byte that is long acknowledged
 * is sent once more; whoever gets such a thing answers at once with an ACK that
 * says exactly what it expects next, and its window (RFC 9293, section
 * 3.10.7.4). It must be asked after the switch has been flipped: what the old
 * owner still sends would make the answer wrong.
 *
 * Not every ACK that comes is that answer, as others may be on their way, or are
 * replayed by the switch. The proof is a D-SACK block that names the byte (RFC
 * 2883), or a timestamp echoed that only the probe, or something that came after
 * all that is known here, can have brought (RFC 7323, section 4.3). Of an end
 * that says no such thing the newest ACK is believed, once the probe has been
 * sent twice and would be sent for the third time; of one that knows SACK, and
 * so could have proved it, only one without data, after five times.
 *
 * The first half is pure: who is to be asked when, and what an answer is.
 * Times are nanoseconds.
 */
#ifndef BATON_PROXY_PROBE_ENDPOINT_H
#define BATON_PROXY_PROBE_ENDPOINT_H

#include "track.h"

#define PROBE_TRIES_MAX 8

struct probe_rule {
	uint64_t repeat; /* after this time, then after twice as much, ... */
	uint64_t deadline; /* since the first; then the end counts as silent */
	uint32_t tries; /* up to PROBE_TRIES_MAX */
};

/* First after 20 ms; silent after 2 s */
extern const struct probe_rule probe_rule_default;

enum probe_state {
	PROBE_WAITING, /* for its turn, or an answer */
	PROBE_ANSWERED, /* `ack`, `window` are its word */
	PROBE_SILENT, /* no answer within the deadline: go on with what is
		       * known; its own repetitions will find us */
	PROBE_GONE, /* it answered with RST: there is nothing to go on with */
};

/* One end that is asked. It lives in the program's record of the connection;
 * the schedule links it, so it must not move nor go while it is waiting. */
struct probe {
	struct track *track; /* not owned */
	const struct tuple *tuple; /* not owned */
	uint64_t weight; /* heavier ones go first: bytes that wait, say */
	enum probe_state state;
	uint32_t ack; /* its next expected sequence number */
	uint32_t window; /* in bytes */
	bool proven; /* the answer was one to the probe */

	/* the schedule's */
	struct probe *next, **link;
	uint64_t due, until;
	uint32_t tries;
	uint32_t seq; /* of the old byte */
	uint32_t arrived; /* up to here, when it began: later bytes are not
			   * acknowledged before the standby has them */
	uint32_t stamp; /* its timestamp: newer than all that was echoed */
	bool heard; /* an ACK that may be an answer */
};

struct probes {
	struct probe_rule rule;
	struct probe_queue {
		struct probe *head, **tail;
	} queues[PROBE_TRIES_MAX + 1]; /* by tries; each by due time */
	uint32_t waiting; /* that have not been answered */
};

void probes_init(struct probes *p, const struct probe_rule *rule);

/* Add them all; the pointers are put in the order of their weight. Only open
 * connections: a half-open one is given its SYN-ACK again. */
void probes_start(struct probes *p, struct probe **list, size_t n,
		  uint64_t now);

/* Take one out, whatever its state. */
void probes_remove(struct probes *p, struct probe *probe);

/*
 * The probes that are to be sent now, at most `room`; each counts as sent.
 * Those whose time is up change their state here, and are returned through
 * `over` (a list linked by `next`), if not NULL.
 */
size_t probes_due(struct probes *p, uint64_t now, struct probe **due,
		  size_t room, struct probe **over);

/* When to call it next; UINT64_MAX: never. */
uint64_t probes_next(const struct probes *p);

/* A segment of this connection arrived (and track_in() has seen it). True: the
 * probe has found its state, and is not linked any more; the track knows the
 * newest timestamp that the end has seen. */
bool probe_in(struct probes *p, struct probe *probe, const struct segment *s);

/* --- what is sent ----------------------------------------------------------- */

/* The probe itself. */
void probe_segment(struct segment *s, const struct probe *probe);

/*
 * The true ACK after the socket has been made: it tells the other end what has
 * arrived and opens the window, which the kernel's own probe does not, as that
 * lies outside of the other end's window. `ts_value`: repair_timestamp();
 * `window`: repair_socket.rcv_window.
 */
void probe_ack_segment(struct segment *s, const struct track *t,
		       const struct tuple *tuple, uint32_t snd_nxt,
		       uint32_t ts_value, uint32_t window);

/* The SYN-ACK of the owner once more, for a half-open connection. `window` as
 * in the header: not scaled. */
void probe_syn_ack_segment(struct segment *s, const struct track *t,
			   const struct tuple *tuple, uint16_t window);

/* Raw sockets that send segments from whatever address; CAP_NET_RAW. */
struct probe_sockets {
	int fd4, fd6;
};

/* `mark`: SO_MARK of what is sent (that needs CAP_NET_ADMIN); 0: none. 0 or a
 * negative errno. */
int probe_sockets_open(struct probe_sockets *p, uint32_t mark);
void probe_sockets_close(struct probe_sockets *p);

/* Segments with a byte of payload at most, in few system calls, without waiting.
 * How many went out; if that is not all, *error is the negative errno of the
 * next one (-EAGAIN, -ENOBUFS: the queues are full). */
size_t probe_send(const struct probe_sockets *p, const struct segment *list,
		  size_t n, int *error);

/* One that is a packet already, with its checksums, to the remote end of a
 * tuple. 0 or a negative errno. */
int probe_send_packet(const struct probe_sockets *p, const struct tuple *tuple,
		      const void *packet, size_t len);

#endif
