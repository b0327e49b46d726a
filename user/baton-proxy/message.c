// SPDX-License-Identifier: GPL-2.0-only
#include "message.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A tuple on the wire */
struct wire_tuple {
	__be32 local[4], remote[4];
	__be16 local_port, remote_port;
	uint8_t family;
	uint8_t zero[3];
};

/* A side on the wire; its kept bytes follow, then what came ahead of them. */
struct wire_side {
	struct wire_tuple tuple;
	__be32 seq_in, seq_out;
	__be16 mss_in, mss_out;
	uint8_t scale_in, scale_out;
	__be16 flags;
	__be32 window, window_max, window_seq, ts_value, ts_echo;
	__be32 kept;
	__be64 received, acked, reach, end_at;
	__be32 nr_ranges;
	__be32 zero;
};

_Static_assert(sizeof(struct wire_side) == 120, "no padding");

struct wire_range {
	__be64 at;
	__be32 length;
	__be32 zero;
};

#define WIRE_FLAGS_END (1 << 11)

/* X(bit, member): the flags of a side */
#define WIRE_FLAGS(X)                                                          \
	X(0, track.opened_in)                                                  \
	X(1, track.opened_out)                                                 \
	X(2, track.timestamps)                                                 \
	X(3, track.sack)                                                       \
	X(4, track.answered)                                                   \
	X(5, track.end_in)                                                     \
	X(6, track.end_acked)                                                  \
	X(7, track.reset)                                                      \
	X(8, track.end_ahead)                                                  \
	X(9, track.urgent)                                                     \
	X(10, known)

static struct wire_tuple put_tuple(const struct tuple *t)
{
	struct wire_tuple w = { .local_port = htons(t->local_port),
				.remote_port = htons(t->remote_port),
				.family = t->family };

	memcpy(w.local, t->local, sizeof(w.local));
	memcpy(w.remote, t->remote, sizeof(w.remote));
	return w;
}

static struct tuple take_tuple(const struct wire_tuple *w)
{
	struct tuple t = { .local_port = ntohs(w->local_port),
			   .remote_port = ntohs(w->remote_port),
			   .family = w->family };

	memcpy(t.zero, w->zero, sizeof(t.zero));
	memcpy(t.local, w->local, sizeof(t.local));
	memcpy(t.remote, w->remote, sizeof(t.remote));
	return t;
}

/* --- snapshots ------------------------------------------------------------------ */

static uint8_t *put(uint8_t *at, const void *data, size_t len)
{
	if (len)
		memcpy(at, data, len);
	return at + len;
}

static size_t side_length(const struct side *s)
{
	size_t len = sizeof(struct wire_side) + s->track.kept;

	for (uint16_t i = 0; i < s->track.nr_ranges; i++)
		len += sizeof(struct wire_range) + s->track.ranges[i].end -
		       s->track.ranges[i].start;
	return len;
}

static uint8_t *put_side(uint8_t *at, const struct side *s)
{
	const struct track *t = &s->track;
	uint16_t flags = 0
#define X(bit, member) | (s->member ? 1 << bit : 0)
		WIRE_FLAGS(X)
#undef X
		;
	struct wire_side w = { .tuple = put_tuple(&s->tuple),
			       .seq_in = htonl(t->seq_in),
			       .seq_out = htonl(t->seq_out),
			       .mss_in = htons(t->mss_in),
			       .mss_out = htons(t->mss_out),
			       .scale_in = t->scale_in,
			       .scale_out = t->scale_out,
			       .flags = htons(flags),
			       .window = htonl(t->window),
			       .window_max = htonl(t->window_max),
			       .window_seq = htonl(t->window_seq),
			       .ts_value = htonl(t->ts_value),
			       .ts_echo = htonl(t->ts_echo),
			       .received = htobe64(t->received),
			       .acked = htobe64(t->acked),
			       .reach = htobe64(t->reach),
			       .end_at = htobe64(t->end_at),
			       .kept = htonl(t->kept),
			       .nr_ranges = htonl(t->nr_ranges) };

	at = put(at, &w, sizeof(w));
	at = put(at, t->kept ? t->bytes + t->start : NULL, t->kept);
	for (uint16_t i = 0; i < t->nr_ranges; i++) {
		const struct track_range *r = &t->ranges[i];
		struct wire_range wr = { .at = htobe64(r->start),
					 .length = htonl(r->end - r->start) };

		at = put(at, &wr, sizeof(wr));
		at = put(at, track_range_bytes(t, r), r->end - r->start);
	}
	return at;
}

