// SPDX-License-Identifier: GPL-2.0-only
#include "lib/link/link_conn.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"

/* So much is handed to the system before the end of a turn. */
#define EARLY (256u << 10)

/* Beyond `high`: one frame that was let in, and this node's answers. */
#define SLACK (1u << 20)

#define CALL(c, callback, ...)                                                 \
	do {                                                                   \
		if ((c)->link->callbacks.callback && !(c)->link->closing)      \
			(c)->link->callbacks.callback(__VA_ARGS__);            \
	} while (0)

/* --- what goes out ----------------------------------------------------------- */

size_t link_conn_queued(const struct link_conn *c)
{
	return c->record_len + link_bytes_left(&c->tls.out) +
	       link_bytes_left(&c->flying);
}

void link_conn_dirty(struct link_conn *c)
{
	c->dirty = true;
	link_busy(c->link);
}

/* To be ended later: not all who find it out may call callbacks. */
static void set_broken(struct link_conn *c, enum baton_link_reason reason)
{
	if (!c->broken) {
		c->broken = true;
		c->reason = reason;
	}
	link_conn_dirty(c);
}

static void encrypt(struct link_conn *c, const void *text, size_t n)
{
	if (!c->broken && link_tls_write(&c->tls, text, n))
		set_broken(c, BATON_LINK_BAD_SYSTEM);
}

/* Records are filled; large payloads go into them straight. */
static void put(struct link_conn *c, const uint8_t *text, size_t n)
{
	while (n) {
		size_t room = LINK_TLS_RECORD - c->record_len;

		if (!c->record_len && n >= room) {
			size_t whole = n - n % LINK_TLS_RECORD;

			encrypt(c, text, whole);
			text += whole;
			n -= whole;
			continue;
		}
		room = n < room ? n : room;
		memcpy(c->record + c->record_len, text, room);
		c->record_len += room;
		text += room;
		n -= room;
		if (c->record_len == LINK_TLS_RECORD) {
			encrypt(c, c->record, c->record_len);
			c->record_len = 0;
		}
	}
}

static void put_header(struct link_conn *c, const struct link_frame *f)
{
	struct baton_link_header h;

	link_header_put(&h, f);
	put(c, (const uint8_t *)&h, sizeof(h));
	link_conn_dirty(c);
}

/* The session's own frames; they are small and pass the water marks. */
static void session_send(void *arg, const struct link_frame *f)
{
	struct link_conn *c = arg;

	if (link_conn_queued(c) > c->link->config.high + SLACK) {
		set_broken(c, BATON_LINK_BAD_UNREAD);
		return;
	}
	put_header(c, f);
	put(c, f->payload, f->length);
}

static void on_written(uv_write_t *write, int status);

/* The system takes what it can at once; for the rest it calls. */
static void pump(struct link_conn *c)
{
	struct link_bytes *out = &c->tls.out;
	uv_stream_t *stream = (uv_stream_t *)&c->tcp;
	struct link_bytes empty;
	uv_buf_t buf;
	int n;

	while (!c->writing && link_bytes_left(out)) {
		buf = uv_buf_init((char *)out->bytes + out->start,
				  link_bytes_left(out));
		n = uv_try_write(stream, &buf, 1);
		if (n > 0) {
			link_bytes_skip(out, n);
			continue;
		}
		if (n != UV_EAGAIN) {
			set_broken(c, BATON_LINK_BAD_GONE);
			return;
		}
		empty = c->flying;
		c->flying = *out;
		*out = empty;
		c->writing = true;
		n = uv_write(&c->write, stream, &buf, 1, on_written);
		if (n) {
			c->writing = false;
			set_broken(c, BATON_LINK_BAD_SYSTEM);
			return;
		}
	}
}

static void on_written(uv_write_t *write, int status)
{
	struct link_conn *c = write->data;

	c->writing = false;
	c->flying.start = c->flying.end = 0;
	if (c->over)
		return;
	if (status)
		link_conn_end(c, BATON_LINK_BAD_GONE, "%s",
			      uv_strerror(status));
	else
		link_conn_dirty(c);
}

void link_conn_flush(struct link_conn *c)
{
	link_session_flush(&c->session);
	encrypt(c, c->record, c->record_len);
	c->record_len = 0;
	pump(c);
}

