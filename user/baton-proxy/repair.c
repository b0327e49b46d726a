// SPDX-License-Identifier: GPL-2.0-only
#include "repair.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "lib/addr.h"
#include "sockets.h"

/* Values of TCP_REPAIR, TCP_REPAIR_QUEUE: include/uapi/linux/tcp.h */
enum { OFF_WITHOUT_PROBE = -1, ON = 1 };
enum { NO_QUEUE, RECEIVE, SEND };

/* What a new socket has room for by default, and a window without scaling. */
#define WINDOW 65535

/*
 * Our clock goes on at the newest of our timestamps that the other end has
 * echoed, and a little later: it may have seen one that it has not echoed, but
 * what is far ahead would count as round-trip time.
 */
#define TIMESTAMP_MARGIN 4 /* ms */

const char *repair_step_text(enum repair_step step)
{
	static const char *const texts[] = {
#define X(name, text) text,
		REPAIR_STEPS(X)
#undef X
	};

	return step < REPAIR_NR_STEPS ? texts[step] : "?";
}

static int set(int fd, int level, int option, const void *value, socklen_t len)
{
	return setsockopt(fd, level, option, value, len) < 0 ? -errno : 0;
}

static int set_int(int fd, int level, int option, int value)
{
	return set(fd, level, option, &value, sizeof(value));
}

static int get(int fd, int option, void *value, socklen_t len)
{
	return getsockopt(fd, IPPROTO_TCP, option, value, &len) < 0 ? -errno
								    : 0;
}

/* --- restore: one function for each step that can fail ----------------------- */

static int do_buffers(int fd, const struct repair_socket *r)
{
	int err = 0;

	/* whatever the system's limits: CAP_NET_ADMIN is there anyway */
	if (r->send_buffer)
		err = set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, r->send_buffer);
	if (!err && r->receive_buffer)
		err = set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE,
			      r->receive_buffer);
	/* What the other end sends as urgent is part of the stream. */
	return err ?: set_int(fd, SOL_SOCKET, SO_OOBINLINE, 1);
}

static int do_congestion(int fd, const struct repair_socket *r)
{
	return r->congestion ? set(fd, IPPROTO_TCP, TCP_CONGESTION,
				   r->congestion, strlen(r->congestion))
			     : 0;
}

static int do_mark(int fd, const struct repair_socket *r)
{
	return r->mark ? set(fd, SOL_SOCKET, SO_MARK, &r->mark, sizeof(r->mark))
		       : 0;
}

static int do_transparent(int fd, const struct repair_socket *r)
{
	return r->transparent ? socket_transparent(fd, r->tuple.family) : 0;
}

static int do_begin(int fd, const struct repair_socket *r)
{
	(void)r;
	return set_int(fd, IPPROTO_TCP, TCP_REPAIR, ON);
}

static socklen_t name_of(const struct repair_socket *r, bool local,
			 struct sockaddr_storage *ss)
{
	const struct tuple *t = &r->tuple;
	struct addr a = { .family = t->family };

	memcpy(a.word, local ? t->local : t->remote, sizeof(a.word));
	return addr_sockaddr(&a, local ? t->local_port : t->remote_port, ss);
}

static int do_bind(int fd, const struct repair_socket *r)
{
	struct sockaddr_storage ss;
	socklen_t len = name_of(r, true, &ss);

	return bind(fd, (struct sockaddr *)&ss, len) < 0 ? -errno : 0;
}

static int set_queue(int fd, int queue, uint32_t seq)
{
	int err = set_int(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, queue);

	return err ?: set(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, &seq, sizeof(seq));
}

static int do_receive_queue(int fd, const struct repair_socket *r)
{
	return set_queue(fd, RECEIVE, r->rcv_nxt);
}

static int do_send_queue(int fd, const struct repair_socket *r)
{
	return set_queue(fd, SEND, r->snd_nxt);
}

static int do_connect(int fd, const struct repair_socket *r)
{
	struct sockaddr_storage ss;
	socklen_t len = name_of(r, false, &ss);

	return connect(fd, (struct sockaddr *)&ss, len) < 0 ? -errno : 0;
}

static int do_options(int fd, const struct repair_socket *r)
{
	bool scaling = r->scale_in != SEGMENT_NO_SCALE;
	struct tcp_repair_opt options[4];
	unsigned int n = 0;

	if (r->sack)
		options[n++] =
			(struct tcp_repair_opt){ TCPOPT_SACK_PERMITTED, 0 };
	if (scaling)
		options[n++] = (struct tcp_repair_opt){
			TCPOPT_WINDOW, r->scale_in | r->scale_out << 16
		};
	if (r->timestamps)
		options[n++] = (struct tcp_repair_opt){ TCPOPT_TIMESTAMP, 0 };
	if (r->mss)
		options[n++] = (struct tcp_repair_opt){ TCPOPT_MAXSEG, r->mss };
	return n ? set(fd, IPPROTO_TCP, TCP_REPAIR_OPTIONS, options,
		       n * sizeof(*options))
		 : 0;
}

