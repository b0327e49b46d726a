// SPDX-License-Identifier: GPL-2.0-only
/* What clients are told of what they have sent: no more than is done (row P2). */
#include <stdlib.h>

#include "proxy.h"

bool withhold_out(struct proxy *p, struct conn *c, const struct segment *s,
		  struct queued *q)
{
	struct clamp_limit limit = replica_limit(c);

	if (!c->clamp)
		c->clamp = calloc(1, sizeof(*c->clamp));
	if (!c->clamp) { /* to say nothing is never wrong */
		p->count.no_room++;
		return false;
	}
	switch (clamp_out(c->clamp, &limit, s, q->packet, q->len)) {
	case CLAMP_PASS:
		break;
	case CLAMP_CHANGED:
		p->count.clamped++;
		q->changed = true;
		break;
	case CLAMP_DROP:
		p->count.withheld++;
		return false;
	}
	return true;
}

void withhold_asked(struct proxy *p, struct conn *c, const struct segment *s)
{
	if (!c->clamp || !(s->length || s->flags & SEGMENT_FIN))
		return;
	p->count.asked++;
	clamp_repeated(c->clamp, s);
}

void withhold_advance(struct proxy *p, struct conn *c)
{
	struct clamp_limit limit = replica_limit(c);
	uint8_t packet[SEGMENT_HEADERS_REST];
	size_t len = c->clamp ? clamp_due(c->clamp, &limit, packet) : 0;

	if (!len)
		return;
	p->count.caught_up++;
	/* if it is lost, the client repeats, and is answered */
	probe_send_packet(&p->raw, &c->side[CLIENT].tuple, packet, len);
}