ssize_t message_put_conn(const struct conn *c, uint8_t **bytes)
{
	size_t len =
		side_length(&c->side[CLIENT]) + side_length(&c->side[SERVER]);
	uint8_t *at = malloc(len);

	if (!at)
		return -ENOMEM;
	*bytes = at;
	at = put_side(at, &c->side[CLIENT]);
	put_side(at, &c->side[SERVER]);
	return len;
}

struct rest {
	const uint8_t *at;
	size_t len;
};

static const void *take(struct rest *r, size_t len)
{
	const uint8_t *at = r->at;

	if (r->len < len)
		return NULL;
	r->at += len;
	r->len -= len;
	return at;
}

static int take_ranges(struct track *t, struct rest *r, uint32_t nr)
{
	uint64_t last = t->received;

	for (; nr; nr--) {
		const void *at = take(r, sizeof(struct wire_range));
		struct wire_range w;
		int err;

		if (!at)
			return -EBADMSG;
		memcpy(&w, at, sizeof(w));
		at = take(r, ntohl(w.length));
		if (!at || !w.length || w.zero || be64toh(w.at) <= last ||
		    be64toh(w.at) - t->received > t->limit ||
		    t->nr_ranges == TRACK_RANGES_MAX)
			return -EBADMSG;
		err = track_ahead(t, be64toh(w.at), at, ntohl(w.length));
		if (err)
			return err;
		last = be64toh(w.at) + ntohl(w.length);
	}
	return 0;
}

/* *known: whether there is such a side. */
static int take_side(struct side *s, bool *known, struct rest *r)
{
	const void *at = take(r, sizeof(struct wire_side)), *bytes;
	struct track *t = &s->track;
	struct wire_side w;
	uint16_t flags;
	int err;

	if (!at)
		return -EBADMSG;
	memcpy(&w, at, sizeof(w));
	bytes = take(r, ntohl(w.kept));
	flags = ntohs(w.flags);
	if (!bytes || ntohl(w.kept) > REPLICA_ROOM_STANDBY ||
	    ntohl(w.kept) > be64toh(w.received) || flags >= WIRE_FLAGS_END ||
	    w.zero)
		return -EBADMSG;
#define X(bit, member) s->member = flags >> bit & 1;
	WIRE_FLAGS(X)
#undef X
	*known = s->known;
	s->known = false; /* until it is in the table */
	s->tuple = take_tuple(&w.tuple);
	t->seq_in = ntohl(w.seq_in);
	t->seq_out = ntohl(w.seq_out);
	t->mss_in = ntohs(w.mss_in);
	t->mss_out = ntohs(w.mss_out);
	t->scale_in = w.scale_in;
	t->scale_out = w.scale_out;
	t->limit = REPLICA_ROOM_STANDBY;
	t->window = ntohl(w.window);
	t->window_max = ntohl(w.window_max);
	t->window_seq = ntohl(w.window_seq);
	t->ts_value = ntohl(w.ts_value);
	t->ts_echo = ntohl(w.ts_echo);
	t->received = be64toh(w.received) - ntohl(w.kept);
	t->acked = be64toh(w.acked);
	t->reach = be64toh(w.reach);
	t->end_at = be64toh(w.end_at);
	err = track_append(t, bytes, ntohl(w.kept));
	return err ?: take_ranges(t, r, ntohl(w.nr_ranges));
}

