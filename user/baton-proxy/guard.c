// SPDX-License-Identifier: GPL-2.0-only
/* The peer that stores what this proxy plays, and how it comes to have it. */
#include <arpa/inet.h>
#include <sodium.h>
#include <stdlib.h>

#include "baton/probe.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "proxy.h"

#define REST 10000000000ULL /* ns, for one that refuses */
#define HURRY 50000000ULL /* ns, for the first word to a new owner */
#define RETRY 1000000000ULL /* for one that takes nothing more now */
/* Between tries to send what it did not keep: doubled each time, up to the last. */
#define MEND_FIRST 500000000ULL
#define MEND_LAST 10000000000ULL

/* Of a connection's snapshot in one frame */
#define PART (BATON_LINK_DATA_MAX - sizeof(struct message_head))

static bool is_played(const struct service *s)
{
	return s->role == BATON_LINK_ROLE_OWNER &&
	       s->config->policy != POLICY_NONE;
}

/* --- sending ------------------------------------------------------------------------ */

static int64_t put_to(struct link_peer *peer, struct service *s,
		      enum baton_link_type type, struct message_head head,
		      const void *body, size_t len)
{
	const struct link_frame f = { .type = type,
				      .channel = MESSAGE_CHANNEL,
				      .owner = s->tag,
				      .epoch = s->epoch };
	struct iovec iov[] = { { &head, sizeof(head) }, { (void *)body, len } };

	head.service = htonl(config_service_tag(s->config));
	s->proxy->count.messages++;
	return link_send(peer, &f, iov, 2);
}

static int64_t put(struct service *s, enum baton_link_type type,
		   struct message_head head, const void *body, size_t len)
{
	struct proxy *p = s->proxy;
	int64_t sequence = put_to(p->guardian, s, type, head, body, len);

	if (sequence > 0)
		p->sent = sequence;
	return sequence;
}

/* What may be larger than a frame. */
static bool put_parts(struct service *s, struct link_peer *peer,
		      enum baton_link_type type, enum message_kind part,
		      enum message_kind last, const uint8_t *bytes, size_t len)
{
	struct message_head head = { .kind = part, .begins = 1 };
	int64_t sent = 1;

	for (size_t at = 0, n; sent > 0 && at < len; at += n) {
		n = len - at < PART ? len - at : PART;
		if (at + n == len)
			head.kind = last;
		sent = put_to(peer, s, type, head, bytes + at, n);
		head.begins = 0;
	}
	if (sent > 0 && peer == s->proxy->guardian)
		s->proxy->sent = sent;
	return sent > 0;
}

/* Nobody stores anything any more. */
static void lose(struct proxy *p, const char *why)
{
	log_warning("no standby any more: %s; connections %s", why,
		    p->config->ownership ? "go on once the switch knows"
					 : "are unprotected");
	p->guardian = NULL;
	p->audited = 0;
	p->sent = p->acked = 0; /* another connection counts anew */
	for (size_t i = 0; i < p->config->nr_services; i++) {
		p->service[i].syncing = p->service[i].unkept = false;
		p->service[i].snapshot_end = 0;
		p->service[i].lacks = false;
		for (struct conn *c = p->replica.conns[i]; c; c = c->next)
			c->synced = false;
	}
	waiting_give_up(&p->out.waiting);
	commits_give_up(p);
}

/* It is not asked to store anything for so long. */
static void rest(struct proxy *p, uint64_t time)
{
	parts_of(p, p->guardian)->rests = clock_ns() + time;
}

bool guard_send(struct service *s, enum message_kind kind, const void *body,
		size_t len)
{
	struct proxy *p = s->proxy;

	if (!p->guardian)
		return false;
	if (put(s, BATON_LINK_STREAM, (struct message_head){ .kind = kind },
		body, len) > 0)
		return true;
	rest(p, RETRY);
	lose(p, "it does not keep up");
	return false;
}

bool guard_commit(struct service *s, const uint8_t *bytes, size_t len)
{
	struct proxy *p = s->proxy;

	if (!p->guardian)
		return false;
	if (put_parts(s, p->guardian, BATON_LINK_STREAM, MESSAGE_COMMITTED_PART,
		      MESSAGE_COMMITTED, bytes, len))
		return true;
	lose(p, "it does not keep up");
	return false;
}

void guard_gone(struct service *s, struct conn *c)
{
	uint8_t body[MESSAGE_TUPLES_MAX];

	if (c->synced)
		guard_send(s, MESSAGE_GONE, body,
			   message_put_client(&c->side[CLIENT].tuple, body));
	replica_remove(&s->proxy->replica, c);
}

/* --- bringing it up to date ------------------------------------------------------- */

