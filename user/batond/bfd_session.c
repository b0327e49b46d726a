// SPDX-License-Identifier: GPL-2.0-only
#include "bfd_session.h"

#include <string.h>

_Static_assert(BATON_MAX_HOSTS <= 1 << 16, "the lower half of a discriminator "
					   "is a host's id");

/* --- by address ------------------------------------------------------------- */

/* Addresses are the operator's, so nobody else chooses what shares a bucket. */
static uint16_t *bucket(struct bfd_sessions *s, const struct addr *a)
{
	uint32_t mix = a->word[0] ^ a->word[1] ^ a->word[2] ^ a->word[3];

	return &s->bucket[mix * 2654435761U >> 22];
}

_Static_assert(BFD_BUCKETS == 1 << 10, "32 - 22 bits");

static uint16_t at_address(struct bfd_sessions *s, const struct addr *a)
{
	uint16_t host = *bucket(s, a);

	while (host && !addr_equal(&s->host[host].address, a))
		host = s->host[host].next;
	return host;
}

static void insert(struct bfd_sessions *s, uint16_t host)
{
	uint16_t *first = bucket(s, &s->host[host].address);

	s->host[host].next = *first;
	*first = host;
	s->host[host].active = true;
	s->nr++;
	if (host > s->top)
		s->top = host;
}

static void forget(struct bfd_sessions *s, uint16_t host)
{
	uint16_t *link = bucket(s, &s->host[host].address);

	while (*link && *link != host)
		link = &s->host[*link].next;
	*link = s->host[host].next;
	memset(&s->host[host], 0, sizeof(s->host[host]));
	s->nr--;
}

/* --- by hand ------------------------------------------------------------------ */

void bfd_sessions_set(struct bfd_sessions *s, uint16_t host,
		      const struct addr *address,
		      const struct bfd_settings *settings, uint64_t random,
		      uint64_t now, uint64_t grace)
{
	struct bfd_host *h = &s->host[host];
	uint16_t twin;

	if (h->active && !h->leaving && addr_equal(&h->address, address)) {
		bfd_configure(&h->session, settings);
		return;
	}
	if (h->active)
		forget(s, host);
	/* One that is leaving may have had the address. */
	twin = at_address(s, address);
	if (twin)
		forget(s, twin);
	h->address = *address;
	bfd_init(&h->session, settings, random << 16 | host, random >> 32, now,
		 grace);
	insert(s, host);
}

void bfd_sessions_clear(struct bfd_sessions *s, uint16_t host, uint64_t now)
{
	struct bfd_host *h = &s->host[host];

	if (!h->active || h->leaving)
		return;
	h->leaving = true;
	h->gone = now + bfd_remote_detect_time(&h->session);
	bfd_admin_down(&h->session, now);
}

/* --- what arrives ------------------------------------------------------------- */

/* The session that it names, or else the one with its sender (6.8.6). */
static enum bfd_discard find(struct bfd_sessions *s, const struct bfd_packet *p,
			     const struct bfd_datagram *d, uint16_t *host)
{
	uint16_t id = p->your_discriminator;
	const struct bfd_host *h = &s->host[id % BATON_MAX_HOSTS];

	if (!p->your_discriminator)
		return *host ? BFD_TAKEN : BFD_DISCARD_NO_SESSION;
	if (id >= BATON_MAX_HOSTS || !h->active ||
	    h->session.discriminator != p->your_discriminator)
		return BFD_DISCARD_NO_SESSION;
	*host = id;
	return addr_equal(&h->address, &d->from) ? BFD_TAKEN
						 : BFD_DISCARD_SOURCE;
}

uint16_t bfd_sessions_take(struct bfd_sessions *s, const struct bfd_datagram *d,
			   uint64_t now, enum bfd_change *change)
{
	uint16_t host = at_address(s, &d->from);
	enum bfd_discard why = BFD_DISCARD_TTL;
	struct bfd_packet p;

	*change = BFD_SAME;
	if (d->ttl == BFD_TTL)
		why = bfd_packet_read(&p, d->data, d->len);
	if (!why)
		why = find(s, &p, d, &host);
	if (why) {
		if (host)
			s->host[host].session.discarded[why]++;
		else
			s->discarded[why]++;
		return 0;
	}
	why = bfd_receive(&s->host[host].session, &p, d->data, now, change);
	return why ? 0 : host;
}

/* --- a round ------------------------------------------------------------------- */

static void send_due(struct bfd_host *h, const struct bfd_round *r,
		     uint64_t now, uint64_t due)
{
	uint8_t data[BFD_PACKET_MAX];
	struct bfd_packet p;
	size_t len;

	if (!bfd_transmit(&h->session, due, r->random(r->arg), &p))
		return;
	len = bfd_packet_write(&p, data);
	if (p.authenticated && !bfd_auth_sign(data, &h->session.settings.key))
		h->unsent++;
	else if (r->send(r->arg, &h->address, data, len))
		h->unsent++;
	else
		bfd_sent(&h->session, now);
}

static void judge(struct bfd_host *h, uint16_t host, const struct bfd_round *r,
		  uint64_t now)
{
	enum bfd_change change = bfd_check(&h->session, now);
	bool up = h->session.state == BFD_UP;

	if (up != h->told_up) {
		h->told_up = up;
		r->session(r->arg, host, now);
	}
	if (change != BFD_SAME)
		r->change(r->arg, host, change, now);
}

uint64_t bfd_sessions_round(struct bfd_sessions *s, const struct bfd_round *r,
			    uint64_t now, uint64_t together)
{
	uint64_t next = UINT64_MAX;

	for (uint16_t host = 1; s->nr && host <= s->top; host++) {
		struct bfd_host *h = &s->host[host];
		uint64_t deadline;

		if (!h->active)
			continue;
		if (!h->leaving)
			judge(h, host, r, now);
		send_due(h, r, now, now + together);
		if (h->leaving && now >= h->gone) {
			forget(s, host);
			continue;
		}
		deadline = bfd_deadline(&h->session);
		if (deadline < next)
			next = deadline;
	}
	return next;
}
