// SPDX-License-Identifier: GPL-2.0-only
/* An end of a connection that nobody can go on with is told so. */
#include "proxy.h"

/*
 * An end heeds a RST only where it expects the next byte (RFC 5961, section 3),
 * which only its answer to a probe tells. So a probe follows: with nobody here
 * who knows the connection, the kernel answers the answer with a RST that fits.
 */
void reset_say(struct proxy *p, struct side *side, uint32_t seq)
{
	struct track *t = &side->track;
	struct probe probe = { .track = t,
			       .tuple = &side->tuple,
			       .seq = t->seq_out + (uint32_t)t->acked,
			       .arrived = track_next_in(t),
			       .stamp = t->ts_echo + 1 };
	struct segment s[2] = { { .tuple = side->tuple,
				  .seq = seq,
				  .ack = track_next_in(t),
				  .flags = SEGMENT_RST | SEGMENT_ACK } };
	int err;

	probe_segment(&s[1], &probe);
	probe_send(&p->raw, s, track_is_open(t) ? 2 : 1, &err);
}
