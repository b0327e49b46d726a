/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The link of a program with others on other machines, for libuv (row P4). The
 * protocol is docs/wire.md; its pure parts are link_frame (bytes), link_owners
 * (epochs), link_session (rules), link_tls (records).
 *
 * A link has peers, named in advance, each with the key that proves it. A peer
 * is up while one connection with it is: the one that link_connect() makes, and
 * makes anew whenever it breaks, or one that came through link_listen(). Of two
 * nodes one connects and the other listens.
 *
 * Each connection begins from nothing: sequences from 1, nothing acknowledged.
 * What the other end must know is sent anew in on_up, as a snapshot:
 * SNAPSHOT_BEGIN, SNAPSHOTs, SNAPSHOT_END, of one owner and channel each; a
 * second BEGIN begins it anew. STREAM may be sent at any time, also in between.
 *
 * One thread; no callback is called from within link_send(), link_ack(),
 * link_owner() or link_flush(). All times are in milliseconds.
 */
#ifndef LIB_LINK_H
#define LIB_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include <uv.h>

#include "lib/addr.h"
#include "lib/link/link_frame.h"
#include "lib/link/link_key.h"

struct link;
struct link_peer; /* lives as long as the link */

struct link_callbacks {
	/* The peer has proven who it is, and speaks. */
	void (*on_up)(struct link_peer *peer);
	/*
	 * It does no longer: what it has not acknowledged is to be held for
	 * lost. `why` is a sentence for the log.
	 */
	void (*on_down)(struct link_peer *peer, enum baton_link_reason reason,
			const char *why);
	/*
	 * A connection ended before anyone was up: with this peer, or, NULL,
	 * with someone who came to link_listen() and has proven nothing.
	 */
	void (*on_failed)(void *arg, struct link_peer *peer,
			  enum baton_link_reason reason, const char *why);
	/*
	 * A DATA frame, in its order, accepted for its role and epoch. The
	 * payload is valid during the call.
	 */
	void (*on_frame)(struct link_peer *peer, const struct link_frame *f);
	/* The peer has stored all up to this sequence. */
	void (*on_ack)(struct link_peer *peer, uint64_t sequence);
	/* After -EAGAIN of link_send(): there is room again. */
	void (*on_writable)(struct link_peer *peer);
	/*
	 * The peer lives, but nothing that waits for its ACK was acknowledged
	 * for `ack_late`; again after each such time.
	 */
	void (*on_ack_late)(struct link_peer *peer, uint64_t acked,
			    uint64_t sent);
	/*
	 * The peer refused what this node sent as `sequence`. No ACK that
	 * covers it has been heard yet; one may follow, and does not mean it.
	 */
	void (*on_refused)(struct link_peer *peer, uint64_t sequence,
			   uint32_t owner, enum baton_link_reason reason);
	/* By a peer's word this node is no longer OWNER of it. */
	void (*on_deposed)(struct link_peer *peer, uint32_t owner,
			   uint32_t epoch);
}; /* any may be NULL */

struct link_config {
	const char *node; /* this node's name */
	const struct link_key *key;

	/* each 0: the value of LINK_DEFAULTS */
	uint32_t ping; /* after so long without a word, ask for one */
	uint32_t silent; /* after so long without a word: down */
	uint32_t hello; /* a connection must be up after so long */
	uint32_t ack_late; /* see on_ack_late */
	uint32_t retry_min, retry_max; /* between attempts to connect */
	size_t high, low; /* bytes queued for a peer: see link_send() */
};

#define LINK_DEFAULTS                                                          \
	((struct link_config){ .ping = 250,                                    \
			       .silent = 2000,                                 \
			       .hello = 5000,                                  \
			       .ack_late = 1000,                               \
			       .retry_min = 50,                                \
			       .retry_max = 2000,                              \
			       .high = 4u << 20,                               \
			       .low = 1u << 20 })

#define LINK_WHY 256 /* room for a sentence, here and in on_down */

/*
 * Make a link; `arg` is what link_arg() returns. 0 or a negative errno, with
 * `why` filled. Nothing of *config is needed afterwards. The program ignores
 * SIGPIPE from then on.
 */
int link_open(struct link **link, uv_loop_t *loop,
	      const struct link_config *config,
	      const struct link_callbacks *callbacks, void *arg,
	      char why[LINK_WHY]);

/*
 * End it: peers are sent CLOSE, if the system takes it at once; what still
 * waits is lost. No callback is called any more. Its memory is freed once the
 * loop has run its handles' ends.
 */
void link_close(struct link *link);

/*
 * A node that may speak, and the key that proves it. The peer, or NULL with
 * errno: EINVAL (name), EEXIST, ENOMEM. Names are of 1 to 63 printable ASCII
 * characters without blanks.
 */
struct link_peer *link_peer_add(struct link *link, const char *name,
				const struct link_public *key);

/* Wait for peers at an address; port 0: any. The port, or a negative errno. */
int link_listen(struct link *link, const struct addr *a, uint16_t port);

/* Connect to the peer, and again whenever that ends. */
int link_connect(struct link_peer *peer, const struct addr *a, uint16_t port);

/* What this node is to an owner; errors as of link_owners_set(). */
int link_owner(struct link *link, uint32_t owner, enum baton_link_role role,
	       uint32_t epoch);
void link_owner_forget(struct link *link, uint32_t owner);

/*
 * Send a DATA frame: of *head type, channel, owner and epoch are read; the
 * payload is copied. What is sent within one turn of the loop goes out together
 * at its end. The frame's sequence, or
 *   -EAGAIN    more than `high` bytes wait: on_writable will come below `low`
 *   -ENOTCONN  the peer is not up
 *   -EMSGSIZE  the payload is longer than BATON_LINK_DATA_MAX
 *   -EINVAL    not a DATA frame; owner 0 with an epoch
 *   -ENOENT, -ESTALE, -EPERM  link_owner() does not allow it
 *   -EBUSY     SNAPSHOT_BEGIN while 16 others are open
 *   -EPROTO    SNAPSHOT or SNAPSHOT_END of what has not begun
 */
int64_t link_send(struct link_peer *peer, const struct link_frame *head,
		  const struct iovec *iov, int nr);

/*
 * Say that all up to `sequence` is stored; several within one turn of the loop
 * make one ACK. 0, -ENOTCONN, or -EINVAL if that has not been received.
 */
int link_ack(struct link_peer *peer, uint64_t sequence);

/* Do not wait for the end of this turn of the loop. */
void link_flush(struct link_peer *peer);

const char *link_peer_name(const struct link_peer *peer);
bool link_peer_is_up(const struct link_peer *peer);
void *link_arg(const struct link_peer *peer); /* of link_open() */

/* How often each reason was met: frames refused, connections ended. */
uint64_t link_count(const struct link *link, enum baton_link_reason reason);

struct link_peer_status {
	bool up;
	uint64_t sent, acked; /* sequences of this connection */
	uint64_t received, stored; /* stored: what link_ack() said */
	size_t queued; /* bytes that the system has not taken yet */
	uint64_t round_trip; /* us, of the newest PONG; 0: none yet */
};

void link_peer_status(const struct link_peer *peer,
		      struct link_peer_status *status);

#endif
