// SPDX-License-Identifier: GPL-2.0-only
/* What the owner's proxy says: it changes the replica, and is confirmed. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "baton/probe.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "proxy.h"

static struct service *service_of(struct proxy *p, uint32_t owner,
				  uint32_t name)
{
	for (size_t i = 0; i < p->config->nr_services; i++) {
		struct service *s = &p->service[i];

		if (s->tag == owner && config_service_tag(s->config) == name)
			return s;
	}
	return NULL;
}

static bool is_part(uint8_t kind)
{
	return kind == MESSAGE_CONN_PART || kind == MESSAGE_COMMITTED_PART;
}

static bool is_whole(uint8_t kind)
{
	return kind == MESSAGE_CONN || kind == MESSAGE_COMMITTED;
}

static int take_whole(struct proxy *p, struct service *s, uint8_t kind,
		      const struct parts *parts)
{
	if (kind == MESSAGE_COMMITTED)
		return message_take_commit(&p->replica, s->index, parts->bytes,
					   parts->len, REPLICA_ROOM_STANDBY);
	return message_take_conn(&p->replica, s->index, parts->bytes,
				 parts->len, clock_ns())
		       ? 0
		       : -errno;
}

struct parts *parts_of(struct proxy *p, const struct link_peer *peer)
{
	size_t i = 0;

	while (p->peer[i] != peer)
		i++;
	return &p->parts[i];
}

static void parts_clear(struct parts *parts)
{
	free(parts->bytes);
	parts->bytes = NULL;
	parts->len = 0;
	parts->begun = false;
	parts->err = 0;
}

void standby_down(struct proxy *p, struct link_peer *peer)
{
	struct parts *parts = parts_of(p, peer);

	parts_clear(parts);
	*parts = (struct parts){ 0 };
}

static int parts_add(struct parts *parts, const uint8_t *body, size_t len)
{
	uint8_t *all;

	if (parts->len + len > 3 * REPLICA_ROOM_STANDBY)
		return -EBADMSG;
	all = realloc(parts->bytes, parts->len + len);
	if (!all)
		return -ENOMEM;
	parts->bytes = all;
	memcpy(all + parts->len, body, len);
	parts->len += len;
	return 0;
}

/* A part of a connection's snapshot or of a commit, and after the last one all
 * of it. */
static int take_part(struct proxy *p, struct service *s, struct parts *parts,
		     const struct message_head *head, const uint8_t *body,
		     size_t len, struct tuple *client)
{
	int err;

	if (head->begins) {
		parts_clear(parts);
		parts->begun = !message_client(body, len, &parts->client);
	}
	if (!parts->begun || !len)
		return -EBADMSG;
	if (!parts->err)
		parts->err = parts_add(parts, body, len);
	if (is_part(head->kind))
		return 0;
	*client = parts->client;
	err = parts->err ?: take_whole(p, s, head->kind, parts);
	parts_clear(parts);
	return err;
}

static int take_message(struct proxy *p, struct service *s,
			struct link_peer *peer, const struct message_head *head,
			const uint8_t *body, size_t len, struct tuple *client)
{
	if (is_part(head->kind) || is_whole(head->kind))
		return take_part(p, s, parts_of(p, peer), head, body, len,
				 client);
	return message_take(&p->replica, s->index, head->kind, body, len,
			    clock_ns(), client);
}

/* What is not in the snapshot is over. Until then it is not known to be. */
static void snapshot_begins(struct proxy *p, struct service *s)
{
	for (struct conn *c = p->replica.conns[s->index]; c; c = c->next)
		c->stale = true;
}

static void snapshot_ends(struct proxy *p, struct service *s,
			  struct link_peer *peer, uint32_t epoch)
{
	for (struct conn *c = p->replica.conns[s->index], *next; c; c = next) {
		next = c->next;
		if (c->stale)
			replica_remove(&p->replica, c);
	}
	s->complete = true;
	s->whole = epoch;
	log_notice("service %s: standby of %s, with %u connections",
		   s->config->name, link_peer_name(peer),
		   p->replica.nr[s->index]);
}

/* This host plays the owner, and has begun anew: what its standby has kept. */
static int recover(struct proxy *p, struct service *s,
		   const struct message_head *head, const uint8_t *body,
		   size_t len)
{
	struct tuple client;

	switch (head->kind) {
	case MESSAGE_CONN:
	case MESSAGE_CONN_PART:
		return take_part(p, s, parts_of(p, p->guardian), head, body,
				 len, &client);
	case MESSAGE_RECOVERED:
		service_begin(s);
		return 0;
	}
	return -EBADMSG;
}

/* This host plays the owner: what its standby says. */
static int take_word(struct proxy *p, struct service *s,
		     const struct message_head *head, const uint8_t *body,
		     size_t len)
{
	struct tuple client;
	struct side *side;

	if (s->fresh)
		return recover(p, s, head, body, len);
	if (head->kind == MESSAGE_PROOF) {
		guard_proof(s, body, len);
		return 0;
	}
	if (head->kind != MESSAGE_LACKS)
		return -EBADMSG;
	if (!len) {
		guard_lacks_all(s);
		return 0;
	}
	if (message_client(body, len, &client))
		return -EBADMSG;
	side = replica_find(&p->replica, &client);
	if (side && side_conn(side)->service == s->index)
		guard_lacks(s, side_conn(side));
	return 0;
}

