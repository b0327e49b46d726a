/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One side of a proxied connection as it can be known from what arrives there:
 * enough to make its socket anew on another machine (rows P5, K6). The proxy
 * relays bytes unchanged, so what one side has received is what the other side
 * is sent; it is kept until the other side's end has acknowledged it.
 *
 * A track is a function of the segments that it was given, in their order.
 * Whoever holds packets back until their standby has confirmed them gives each
 * to the kernel only if the track took it: a packet that the track refuses
 * (TRACK_DROP) must be lost for the owner's kernel, too, or it would
 * acknowledge what nobody else has.
 *
 * Positions are 64-bit offsets in a stream of bytes; SYN and FIN are not in it.
 * Pure: no clock, no socket.
 */
#ifndef BATON_PROXY_TRACK_H
#define BATON_PROXY_TRACK_H

#include "segment.h"

/* Memory for the stream of one side, for whoever sets no other limit. It must
 * be more than the largest window that the owner's kernel offers; and a standby,
 * which learns a little later what is needed no more, must have more room than
 * its owner, or it would refuse what the owner has taken. */
#define TRACK_LIMIT (16u << 20)

/* Gaps in what has arrived; a segment that would make one more is refused. */
#define TRACK_RANGES_MAX 256

/* Memory for the streams of many tracks, in bytes. */
struct track_pool {
	uint64_t used, limit;
};

/* Bytes that came ahead of others: [start, end). */
struct track_range {
	uint64_t start, end;
};

struct track {
	/* Bytes of the stream that are not the other end's: the proxy has put
	 * them in front (track_prefix()). */
	uint32_t prefix;

	/* Of the SYNs. `opened_in`, `opened_out`: the other end's, ours is
	 * known. */
	uint32_t seq_in, seq_out; /* initial sequence numbers; theirs less
				   * `prefix`, so that positions fit */
	uint16_t mss_in, mss_out; /* that they offered; 0: none */
	uint8_t scale_in, scale_out; /* SEGMENT_NO_SCALE: no scaling */
	bool opened_in, opened_out;
	bool timestamps, sack; /* agreed upon */
	bool answered; /* the other end has acknowledged our SYN */

	bool end_in; /* its FIN has arrived, and all before it */
	bool end_acked; /* it has acknowledged ours */
	bool end_ahead; /* its FIN has arrived before something else */
	bool reset; /* it has said RST, or we have */
	bool urgent; /* it has sent urgent data; they are bytes of the stream
		      * like others (RFC 6093): sockets need SO_OOBINLINE */

	uint32_t window; /* the other end's newest, in bytes */
	uint32_t window_max; /* the largest that it has offered */
	uint32_t window_seq; /* of the segment that said so (SND.WL1) */
	uint32_t ts_value; /* its newest timestamp in order (TS.Recent) */
	uint32_t ts_echo; /* newest of ours that it has echoed; at first, that
			   * of our SYN */

	uint64_t received; /* all before has arrived */
	uint64_t acked; /* all of ours before has arrived there */
	uint64_t reach; /* of ours the owner before may have sent all up to
			 * here, though its source is not known any more */
	uint64_t end_at; /* position of its FIN; if end_in or end_ahead */

	/* [received - kept, received) and, behind it, the ranges, each at its
	 * place; on demand, so that an idle connection has none of it */
	uint8_t *bytes;
	uint32_t start, kept, room;
	uint32_t limit; /* bytes that kept and ranges may span; may be set, up
			 * to 1 GiB */

	struct track_pool *pool; /* that its bytes are of; NULL: none */

	struct track_range *ranges; /* ascending, apart from each other */
	uint16_t nr_ranges, room_ranges;
};

enum track_verdict {
	TRACK_TAKEN, /* it is known now */
	TRACK_NOTHING, /* it tells nothing new; the kernel may have it */
	TRACK_DROP, /* it has bytes for which there is no room, or which cannot
		     * be right: nobody may have it. Its sender repeats it. */
};

void track_init(struct track *t);
void track_free(struct track *t); /* what it holds beside itself */

