// SPDX-License-Identifier: GPL-2.0-only
#include "own_member.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *const own_verdict_labels[OWN_NR_VERDICTS] = {
#define X(name, label) label,
	OWN_VERDICTS(X)
#undef X
};

static uint64_t random_of(const struct own_member *m)
{
	return m->cb.random(m->cb.arg);
}

void own_member_init(struct own_member *m, uint16_t id,
		     const struct own_callbacks *cb)
{
	*m = (struct own_member){ .id = id, .cb = *cb };
	own_set_init(&m->set, id);
	do
		m->boot = random_of(m);
	while (!m->boot);
}

void own_member_free(struct own_member *m)
{
	for (uint16_t i = 0; i < m->nr; i++)
		own_set_free(&m->peers[i].set);
	free(m->peers);
	own_set_free(&m->set);
	m->peers = NULL;
	m->nr = 0;
}

/* --- peers ---------------------------------------------------------------------- */

struct own_peer *own_member_peer(const struct own_member *m, uint16_t id)
{
	for (uint16_t i = 0; i < m->nr; i++)
		if (m->peers[i].id == id)
			return &m->peers[i];
	return NULL;
}

int own_member_add(struct own_member *m, uint16_t id,
		   const struct own_keys *keys, uint64_t now)
{
	struct own_peer *peers, *p;

	if (id == m->id || id >= BATON_OWNERSHIP_NODES)
		return -EINVAL;
	if (own_member_peer(m, id))
		return -EEXIST;
	peers = reallocarray(m->peers, m->nr + 1, sizeof(*peers));
	if (!peers)
		return -ENOMEM;
	m->peers = peers;
	p = &peers[m->nr++];
	*p = (struct own_peer){
		.id = id, .keys = *keys, .due = now, .again = OWN_AGAIN
	};
	own_fresh_init(&p->fresh, now, m->cb.random, m->cb.arg);
	own_set_init(&p->set, id);
	return 0;
}

void own_member_remove(struct own_member *m, uint16_t id)
{
	struct own_peer *p = own_member_peer(m, id);

	if (!p)
		return;
	own_set_free(&p->set);
	explicit_bzero(&p->keys, sizeof(p->keys));
	*p = m->peers[--m->nr];
}

bool own_peer_is_there(const struct own_peer *p, uint64_t now)
{
	return p->fresh.boot && now < p->fresh.heard + OWN_SILENT;
}

const struct own_record *own_member_find(const struct own_member *m,
					 uint16_t node, uint8_t kind,
					 uint16_t slot)
{
	const struct own_peer *p = own_member_peer(m, node);

	if (node == m->id)
		return own_set_find(&m->set, kind, slot);
	return p ? own_set_find(&p->set, kind, slot) : NULL;
}

/* --- sending -------------------------------------------------------------------- */

static void send_message(struct own_member *m, struct own_peer *p,
			 struct own_message *out, uint64_t echo)
{
	uint8_t bytes[BATON_OWNERSHIP_MAX];
	struct own_header *h = &out->header;
	size_t size;

	h->from = m->id;
	h->to = p->id;
	h->boot = m->boot;
	h->sequence = ++p->fresh.sent;
	h->nonce = p->fresh.challenge[0];
	h->echo = echo;
	h->of_boot = p->fresh.boot;
	h->have = p->set.version;
	size = own_wire_put(out, bytes);
	own_auth_seal(p->keys.send, bytes, size);
	m->cb.send(m->cb.arg, p->id, bytes, size);
}

/* Is it there at all? */
static void solicit(struct own_member *m, struct own_peer *p)
{
	struct own_message out = { .header.type = BATON_OWNERSHIP_SOLICIT };

	out.header.since = out.header.until = p->acked;
	out.header.latest = m->set.version;
	send_message(m, p, &out, p->fresh.echo);
}

/* What the peer does not have, as far as is known; perhaps nothing. */
static void announce(struct own_member *m, struct own_peer *p)
{
	struct own_message out = { .header.type = BATON_OWNERSHIP_ANNOUNCE };
	uint64_t since = p->acked;

	for (int i = 0; i < OWN_BURST; i++) {
		own_set_delta(&m->set, since, &out);
		send_message(m, p, &out, p->fresh.echo);
		since = out.header.until;
		if (since == m->set.version)
			break;
	}
}