static int take_stream(struct proxy *p, struct service *s,
		       struct link_peer *peer, const struct message_head *head,
		       const uint8_t *body, size_t len, struct tuple *client)
{
	if (s->role == BATON_LINK_ROLE_OWNER)
		return peer == p->guardian ? take_word(p, s, head, body, len)
					   : -EBADMSG;
	if (head->kind == MESSAGE_RECOVER) {
		guard_recover(s, peer);
		return 0;
	}
	return take_message(p, s, peer, head, body, len, client);
}

/* Who was first to say that it plays the owner is alone believed for the epoch:
 * nobody else can spoil what is kept. */
static bool may_feed(struct service *s, struct link_peer *peer,
		     const struct link_frame *f)
{
	if (s->role == BATON_LINK_ROLE_OWNER)
		return true;
	if (!s->feeder || s->fed_epoch != f->epoch) {
		s->feeder = peer;
		s->fed_epoch = f->epoch;
	}
	return s->feeder == peer;
}

/* What who says it is may say to what this host is; only an owner, to those who
 * stand by, what there is and what is not any more. */
static bool has_a_place(const struct service *s, const struct link_frame *f)
{
	if (s->role == BATON_LINK_ROLE_OWNER)
		return f->role == BATON_LINK_ROLE_STANDBY &&
		       f->type == BATON_LINK_STREAM;
	return f->role == BATON_LINK_ROLE_OWNER;
}

/* --- frames ------------------------------------------------------------------- */

static bool answer(struct proxy *p, struct link_peer *peer,
		   const struct link_frame *f, struct message_head head,
		   const void *body, size_t len)
{
	const struct link_frame answer = { .type = BATON_LINK_STREAM,
					   .channel = MESSAGE_CHANNEL,
					   .owner = f->owner,
					   .epoch = f->epoch };
	struct iovec iov[] = { { &head, sizeof(head) }, { (void *)body, len } };

	p->count.messages++;
	return link_send(peer, &answer, iov, 2) > 0;
}

/*
 * A confirmation means all that was said before, so what is not kept has to be
 * told, and goes ahead of it: one connection, or (NULL) all of a service. If
 * that cannot be told either, nothing is confirmed any more.
 */
static void say_lacks(struct proxy *p, struct link_peer *peer,
		      const struct link_frame *f, __be32 service,
		      const struct tuple *client)
{
	uint8_t body[MESSAGE_TUPLES_MAX];

	p->count.lacking++;
	if (!answer(p, peer, f,
		    (struct message_head){ .kind = MESSAGE_LACKS,
					   .service = service },
		    body, client ? message_put_client(client, body) : 0))
		parts_of(p, peer)->mute = true;
}

/* Without an answer it would be a lie to confirm the question. */
static int prove(struct proxy *p, struct service *s, struct link_peer *peer,
		 const struct link_frame *f, struct message_head head,
		 const uint8_t *question, size_t len)
{
	uint8_t body[AUDIT_ANSWER];
	ssize_t n = audit_answer(&p->replica, s->index, question, len, body);

	if (n < 0)
		return n;
	head.kind = MESSAGE_PROOF;
	if (!answer(p, peer, f, head, body, n))
		parts_of(p, peer)->mute = true;
	return 0;
}

void standby_frame(struct proxy *p, struct link_peer *peer,
		   const struct link_frame *f)
{
	struct tuple client = { 0 }; /* family 0: of none that is known */
	struct message_head head;
	struct service *s;
	int err = 0;

	if (f->channel != MESSAGE_CHANNEL || f->length < sizeof(head)) {
		p->count.bad++;
		return;
	}
	memcpy(&head, f->payload, sizeof(head));
	s = service_of(p, f->owner, ntohl(head.service));
	p->count.taken++;
	if (s && (!has_a_place(s, f) || !may_feed(s, peer, f))) {
		p->count.bad++;
		s = NULL;
	}
	if (!s) {
		/* what is not kept here cannot go on here */
		if (f->type == BATON_LINK_SNAPSHOT_END)
			say_lacks(p, peer, f, head.service, NULL);
	} else if (f->type == BATON_LINK_SNAPSHOT_BEGIN) {
		snapshot_begins(p, s);
	} else if (f->type == BATON_LINK_SNAPSHOT_END) {
		snapshot_ends(p, s, peer, f->epoch);
	} else if (head.kind == MESSAGE_PROVE &&
		   s->role == BATON_LINK_ROLE_STANDBY) {
		err = prove(p, s, peer, f, head, f->payload + sizeof(head),
			    f->length - sizeof(head));
	} else {
		err = take_stream(p, s, peer, &head, f->payload + sizeof(head),
				  f->length - sizeof(head), &client);
	}
	if (err == -EBADMSG || err == -EALREADY)
		p->count.bad++;
	if (err && err != -EALREADY && client.family)
		say_lacks(p, peer, f, head.service, &client);
	if (err)
		log_debug("service %s: a message of %s is not kept: %s",
			  s->config->name, link_peer_name(peer),
			  strerror(-err));
	if (!parts_of(p, peer)->mute)
		link_ack(peer, f->sequence);
}