int64_t link_conn_send(struct link_conn *c, struct link_frame *f,
		       const struct iovec *iov, int nr)
{
	int64_t sequence;
	int i;

	f->length = 0;
	for (i = 0; i < nr; i++) {
		if (iov[i].iov_len > BATON_LINK_DATA_MAX - f->length)
			return -EMSGSIZE;
		f->length += iov[i].iov_len;
	}
	if (c->broken)
		return -ENOTCONN;
	if (link_conn_queued(c) >= c->link->config.high) {
		c->choked = true;
		return -EAGAIN;
	}
	sequence = link_session_number(&c->session, f, clock_ns());
	if (sequence < 0)
		return sequence;
	put_header(c, f);
	for (i = 0; i < nr; i++)
		put(c, iov[i].iov_base, iov[i].iov_len);
	if (link_bytes_left(&c->tls.out) >= EARLY)
		pump(c);
	return sequence;
}

/* --- what comes in ----------------------------------------------------------- */

static void end_broken(struct link_conn *c, enum baton_link_reason reason)
{
	if (c->proven)
		link_session_close(&c->session, reason);
	if (reason == BATON_LINK_BAD_VERSION)
		link_conn_end(c, reason, "it speaks version %u, this node %u",
			      c->decoder.version, BATON_LINK_VERSION);
	else
		link_conn_end(c, reason, "%s", link_reason_text(reason));
}

/* The peer is up; of two connections with it the newer is the live one. */
static void up(struct link_conn *c)
{
	struct link_conn *old = c->peer->conn;

	if (old)
		end_broken(old, BATON_LINK_BAD_REPLACED);
	if (c->over || c->link->closing)
		return;
	c->peer->conn = c;
	CALL(c, on_up, c->peer);
}

static void event(struct link_conn *c, struct link_event e,
		  const struct link_frame *f)
{
	if (e.kind == LINK_REFUSED)
		c->link->counts[e.reason]++;
	if (e.deposed)
		CALL(c, on_deposed, c->peer, f->owner, f->epoch);
	if (c->over)
		return;
	switch (e.kind) {
	case LINK_UP:
		up(c);
		break;
	case LINK_FRAME:
		CALL(c, on_frame, c->peer, f);
		break;
	case LINK_ACKED:
		CALL(c, on_ack, c->peer, c->session.acked);
		break;
	case LINK_TOLD:
		CALL(c, on_refused, c->peer, f->sequence, f->owner, e.reason);
		break;
	case LINK_ACK_LATE:
		CALL(c, on_ack_late, c->peer, c->session.acked,
		     c->session.sent);
		break;
	case LINK_CLOSED:
		if (e.reason >= BATON_LINK_NR_REASONS)
			e.reason = BATON_LINK_BAD_SHUTDOWN;
		link_conn_end(c, e.reason, "the other end says: %s",
			      link_reason_text(e.reason));
		break;
	case LINK_BROKEN:
		end_broken(c, e.reason);
		break;
	case LINK_REFUSED:
	case LINK_NOTHING:
		break;
	}
}

static void frames(struct link_conn *c, uint64_t now)
{
	struct link_frame f;
	int n;

	while (!c->over && (n = link_decoder_next(&c->decoder, &f))) {
		if (n < 0)
			end_broken(c, -n);
		else
			event(c, link_session_receive(&c->session, &f, now),
			      &f);
	}
	if (!c->over && c->session.pong_due)
		link_conn_dirty(c);
}

static void plain_text(struct link_conn *c)
{
	uint64_t now = clock_ns();

	while (!c->over) {
		size_t room;
		uint8_t *to = link_decoder_room(&c->decoder, &room);
		ssize_t n = to ? link_tls_read(&c->tls, to, room) : -ENOMEM;

		if (!n)
			return;
		if (n > 0) {
			link_decoder_filled(&c->decoder, n);
			frames(c, now);
		} else if (n == -EPIPE) {
			link_conn_end(c, BATON_LINK_BAD_GONE, "%s",
				      link_reason_text(BATON_LINK_BAD_GONE));
		} else if (n == -EPROTO) {
			link_conn_end(c, BATON_LINK_BAD_TLS, "%s", c->tls.why);
		} else {
			link_conn_end(c, BATON_LINK_BAD_SYSTEM,
				      "out of memory");
		}
	}
}

static void handshake(struct link_conn *c)
{
	int n = link_tls_handshake(&c->tls);

	link_conn_dirty(c);
	if (n < 0) {
		link_conn_end(c, BATON_LINK_BAD_HANDSHAKE, "%s", c->tls.why);
	} else if (n) {
		c->proven = true;
		/* whose key is known is one of the peers */
		c->peer = link_peer_named(c->link, c->tls.peer);
		link_session_start(&c->session, c->link->node, c->peer->name,
				   clock_ns());
	}
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct link_conn *c = handle->data;

	(void)suggested;
	*buf = uv_buf_init((char *)c->link->input, LINK_INPUT_SIZE);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct link_conn *c = stream->data;

	if (!n)
		return;
	if (n < 0) {
		link_conn_end(c, BATON_LINK_BAD_GONE, "%s",
			      n == UV_EOF
				      ? link_reason_text(BATON_LINK_BAD_GONE)
				      : uv_strerror(n));
		return;
	}
	link_tls_feed(&c->tls, buf->base, n);
	if (!c->proven)
		handshake(c);
	if (c->proven)
		plain_text(c);
}