static bool send_conn(struct service *s, struct link_peer *peer,
		      enum baton_link_type type, struct conn *c)
{
	uint8_t *bytes;
	ssize_t len = message_put_conn(c, &bytes);
	bool sent = len > 0 && put_parts(s, peer, type, MESSAGE_CONN_PART,
					 MESSAGE_CONN, bytes, len);

	if (len > 0)
		free(bytes);
	return sent;
}

/* All of a connection, with what waits for it to be stored. */
static bool sync_conn(struct service *s, enum baton_link_type type,
		      struct conn *c)
{
	struct proxy *p = s->proxy;

	if (!send_conn(s, p->guardian, type, c))
		return false;
	c->synced = true;
	c->told = 0; /* of this link */
	for (int i = 0; i < NR_SIDES; i++)
		c->side[i].news = p->sent;
	waiting_resume(&p->out.waiting, c, p->sent);
	commits_sent(p, c);
	return true;
}

static bool sync_service(struct service *s)
{
	struct proxy *p = s->proxy;

	for (struct conn *c = p->replica.conns[s->index]; c; c = c->next) {
		if (!c->synced && !sync_conn(s, BATON_LINK_SNAPSHOT, c))
			return false;
	}
	return put(s, BATON_LINK_SNAPSHOT_END, (struct message_head){ 0 }, NULL,
		   0) > 0;
}

/* What could not be sent waits until there is room. */
static void sync_all(struct proxy *p)
{
	for (size_t i = 0; i < p->config->nr_services; i++) {
		struct service *s = &p->service[i];

		if (!s->syncing)
			continue;
		if (!sync_service(s))
			return;
		s->syncing = false;
		s->snapshot_end = p->sent;
	}
}

void guard_lacks(struct service *s, struct conn *c)
{
	if (!c->synced)
		return;
	s->proxy->count.unkept++;
	c->synced = false;
	s->lacks = true;
	waiting_withdraw(&s->proxy->out.waiting, c);
	commits_lack(s->proxy, c);
}

void guard_lacks_all(struct service *s)
{
	log_warning("service %s: %s does not keep it: its connections are "
		    "unprotected",
		    s->config->name, link_peer_name(s->proxy->guardian));
	s->unkept = true;
	s->snapshot_end = 0;
	for (struct conn *c = s->proxy->replica.conns[s->index]; c; c = c->next)
		guard_lacks(s, c);
}

void guard_mend(struct service *s, uint64_t now)
{
	struct proxy *p = s->proxy;
	uint32_t nr = 0;
	bool all = true;

	if (!p->guardian || !is_played(s) || s->fresh || s->syncing ||
	    s->unkept || now < s->mend_next)
		return;
	for (struct conn *c = p->replica.conns[s->index]; c; c = c->next) {
		if (c->synced)
			continue;
		all = sync_conn(s, BATON_LINK_STREAM, c);
		if (!all)
			break;
		nr++;
	}
	if (all && s->lacks) {
		s->lacks = false;
		/* then it has everything; it confirms nothing twice */
		s->snapshot_end = p->sent > p->acked ? p->sent : 0;
	}
	if (!nr) {
		s->mend_wait = 0;
		return;
	}
	s->mend_wait = s->mend_wait ? 2 * s->mend_wait : MEND_FIRST;
	if (s->mend_wait > MEND_LAST)
		s->mend_wait = MEND_LAST;
	s->mend_next = now + s->mend_wait;
	log_warning("service %s: %s had no room for %u connections; they are "
		    "sent once more",
		    s->config->name, link_peer_name(p->guardian), nr);
}

void guard_recover(struct service *s, struct link_peer *peer)
{
	for (struct conn *c = s->proxy->replica.conns[s->index]; c; c = c->next)
		if (!send_conn(s, peer, BATON_LINK_STREAM, c))
			return; /* it asks no more, and begins without */
	put_to(peer, s, BATON_LINK_STREAM,
	       (struct message_head){ .kind = MESSAGE_RECOVERED }, NULL, 0);
}

void guard_service(struct service *s)
{
	struct proxy *p = s->proxy;

	if (!p->guardian || !is_played(s))
		return;
	for (struct conn *c = p->replica.conns[s->index]; c; c = c->next)
		c->synced = false;
	if (s->fresh) {
		guard_send(s, MESSAGE_RECOVER, NULL, 0);
		return;
	}
	if (put(s, BATON_LINK_SNAPSHOT_BEGIN, (struct message_head){ 0 }, NULL,
		0) < 0) {
		rest(p, RETRY);
		lose(p, "it does not take a snapshot");
		return;
	}
	s->snapshot_begin = p->sent;
	s->syncing = true;
	s->lacks = false;
	sync_all(p);
}

/* --- does it have what it confirms? ------------------------------------------------ */

static void distrust(struct proxy *p)
{
	p->count.unproven++;
	parts_of(p, p->guardian)->liar = true;
	lose(p, "it confirms what it does not have");
	guard_find(p);
}