static int take_conn(const struct replica *replica, struct conn *c,
		     struct rest *r)
{
	uint8_t greeting[REPLICA_GREETING_MAX];
	bool known[NR_SIDES];
	int err = 0;

	for (int i = 0; i < NR_SIDES && !err; i++)
		err = take_side(&c->side[i], &known[i], r);
	if (err)
		return err;
	c->side[CLIENT].track.prefix = replica_greeting(
		replica, c->service, &c->side[CLIENT].tuple, greeting);
	c->released = c->side[SERVER].track.acked;
	if (r->len || !known[CLIENT] ||
	    known[SERVER] != !!c->side[SERVER].tuple.family ||
	    !conn_is_sound(c))
		return -EBADMSG;
	return 0;
}

/* It takes the place of what was known of the same client; nothing changes if
 * it cannot. */
static int replace(struct replica *r, struct conn *c)
{
	struct side *old = replica_find(r, &c->side[CLIENT].tuple);

	if (old &&
	    (side_conn(old)->service != c->service || old->which != CLIENT))
		return -EBADMSG;
	if (old)
		replica_remove(r, side_conn(old));
	return replica_enter(r, c);
}

struct conn *message_take_conn(struct replica *r, uint16_t service,
			       const uint8_t *bytes, size_t len, uint64_t now)
{
	struct rest rest = { bytes, len };
	struct conn *c = conn_new(r, service);
	int err = c ? take_conn(r, c, &rest) : -ENOMEM;

	if (!err) {
		c->touched = now;
		err = replace(r, c);
	}
	if (!err)
		return c;
	if (c)
		conn_free(c);
	errno = -err;
	return NULL;
}

/* What is said of a service is about its own connections: NULL in *side if it
 * has none of this tuple. */
static int find(const struct replica *r, uint16_t service,
		const struct tuple *t, struct side **side)
{
	*side = replica_find(r, t);
	return *side && side_conn(*side)->service != service ? -EBADMSG : 0;
}

/* --- commits ----------------------------------------------------------------- */

/* The output that is new follows. */
struct wire_commit {
	struct wire_tuple client;
	__be64 input, output;
	uint8_t end;
	uint8_t zero[7];
};

ssize_t message_put_commit(const struct conn *c, const struct cut *cut,
			   const uint8_t *output, uint8_t **bytes)
{
	struct wire_commit w = { .client = put_tuple(&c->side[CLIENT].tuple),
				 .input = htobe64(cut->input),
				 .output = htobe64(cut->output),
				 .end = cut->end };
	size_t new = cut->output - c->side[SERVER].track.received;
	uint8_t *at = malloc(sizeof(w) + new);

	if (!at)
		return -ENOMEM;
	*bytes = at;
	put(put(at, &w, sizeof(w)), output, new);
	return sizeof(w) + new;
}

int message_take_commit(struct replica *r, uint16_t service,
			const uint8_t *bytes, size_t len, uint32_t room)
{
	struct rest rest = { bytes, len };
	const void *at = take(&rest, sizeof(struct wire_commit));
	struct wire_commit w;
	struct tuple client;
	struct side *side;
	struct conn *c;
	struct cut cut;
	int err;

	if (!at)
		return -EBADMSG;
	memcpy(&w, at, sizeof(w));
	client = take_tuple(&w.client);
	if (find(r, service, &client, &side) || (side && side->which != CLIENT))
		return -EBADMSG;
	if (!side)
		return 0; /* it is over here already */
	c = side_conn(side);
	cut = (struct cut){ be64toh(w.input), be64toh(w.output), w.end };
	if (w.end > 1 ||
	    cut.output - c->side[SERVER].track.received != rest.len)
		return -EBADMSG;
	err = replica_commit(c, &cut, rest.at, room);
	if (err == -EBADMSG)
		return err;
	if (err) {
		replica_remove(r, c);
		return -ENOBUFS;
	}
	c->released = cut.input;
	if (replica_is_over(c))
		replica_remove(r, c);
	return 0;
}

/* --- the stream -------------------------------------------------------------- */

