// SPDX-License-Identifier: GPL-2.0-only
#include "clamp.h"

#include <string.h>

static int shift(const struct clamp_limit *limit)
{
	return limit->scale == SEGMENT_NO_SCALE ? 0 : limit->scale;
}

/* The window that ends at this edge, or as near before it as can be said. */
static uint16_t window_to(const struct clamp_limit *limit, uint32_t ack,
			  uint32_t edge)
{
	int32_t room = edge - ack;

	if (room <= 0)
		return 0;
	room >>= shift(limit);
	return room < UINT16_MAX ? room : UINT16_MAX;
}

static uint32_t edge_of(const struct clamp_limit *limit, uint32_t ack,
			uint16_t window)
{
	return ack + ((uint32_t)window << shift(limit));
}

/* The client does not look at what such a segment acknowledges: it has had all
 * of it (RFC 9293, section 3.10.7.4). A keepalive is one, and so is a probe. */
static bool is_old(const struct clamp_limit *limit, const struct segment *s,
		   uint32_t end)
{
	return seq_before(s->seq, limit->una) && !seq_before(limit->una, end);
}

static void tell(struct clamp *c, uint32_t ack, uint32_t edge)
{
	if (!c->spoken || seq_before(c->told, ack))
		c->told = ack;
	if (!c->spoken || seq_before(c->told_edge, edge))
		c->told_edge = edge;
	c->spoken = true;
	c->asked = false;
}

/* What the kernel says, for an ACK of our own to say later. */
static void learn(struct clamp *c, const struct clamp_limit *limit,
		  const struct segment *s, uint32_t end, const uint8_t *packet,
		  size_t len)
{
	if (!c->begun || seq_before(c->seq, end))
		c->seq = end;
	if (c->begun && seq_before(s->ack, c->ack))
		return; /* one of our own, which says less */
	c->header_newest &= c->ack == s->ack;
	c->ack = s->ack;
	c->edge = edge_of(limit, s->ack, s->window);
	c->begun = true;
	if (end == c->seq) {
		int n = segment_strip(c->header, sizeof(c->header), packet,
				      len);

		c->header_len = n > 0 ? n : 0;
		c->header_newest = true;
	}
}

/* Does the client run out of window, though there is more? */
static bool is_short(const struct clamp *c, uint32_t edge)
{
	int32_t left = c->told_edge - c->ack, could = edge - c->ack;

	return could > 0 && left < could / 2;
}

enum clamp_verdict clamp_out(struct clamp *c, const struct clamp_limit *limit,
			     const struct segment *s, uint8_t *packet,
			     size_t len)
{
	bool fin = s->flags & SEGMENT_FIN;
	uint32_t end = s->seq + s->length + fin, edge;
	bool old = is_old(limit, s, end);
	uint16_t window;

	if (s->flags & (SEGMENT_SYN | SEGMENT_RST) || !(s->flags & SEGMENT_ACK))
		return CLAMP_PASS;
	if (!old)
		learn(c, limit, s, end, packet, len);
	if (!seq_before(limit->ack, s->ack)) {
		if (!old) {
			tell(c, s->ack, edge_of(limit, s->ack, s->window));
			c->waiting = false;
		}
		return CLAMP_PASS;
	}
	window =
		window_to(limit, limit->ack, edge_of(limit, s->ack, s->window));
	edge = edge_of(limit, limit->ack, window);
	if (old) {
		segment_set_ack(packet, len, limit->ack, window, false);
		return CLAMP_CHANGED;
	}
	if (c->spoken && seq_before(c->told, limit->ack))
		c->waiting = false; /* there is progress */
	if (!s->length && !fin && c->spoken && !c->asked &&
	    !seq_before(c->told, limit->ack) &&
	    (c->waiting || !is_short(c, edge)))
		return CLAMP_DROP;
	segment_set_ack(packet, len, limit->ack, c->waiting ? 0 : window,
			false);
	tell(c, limit->ack, c->waiting ? limit->ack : edge);
	return CLAMP_CHANGED;
}

void clamp_repeated(struct clamp *c, const struct segment *s)
{
	/* from the first byte that is not acknowledged: its timeout. The last
	 * one would be a probe for a lost tail (RFC 8985, section 7). */
	if (!c->spoken || seq_before(c->told, s->seq))
		return;
	c->asked = true;
	c->waiting = s->seq == c->told;
}

size_t clamp_due(struct clamp *c, const struct clamp_limit *limit,
		 uint8_t packet[SEGMENT_HEADERS_REST])
{
	bool all = !seq_before(limit->ack, c->ack);
	uint32_t ack = all ? c->ack : limit->ack;

	if (!c->spoken || !c->header_len || !seq_before(c->told, ack) ||
	    (c->has_emitted && !seq_before(c->emitted, ack)))
		return 0;
	c->emitted = ack;
	c->has_emitted = true;
	memcpy(packet, c->header, c->header_len);
	/* all is told now, also of what came ahead of a gap */
	segment_set_ack(packet, c->header_len, ack,
			window_to(limit, ack, c->edge),
			all && c->header_newest);
	return c->header_len;
}

bool clamp_in(uint32_t sent, uint8_t scale, const struct segment *s,
	      uint8_t *packet, size_t len)
{
	const struct clamp_limit limit = { .ack = sent, .scale = scale };

	if (!(s->flags & SEGMENT_ACK) || s->flags & SEGMENT_SYN ||
	    !seq_before(sent, s->ack))
		return false;
	segment_set_ack(packet, len, sent,
			window_to(&limit, sent,
				  edge_of(&limit, s->ack, s->window)),
			false);
	return true;
}