/*
 * A segment that arrived. `sent`: the length of the stream toward this end as
 * far as it is known, that is, what the other side has received; `ended`: it is
 * the whole length. An acknowledgement of more is refused, unless it is within
 * `reach`.
 */
enum track_verdict track_in(struct track *t, const struct segment *s,
			    uint64_t sent, bool ended);

/* Before the SYN: what this side's stream begins with. 0 or -ENOMEM. */
int track_prefix(struct track *t, const uint8_t *bytes, uint32_t length);

/* A SYN, a SYN with ACK, or a RST of ours that leaves; others tell nothing. */
void track_out(struct track *t, const struct segment *s);

/* All before this position is needed no more. */
void track_trim(struct track *t, uint64_t position);

/*
 * The bytes from a position on that are kept, and how many; 0 if none. They
 * stay where they are until the next call that takes the track as not const.
 */
uint64_t track_bytes(const struct track *t, uint64_t from,
		     const uint8_t **bytes);

/*
 * For the copy of a track whose connection runs: it begins with the same
 * numbers, without memory (from `bytes` on, `limit` aside, all is zero) and with
 * `received` at the first byte that is kept. The bytes are appended; then what
 * came ahead, which the owner's kernel will not ask for again, is given to
 * track_ahead(). 0, -ENOMEM, or -ENOBUFS: beyond a limit.
 */
int track_append(struct track *t, const uint8_t *bytes, uint32_t length);
int track_ahead(struct track *t, uint64_t at, const uint8_t *bytes,
		uint32_t length);

/* The bytes of a range. */
const uint8_t *track_range_bytes(const struct track *t,
				 const struct track_range *r);

/* Memory that it holds beside itself, in bytes. */
size_t track_memory(const struct track *t);

/* --- takeover -------------------------------------------------------------- */

/* How one side goes on in a new socket. */
struct track_resume {
	bool possible; /* else nothing of what follows holds */
	uint32_t rcv_nxt, snd_nxt; /* sequence numbers to restore it at */
	uint32_t window; /* the other end's, in bytes */

	/* Then send these bytes of the other side's stream as ordinary data. If
	 * `from` is behind `to`, the end has more than is known: what comes
	 * before `from` it must not be sent */
	uint64_t from, to;
	bool end; /* and then shut down for writing: the stream ends at `to` */
	bool silent; /* our FIN has arrived: never send anything, close with
		      * repair_close() */
	bool eof; /* the other end's stream is complete: the socket will never
		   * say so, as its FIN is behind rcv_nxt */
};

/*
 * `ack`: the other end's own word of what it has (probe_endpoint.h), or, if
 * nobody asked, track_next_out(). `window`: in bytes. Not possible if the
 * connection is reset or over, or the acknowledgement fits no stream that
 * `other`, the track of the other side, keeps.
 */
struct track_resume track_resume(const struct track *t,
				 const struct track *other, uint32_t ack,
				 uint32_t window);

/* Both SYNs are known, and the other end knows ours. */
static inline bool track_is_open(const struct track *t)
{
	return t->opened_in && t->opened_out && t->answered && !t->reset;
}

/* The owner's SYN-ACK may be lost: restore it as open, say SYN-ACK again. */
static inline bool track_is_half_open(const struct track *t)
{
	return t->opened_in && t->opened_out && !t->answered && !t->reset;
}

/* Nothing will come nor go any more. */
static inline bool track_is_over(const struct track *t)
{
	return t->reset || (t->end_in && t->end_acked);
}

/* Sequence number of what is to come. */
static inline uint32_t track_next_in(const struct track *t)
{
	return t->seq_in + 1 + (uint32_t)t->received + t->end_in;
}

/* Sequence number of the first that the other end has not acknowledged. */
static inline uint32_t track_next_out(const struct track *t)
{
	return t->seq_out + 1 + (uint32_t)t->acked + t->end_acked;
}

/* Windows are scaled by the sender's factor, but for those of SYNs. */
static inline uint32_t track_scaled(const struct track *t, uint16_t window)
{
	return (uint32_t)window
	       << (t->scale_in == SEGMENT_NO_SCALE ? 0 : t->scale_in);
}

#endif