static int do_timestamp(int fd, const struct repair_socket *r)
{
	/* From kernel 6.7 on the lowest bit asks for a clock of microseconds,
	 * of which the other end knows nothing. */
	return r->timestamps ? set_int(fd, IPPROTO_TCP, TCP_TIMESTAMP,
				       r->ts_value & ~1u)
			     : 0;
}

static int do_window(int fd, const struct repair_socket *r)
{
	/* A byte less: the kernel still cuts segments of 536 bytes, as it did
	 * not know better when it connected, and only looks at what the options
	 * say when it hears of a larger window than ever. */
	uint32_t window = r->snd_window ? r->snd_window - 1 : 0;
	struct tcp_repair_window w = {
		.snd_wl1 = r->rcv_nxt - 1, /* any segment may change it */
		.snd_wnd = window,
		.max_window = window ?: 1,
		.rcv_wnd = r->rcv_window ?: WINDOW,
		.rcv_wup = r->rcv_nxt,
	};

	return set(fd, IPPROTO_TCP, TCP_REPAIR_WINDOW, &w, sizeof(w));
}

static int do_end(int fd, const struct repair_socket *r)
{
	int err = set_int(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, NO_QUEUE);

	(void)r;
	return err ?: set_int(fd, IPPROTO_TCP, TCP_REPAIR, OFF_WITHOUT_PROBE);
}

/* It was cleared by the end of repair; without it nobody could listen at the
 * port again while the connection lives. */
static int do_reuse(int fd, const struct repair_socket *r)
{
	(void)r;
	return set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
}

static const struct {
	enum repair_step step;
	int (*run)(int fd, const struct repair_socket *r);
} steps[] = {
	{ REPAIR_BUFFERS, do_buffers },
	{ REPAIR_CONGESTION, do_congestion },
	{ REPAIR_MARK, do_mark },
	{ REPAIR_TRANSPARENT, do_transparent },
	{ REPAIR_BEGIN, do_begin },
	{ REPAIR_BIND, do_bind },
	{ REPAIR_RECEIVE_QUEUE, do_receive_queue },
	{ REPAIR_SEND_QUEUE, do_send_queue },
	{ REPAIR_CONNECT, do_connect },
	{ REPAIR_OPTIONS, do_options },
	{ REPAIR_TIMESTAMP, do_timestamp },
	{ REPAIR_WINDOW, do_window },
	{ REPAIR_END, do_end },
	{ REPAIR_REUSE, do_reuse },
};

int repair_restore(const struct repair_socket *r, enum repair_step *failed)
{
	int fd = socket(r->tuple.family == 4 ? AF_INET : AF_INET6,
			SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	*failed = REPAIR_SOCKET;
	if (fd < 0)
		return -errno;
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		int err = steps[i].run(fd, r);

		if (err) {
			*failed = steps[i].step;
			close(fd); /* in repair: without a word */
			return err;
		}
	}
	return fd;
}

/* --- snapshot ---------------------------------------------------------------- */

/* An IPv4 address may be met in an IPv6 socket. */
static int name_in(const struct sockaddr_storage *ss, __be32 word[4],
		   uint16_t *port)
{
	const struct sockaddr_in *in = (const void *)ss;
	const struct sockaddr_in6 *in6 = (const void *)ss;

	if (ss->ss_family == AF_INET) {
		*port = ntohs(in->sin_port);
		memcpy(word, &in->sin_addr, 4);
		return 4;
	}
	if (ss->ss_family != AF_INET6)
		return -EAFNOSUPPORT;
	*port = ntohs(in6->sin6_port);
	if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
		memcpy(word, in6->sin6_addr.s6_addr + 12, 4);
		return 4;
	}
	memcpy(word, &in6->sin6_addr, 16);
	return 6;
}

static int get_names(int fd, struct tuple *t)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int family;

	if (getsockname(fd, (struct sockaddr *)&ss, &len) < 0)
		return -errno;
	family = name_in(&ss, t->local, &t->local_port);
	if (family < 0)
		return family;
	len = sizeof(ss);
	if (getpeername(fd, (struct sockaddr *)&ss, &len) < 0)
		return -errno;
	family = name_in(&ss, t->remote, &t->remote_port);
	t->family = family;
	return family < 0 ? family : 0;
}