static int take_in(struct replica *r, uint16_t service, const uint8_t *packet,
		   size_t len, uint64_t now, struct tuple *client)
{
	struct segment s;
	struct side *side;

	if (segment_parse(&s, packet, len, true) ||
	    find(r, service, &s.tuple, &side))
		return -EBADMSG;
	*client = side ? side_conn(side)->side[CLIENT].tuple : s.tuple;
	if (!side && (s.flags & (SEGMENT_SYN | SEGMENT_ACK)) == SEGMENT_SYN) {
		struct conn *c = replica_open(r, service, &s.tuple);

		if (!c)
			return -errno;
		side = &c->side[CLIENT];
	}
	if (!side)
		return 0; /* it is over here already */
	side_conn(side)->touched = now;
	if (replica_in(side, &s, REPLICA_ROOM_STANDBY) == TRACK_DROP) {
		replica_remove(r, side_conn(side));
		return -ENOBUFS;
	}
	if (replica_is_over(side_conn(side)))
		replica_remove(r, side_conn(side));
	return 0;
}

static int take_out(struct replica *r, uint16_t service, const uint8_t *packet,
		    size_t len)
{
	struct segment s;
	struct side *side;

	if (segment_parse(&s, packet, len, false) ||
	    find(r, service, &s.tuple, &side))
		return -EBADMSG;
	if (!side)
		return 0;
	track_out(&side->track, &s);
	if (replica_is_over(side_conn(side)))
		replica_remove(r, side_conn(side));
	return 0;
}

static int take_pair(struct replica *r, uint16_t service, const uint8_t *body,
		     size_t len, struct tuple *client)
{
	struct wire_tuple w[NR_SIDES];
	struct tuple server;
	struct side *side;
	int err;

	if (len != sizeof(w))
		return -EBADMSG;
	memcpy(w, body, len);
	*client = take_tuple(&w[CLIENT]);
	server = take_tuple(&w[SERVER]);
	if (find(r, service, client, &side))
		return -EBADMSG;
	if (!side)
		return 0;
	err = replica_pair(r, side_conn(side), &server);
	if (err == -EEXIST)
		replica_remove(r, side_conn(side));
	return err;
}

static int take_gone(struct replica *r, uint16_t service, const uint8_t *body,
		     size_t len)
{
	struct tuple client;
	struct side *side;

	if (len != sizeof(struct wire_tuple) ||
	    message_client(body, len, &client) ||
	    find(r, service, &client, &side))
		return -EBADMSG;
	if (side)
		replica_remove(r, side_conn(side));
	return 0;
}

int message_take(struct replica *r, uint16_t service, uint8_t kind,
		 const uint8_t *body, size_t len, uint64_t now,
		 struct tuple *client)
{
	switch (kind) {
	case MESSAGE_IN:
		return take_in(r, service, body, len, now, client);
	case MESSAGE_OUT:
		return take_out(r, service, body, len);
	case MESSAGE_PAIR:
		return take_pair(r, service, body, len, client);
	case MESSAGE_GONE:
		return take_gone(r, service, body, len);
	}
	return -EBADMSG;
}

int message_client(const uint8_t *body, size_t len, struct tuple *client)
{
	struct wire_tuple w;

	if (len < sizeof(w))
		return -EBADMSG;
	memcpy(&w, body, sizeof(w));
	*client = take_tuple(&w);
	return 0;
}

size_t message_put_pair(const struct conn *c, uint8_t body[MESSAGE_TUPLES_MAX])
{
	struct wire_tuple w[] = { put_tuple(&c->side[CLIENT].tuple),
				  put_tuple(&c->side[SERVER].tuple) };

	memcpy(body, w, sizeof(w));
	return sizeof(w);
}

size_t message_put_client(const struct tuple *client,
			  uint8_t body[MESSAGE_TUPLES_MAX])
{
	struct wire_tuple w = put_tuple(client);

	memcpy(body, &w, sizeof(w));
	return sizeof(w);
}
