/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A BFD session (RFC 5880): asynchronous mode, active role, without echo. A
 * state machine without sockets or clocks; it serves hosts that run no agent
 * of ours (rows K6, X3).
 *
 * Beside the session's state it says whether the host lives. The two differ
 * when it is not the host's doing that a session ends:
 *
 * - Silence counts only while somebody listens. Whoever drives the machine
 *   hands in what has arrived and then calls bfd_check(); of the time since
 *   the last check no more than one interval counts, and only a quarter of
 *   one if that was more than two intervals ago. So a pause of this machine
 *   accuses nobody, and a driver that is always late is slow, but not blind.
 * - If the host ends the session because it did not hear us, and we know that
 *   we were late with a packet, or were not running, it is excused. So it is
 *   if it falls silent right after we had been so late that it must have ended
 *   the session: we may have missed that it said so.
 * - One that ends it by AdminDown is not watched until it says otherwise: its
 *   operator meant that, so it is no failure (RFC 5882).
 *
 * Who is excused, but for the last reason, is dead all the same when it is
 * silent for the detection time, or when there is no session again within
 * twice the time that it may take to begin one. In the same time a host is dead
 * that never had a session.
 *
 * Times are nanoseconds of any one monotonic clock, intervals are microseconds
 * as on the wire. No pointers, so it may lie in shared memory.
 */
#ifndef BATOND_BFD_H
#define BATOND_BFD_H

#include <stdbool.h>
#include <stdint.h>

#include "bfd_auth.h"
#include "bfd_packet.h"

struct bfd_settings {
	uint32_t min_tx, min_rx; /* while it is up; not 0 */
	uint8_t multiplier; /* not 0 */
	struct bfd_key key; /* of type NONE: no authentication */
};

enum bfd_verdict { BFD_UNKNOWN, BFD_ALIVE, BFD_DEAD };

/* What the verdict has become; the caller acts on it. */
enum bfd_change { BFD_SAME, BFD_WENT_UP, BFD_WENT_DOWN };

struct bfd {
	struct bfd_settings settings;
	uint8_t state; /* enum bfd_state */
	uint8_t diag; /* why it was entered */
	uint8_t verdict; /* enum bfd_verdict */
	uint32_t discriminator;

	/* as the host last said */
	struct {
		uint8_t state, diag, multiplier;
		bool demand;
		uint32_t discriminator; /* 0: unknown */
		uint32_t min_tx, min_rx;
	} remote;

	/* Sending. While a poll sequence tells the host of new intervals, the
	 * old ones may still be in use (section 6.8.3). */
	uint32_t pace; /* DesiredMinTxInterval in use */
	bool polling, poll_again; /* again: they have changed once more */
	bool final; /* a poll is to be answered */
	bool urgent; /* there is something new to say */
	uint64_t next_tx, last_tx;
	uint64_t late_tx, late_by; /* last packet that was late: when sent, and
				    * how long after the one before it */

	/* Listening */
	uint32_t listen; /* RequiredMinRxInterval in use */
	uint64_t looked; /* last check */
	uint64_t silence; /* that counts, since the last packet */
	uint64_t excused; /* until then; 0: not; UINT64_MAX: AdminDown */

	uint32_t tx_sequence, rx_sequence; /* of authentication */
	bool rx_sequence_known;

	/* for people */
	uint64_t sent, received, heard, since; /* last packet, last change */
	uint64_t ups, downs;
	uint64_t discarded[BFD_NR_DISCARDS];
};

/*
 * A session that is down. The discriminator is unique among all sessions, and
 * not 0; the first sequence number comes from `random`. The host is not dead
 * before `grace`.
 */
void bfd_init(struct bfd *b, const struct bfd_settings *settings,
	      uint32_t discriminator, uint32_t random, uint64_t now,
	      uint64_t grace);

/* Other settings; a session that is up stays up, unless the host knows another
 * key. The same ones again change nothing. */
void bfd_configure(struct bfd *b, const struct bfd_settings *settings);

/* End it, and tell the host that this is meant; it then takes no packets. The
 * host should be told for as long as bfd_remote_detect_time(). */
void bfd_admin_down(struct bfd *b, uint64_t now);

/* When something must be done next: send a packet, or check. */
uint64_t bfd_deadline(const struct bfd *b);

/* Make the packet that is due; false: there is none. The next one is due after
 * an interval that `random` shortens (section 6.8.7). */
bool bfd_transmit(struct bfd *b, uint64_t now, uint32_t random,
		  struct bfd_packet *p);

/* The kernel has taken it. */
void bfd_sent(struct bfd *b, uint64_t now);

/*
 * A packet that bfd_packet_read() took, for this session; `data` is the packet
 * as it came. Discards are counted in the session, and change nothing else.
 */
enum bfd_discard bfd_receive(struct bfd *b, const struct bfd_packet *p,
			     const uint8_t *data, uint64_t now,
			     enum bfd_change *change);

/* Take the time first, then hand in all that has arrived, then check with that
 * time. */
enum bfd_change bfd_check(struct bfd *b, uint64_t now);

/* Silence that ends the session; here, and at the host. ns */
uint64_t bfd_detect_time(const struct bfd *b);
uint64_t bfd_remote_detect_time(const struct bfd *b);

/* Between two packets of ours, without jitter; of the host's. us */
uint32_t bfd_tx_interval(const struct bfd *b);
uint32_t bfd_rx_interval(const struct bfd *b);

#endif