uint64_t own_member_tick(struct own_member *m, uint64_t now)
{
	uint64_t next = UINT64_MAX;

	for (uint16_t i = 0; i < m->nr; i++) {
		struct own_peer *p = &m->peers[i];

		own_fresh_turn(&p->fresh, now, m->cb.random, m->cb.arg);
		if (now >= p->due) {
			if (own_peer_is_there(p, now))
				announce(m, p);
			else
				solicit(m, p);
			p->due = now + OWN_PERIOD;
			if (p->acked < m->set.version &&
			    p->again < OWN_PERIOD) {
				p->due = now + p->again;
				p->again *= 2;
			}
		}
		if (p->due < next)
			next = p->due;
	}
	return next;
}

int own_member_say(struct own_member *m, const struct own_record *r)
{
	int news = own_set_change(&m->set, r);

	for (uint16_t i = 0; news > 0 && i < m->nr; i++) {
		m->peers[i].due = 0;
		m->peers[i].again = OWN_AGAIN;
	}
	return news;
}

/* --- receiving ------------------------------------------------------------------- */

/*
 * The peer knows no challenge of ours that is in force: it, or this node, has
 * been started a moment ago, or nothing got through for a while; or this is an
 * old message. It gets the challenge, in an answer that is no longer than the
 * question, and not often (a leaky bucket).
 */
static void answer(struct own_member *m, struct own_peer *p,
		   const struct own_header *h, uint64_t now)
{
	struct own_message out = { .header.type = BATON_OWNERSHIP_ANNOUNCE };

	if (p->answered > now + (OWN_ANSWERS - 1) * OWN_ANSWER)
		return;
	p->answered = (p->answered > now ? p->answered : now) + OWN_ANSWER;
	out.header.latest = m->set.version;
	send_message(m, p, &out, h->nonce);
}

static void no_callback(void *arg, uint16_t author, const struct own_record *r)
{
	(void)arg, (void)author, (void)r;
}

void own_member_take(struct own_member *m, struct own_peer *p,
		     const struct own_message *in, uint64_t now)
{
	const struct own_header *h = &in->header;
	uint64_t had = p->set.version, acked = p->acked;
	bool another =
		own_fresh_take(&p->fresh, h, now, m->cb.random, m->cb.arg);

	if (another)
		own_set_restart(&p->set);
	p->acked = h->of_boot == m->boot && h->have <= m->set.version ? h->have
								      : 0;
	if (p->acked != acked)
		p->again = OWN_AGAIN;
	if (own_set_merge(&p->set, in, m->cb.changed ?: no_callback, m->cb.arg))
		m->gaps++;
	/* It asks; it can be answered for the first time; it goes on giving or
	 * getting: what there is to say is said with the next tick. */
	if (h->type == BATON_OWNERSHIP_SOLICIT || another ||
	    h->of_boot != m->boot || p->set.version != had ||
	    (p->acked != acked && p->acked < m->set.version))
		p->due = 0;
}

static enum own_verdict judge(struct own_member *m, struct own_message *in,
			      const uint8_t *bytes, size_t size, uint64_t now,
			      struct own_peer **from)
{
	struct own_peer *p;
	int err = own_wire_header(&in->header, bytes, size);

	if (err)
		return err == -EPROTO ? OWN_ALIEN_ : OWN_CUT_;
	if (in->header.to != m->id)
		return OWN_ASTRAY_;
	*from = p = own_member_peer(m, in->header.from);
	if (!p)
		return OWN_STRANGER_;
	if (!own_auth_verify(p->keys.receive, bytes, size))
		return OWN_FORGED_;
	if (own_wire_records(in, bytes))
		return OWN_MALFORMED_;
	for (int i = 0; i < in->header.records; i++)
		if (!own_may_author(in->record[i].kind, p->id))
			return OWN_USURPED_;
	switch (own_fresh_judge(&p->fresh, &in->header, now)) {
	case OWN_STALE:
		return OWN_STALE_;
	case OWN_REPLAYED:
		return OWN_REPLAYED_;
	default:
		return OWN_ACCEPTED_;
	}
}

enum own_verdict own_member_receive(struct own_member *m, const uint8_t *bytes,
				    size_t size, uint64_t now)
{
	struct own_message in;
	struct own_peer *p = NULL;
	enum own_verdict verdict = judge(m, &in, bytes, size, now, &p);

	m->verdicts[verdict]++;
	if (verdict == OWN_ACCEPTED_)
		own_member_take(m, p, &in, now);
	else if (verdict == OWN_STALE_)
		answer(m, p, &in.header, now);
	return verdict;
}
