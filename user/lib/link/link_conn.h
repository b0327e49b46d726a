/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One TCP connection of a link: from the socket through TLS, decoder and
 * session, and back. Not for components: they include link.h.
 */
#ifndef LIB_LINK_CONN_H
#define LIB_LINK_CONN_H

#include "lib/link/link.h"
#include "lib/link/link_session.h"
#include "lib/link/link_tls.h"

struct link_conn {
	struct link *link;
	struct link_peer *peer; /* NULL: it came, and is not known yet */
	struct link_conn *next; /* of the link */
	bool calls;
	bool proven; /* by TLS; the session has begun */
	bool over; /* being closed: it does nothing more */
	bool dirty; /* there is something for the end of the turn */
	bool choked; /* link_send() said -EAGAIN */
	bool writing; /* the system owes an end of `flying` */
	bool broken; /* to be ended for `reason` at the end of the turn */
	enum baton_link_reason reason;
	uint64_t began; /* clock_ns() */

	uv_tcp_t tcp;
	uv_connect_t connect;
	uv_write_t write;
	struct link_tls tls;
	struct link_decoder decoder;
	struct link_session session;

	uint8_t record[LINK_TLS_RECORD]; /* plain text that waits for more */
	size_t record_len;
	struct link_bytes flying; /* what the system is writing */
};

#define LINK_INPUT_SIZE (256u << 10)

/* What a link has in common with its connections. */
struct link {
	uv_loop_t *loop;
	struct link_config config;
	struct link_callbacks callbacks;
	void *arg;
	char node[BATON_LINK_NAME_LEN];
	struct link_tls_node tls;
	struct link_owners owners;
	struct link_peer *peers;
	struct link_conn *conns;
	struct link_listener *listeners;
	uint64_t counts[BATON_LINK_NR_REASONS];

	unsigned int handles; /* that libuv still knows */
	bool closing;
	uv_timer_t tick;
	uv_check_t check; /* the end of a turn: what was sent goes out */
	uv_idle_t busy; /* keeps a turn from waiting while there is something */
	uint8_t *input; /* read into by all connections, each at once done */
};

struct link_peer {
	struct link *link;
	struct link_peer *next;
	char name[BATON_LINK_NAME_LEN];
	struct link_public key;
	struct link_conn *conn; /* that is up; NULL: none */

	bool calls; /* this node connects */
	struct addr addr;
	uint16_t port;
	uv_timer_t retry;
	uint32_t wait; /* ms, before the next attempt */
};

/* A handle of libuv's that belongs to the link: counted from its making on. */
void link_handle_gone(struct link *link);

/* A connection to be: linked in, its socket made. NULL: no memory. */
struct link_conn *link_conn_new(struct link *link, struct link_peer *peer);

/* Its socket is connected: speak. */
void link_conn_start(struct link_conn *c);

/*
 * End it for a reason: the callbacks are told, the memory is freed later. An
 * ended one is not ended again.
 */
void link_conn_end(struct link_conn *c, enum baton_link_reason reason,
		   const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Call the peer again, after a while: the connection was up for `lasted` ns. */
void link_peer_again(struct link_peer *peer, uint64_t lasted);

bool link_is_name(const char *name);
bool link_peer_knows(void *link, const char *name,
		     const struct link_public *key);
struct link_peer *link_peer_named(const struct link *link, const char *name);

/* Let there be another turn of the loop at once. */
void link_busy(struct link *link);

int64_t link_conn_send(struct link_conn *c, struct link_frame *f,
		       const struct iovec *iov, int nr);
size_t link_conn_queued(const struct link_conn *c);
void link_conn_dirty(struct link_conn *c);

/* Hand what waits to the system. */
void link_conn_flush(struct link_conn *c);

/* The end of a turn; whether another one is needed at once. */
bool link_conn_turn(struct link_conn *c);
void link_conn_tick(struct link_conn *c, uint64_t now);

#endif