/* --- its life ---------------------------------------------------------------- */

struct link_conn *link_conn_new(struct link *link, struct link_peer *peer)
{
	const struct link_config *config = &link->config;
	struct link_conn *c = calloc(1, sizeof(*c));

	if (!c || uv_tcp_init(link->loop, &c->tcp)) {
		free(c);
		return NULL;
	}
	link->handles++;
	c->link = link;
	c->peer = peer;
	c->calls = peer;
	c->began = clock_ns();
	c->tcp.data = c->write.data = c->connect.data = c;
	link_decoder_init(&c->decoder);
	c->session = (struct link_session){
		.times = { config->ping * 1000000ULL,
			   config->silent * 1000000ULL,
			   config->hello * 1000000ULL,
			   config->ack_late * 1000000ULL },
		.owners = &link->owners,
		.send = session_send,
		.arg = c,
	};
	c->next = link->conns;
	link->conns = c;
	return c;
}

void link_conn_start(struct link_conn *c)
{
	unsigned int timeout = c->link->config.silent;
	int fd, err;

	uv_tcp_nodelay(&c->tcp, 1);
	if (!uv_fileno((uv_handle_t *)&c->tcp, &fd))
		setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout,
			   sizeof(timeout));
	err = link_tls_open(&c->tls, &c->link->tls, c->calls,
			    c->calls ? c->peer->name : NULL);
	if (!err)
		err = uv_read_start((uv_stream_t *)&c->tcp, on_room, on_read);
	if (err)
		link_conn_end(c, BATON_LINK_BAD_SYSTEM, "%s", strerror(-err));
	else if (c->calls)
		handshake(c);
}

static void on_closed(uv_handle_t *handle)
{
	struct link_conn *c = handle->data, **at;
	struct link *link = c->link;

	for (at = &link->conns; *at != c; at = &(*at)->next)
		;
	*at = c->next;
	link_tls_free(&c->tls);
	link_decoder_free(&c->decoder);
	link_bytes_free(&c->flying);
	explicit_bzero(c, sizeof(*c));
	free(c);
	link_handle_gone(link);
}

void link_conn_end(struct link_conn *c, enum baton_link_reason reason,
		   const char *format, ...)
{
	struct link_peer *peer = c->peer;
	bool was_up = peer && peer->conn == c;
	char why[LINK_WHY];
	va_list args;

	if (c->over)
		return;
	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	/* what there is to say goes out if the system takes it at once */
	if (c->tls.ssl) {
		link_conn_flush(c);
		link_tls_end(&c->tls);
		pump(c);
	}
	c->over = true;
	c->session.state = LINK_STATE_CLOSED;
	c->link->counts[reason]++;
	uv_close((uv_handle_t *)&c->tcp, on_closed);
	if (was_up) {
		peer->conn = NULL;
		CALL(c, on_down, peer, reason, why);
	} else {
		CALL(c, on_failed, c->link->arg, peer, reason, why);
	}
	if (peer && peer->calls && (c->calls || was_up) && !c->link->closing)
		link_peer_again(peer, was_up ? clock_ns() - c->began : 0);
}

bool link_conn_turn(struct link_conn *c)
{
	if (c->over || !c->dirty)
		return false;
	if (c->broken) {
		end_broken(c, c->reason);
		return false;
	}
	if (c->tls.ssl)
		link_conn_flush(c);
	c->dirty = c->broken; /* or else all of it is on its way */
	if (c->choked && link_conn_queued(c) <= c->link->config.low) {
		c->choked = false;
		CALL(c, on_writable, c->peer);
	}
	return !c->over && c->dirty;
}

void link_conn_tick(struct link_conn *c, uint64_t now)
{
	if (c->over)
		return;
	if (c->proven)
		event(c, link_session_tick(&c->session, now), NULL);
	else if (now - c->began >= c->link->config.hello * 1000000ULL)
		link_conn_end(c, BATON_LINK_BAD_SLOW, "%s",
			      link_reason_text(BATON_LINK_BAD_SLOW));
}