static int get_info(int fd, struct repair_socket *r)
{
	struct tcp_info info;
	int err = get(fd, TCP_INFO, &info, sizeof(info));

	if (err)
		return err;
	r->sack = info.tcpi_options & TCPI_OPT_SACK;
	r->timestamps = info.tcpi_options & TCPI_OPT_TIMESTAMPS;
	r->scale_in = r->scale_out = SEGMENT_NO_SCALE;
	if (info.tcpi_options & TCPI_OPT_WSCALE) {
		r->scale_in = info.tcpi_snd_wscale;
		r->scale_out = info.tcpi_rcv_wscale;
	}
	return 0;
}

static int get_queue(int fd, int queue, uint32_t *seq)
{
	int err = set_int(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, queue);

	return err ?: get(fd, TCP_QUEUE_SEQ, seq, sizeof(*seq));
}

/* In repair. TCP_MAXSEG is what the SYN said only now. */
static int get_numbers(int fd, struct repair_socket *r,
		       enum repair_step *failed)
{
	struct tcp_repair_window w;
	int err, mss;

	*failed = REPAIR_SEND_QUEUE;
	err = get_queue(fd, SEND, &r->snd_nxt);
	if (err)
		return err;
	*failed = REPAIR_RECEIVE_QUEUE;
	err = get_queue(fd, RECEIVE, &r->rcv_nxt);
	if (err)
		return err;
	*failed = REPAIR_WINDOW;
	err = get(fd, TCP_REPAIR_WINDOW, &w, sizeof(w));
	if (err)
		return err;
	r->snd_window = w.snd_wnd;
	r->rcv_window = w.rcv_wnd;
	*failed = REPAIR_OPTIONS;
	err = get(fd, TCP_MAXSEG, &mss, sizeof(mss));
	if (err)
		return err;
	r->mss = mss;
	*failed = REPAIR_TIMESTAMP;
	return repair_timestamp(fd, &r->ts_value);
}

int repair_snapshot(int fd, struct repair_socket *r, enum repair_step *failed)
{
	socklen_t len = sizeof(int);
	int err, end, reuse;

	*r = (struct repair_socket){ 0 };
	*failed = REPAIR_NAMES;
	err = get_names(fd, &r->tuple);
	if (err)
		return err;
	*failed = REPAIR_INFO;
	err = get_info(fd, r);
	if (err)
		return err;
	*failed = REPAIR_REUSE;
	if (getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, &len) < 0)
		return -errno;
	*failed = REPAIR_BEGIN;
	err = do_begin(fd, r);
	if (err)
		return err;
	err = get_numbers(fd, r, failed);
	end = do_end(fd, r);
	if (!end)
		end = set_int(fd, SOL_SOCKET, SO_REUSEADDR, reuse);
	if (!err && end)
		*failed = REPAIR_END;
	return err ?: end;
}

/* --- tracks ------------------------------------------------------------------ */

void repair_from_track(struct repair_socket *r, const struct track *t,
		       const struct tuple *tuple,
		       const struct track_resume *resume)
{
	*r = (struct repair_socket){
		.tuple = *tuple,
		.snd_nxt = resume->snd_nxt,
		.rcv_nxt = resume->rcv_nxt,
		.snd_window = resume->window,
		.rcv_window = WINDOW,
		.mss = t->mss_in,
		.scale_in = t->scale_in,
		.scale_out = t->scale_out,
		.timestamps = t->timestamps,
		.sack = t->sack,
		.ts_value = t->ts_echo + TIMESTAMP_MARGIN,
	};
}

void repair_to_track(const struct repair_socket *r, uint64_t received,
		     uint64_t acked, struct track *t)
{
	track_init(t);
	t->opened_in = t->opened_out = t->answered = true;
	t->seq_in = r->rcv_nxt - 1 - (uint32_t)received;
	t->seq_out = r->snd_nxt - 1 - (uint32_t)acked;
	t->mss_in = r->mss;
	t->scale_in = r->scale_in;
	t->scale_out = r->scale_out;
	t->timestamps = r->timestamps;
	t->sack = r->sack;
	t->window = t->window_max = r->snd_window;
	t->window_seq = r->rcv_nxt;
	t->ts_echo = r->ts_value;
	t->received = received;
	t->acked = acked;
}

int repair_timestamp(int fd, uint32_t *ts_value)
{
	return get(fd, TCP_TIMESTAMP, ts_value, sizeof(*ts_value));
}

int repair_close(int fd)
{
	int err = set_int(fd, IPPROTO_TCP, TCP_REPAIR, ON);

	close(fd);
	return err;
}