void guard_audit(struct proxy *p)
{
	struct conn *c;
	uint64_t random;

	if (!p->guardian || p->audited)
		return;
	randombytes_buf(&random, sizeof(random));
	c = replica_any(&p->replica, random);
	if (!c)
		return;
	randombytes_buf(p->audit.nonce, sizeof(p->audit.nonce));
	audit_ask(&p->audit, c, random >> 32);
	if (guard_send(&p->service[c->service], MESSAGE_PROVE,
		       p->audit.question, sizeof(p->audit.question)))
		p->audited = p->sent;
}

void guard_proof(struct service *s, const uint8_t *answer, size_t len)
{
	struct proxy *p = s->proxy;
	struct tuple client;
	struct side *side;

	if (!p->audited)
		return;
	switch (audit_check(&p->audit, answer, len)) {
	case AUDIT_OTHER:
		return;
	case AUDIT_WRONG:
		distrust(p);
		return;
	case AUDIT_LACKS:
		message_client(p->audit.question, sizeof(p->audit.question),
			       &client);
		side = replica_find(&p->replica, &client);
		if (side)
			guard_lacks(&p->service[side_conn(side)->service],
				    side_conn(side));
		break;
	case AUDIT_RIGHT:
		p->count.proven++;
	}
	p->audited = 0;
}

void guard_role(struct service *s)
{
	struct proxy *p = s->proxy;

	/* what was asked in another epoch nobody hears the answer to */
	p->audited = 0;
	if (!is_played(s))
		return;
	/* nor does it count what was refused then */
	for (size_t i = 0; i < p->config->nr_peers; i++)
		p->parts[i].rests = 0;
	if (!p->guardian) {
		guard_find(p);
		return;
	}
	guard_service(s);
	p->hurry = clock_ns() + HURRY;
	p->hurry_for = p->sent;
}

/* The one that is dead is seldom known to be so when its part is taken. */
void guard_tick(struct proxy *p, uint64_t now)
{
	if (!p->hurry || now < p->hurry)
		return;
	p->hurry = 0;
	if (p->guardian && p->acked < p->hurry_for)
		guard_late(p, p->guardian);
}

void guard_acked(struct proxy *p, struct link_peer *peer, uint64_t sequence)
{
	if (peer == p->late) {
		p->late = NULL;
		guard_up(p, peer);
	}
	if (peer != p->guardian)
		return;
	/* the answer comes first, if there is one */
	if (p->audited && sequence >= p->audited) {
		distrust(p);
		return;
	}
	active_release(p, sequence);
	for (size_t i = 0; i < p->config->nr_services; i++) {
		struct service *s = &p->service[i];

		if (!s->snapshot_end || s->snapshot_end > sequence)
			continue;
		s->snapshot_end = 0;
		log_notice("service %s: %s has everything: its connections are "
			   "protected",
			   s->config->name, link_peer_name(p->guardian));
	}
}

void guard_up(struct proxy *p, struct link_peer *peer)
{
	if (p->guardian || parts_of(p, peer)->liar ||
	    clock_ns() < parts_of(p, peer)->rests)
		return;
	p->guardian = peer;
	for (size_t i = 0; i < p->config->nr_services && p->guardian; i++)
		guard_service(&p->service[i]);
}

void guard_writable(struct proxy *p, struct link_peer *peer)
{
	if (peer == p->guardian) {
		sync_all(p);
	} else if (!p->guardian) {
		parts_of(p, peer)->rests = 0;
		guard_up(p, peer);
	}
}

void guard_find(struct proxy *p)
{
	for (size_t i = 0; i < p->config->nr_peers && !p->guardian; i++)
		if (link_peer_is_up(p->peer[i]))
			guard_up(p, p->peer[i]);
}

void guard_down(struct proxy *p, struct link_peer *peer)
{
	if (peer == p->late)
		p->late = NULL;
	if (peer != p->guardian)
		return;
	lose(p, "its link is down");
	guard_find(p);
}

void guard_late(struct proxy *p, struct link_peer *peer)
{
	if (peer != p->guardian)
		return;
	lose(p, "it confirms nothing");
	p->late = peer;
}

void guard_refused(struct proxy *p, struct link_peer *peer, uint64_t sequence,
		   uint32_t owner, enum baton_link_reason reason)
{
	if (peer == p->guardian && sequence == p->audited)
		p->audited = 0; /* it is not to answer */
	for (size_t i = 0; i < p->config->nr_services; i++) {
		const struct service *s = &p->service[i];

		/* what was said before this host played it means no more */
		if (peer == p->guardian && s->tag == owner && is_played(s) &&
		    !s->fresh && sequence >= s->snapshot_begin) {
			log_warning("service %s: %s refuses to store: %s",
				    s->config->name, link_peer_name(peer),
				    link_reason_text(reason));
			rest(p, REST);
			lose(p, "it refuses");
			return;
		}
	}
}
