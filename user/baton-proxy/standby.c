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

/* A part of a connection's snapshot, and after the last one all of it. */
static int take_conn(struct proxy *p, struct service *s,
		     const struct message_head *head, const uint8_t *body,
		     size_t len)
{
	uint8_t *all;
	int err = 0;

	if (head->begins)
		p->conn_len = 0;
	if (p->conn_len + len > 3 * REPLICA_ROOM_STANDBY)
		return -EBADMSG;
	all = realloc(p->conn, p->conn_len + len);
	if (!all)
		return -ENOMEM;
	p->conn = all;
	memcpy(all + p->conn_len, body, len);
	p->conn_len += len;
	if (head->kind == MESSAGE_CONN_PART)
		return 0;
	if (!message_take_conn(&p->replica, s->index, p->conn, p->conn_len))
		err = -errno;
	free(p->conn);
	p->conn = NULL;
	p->conn_len = 0;
	return err;
}

static int take_message(struct proxy *p, struct service *s,
			const struct message_head *head, const uint8_t *body,
			size_t len)
{
	if (head->kind == MESSAGE_CONN || head->kind == MESSAGE_CONN_PART)
		return take_conn(p, s, head, body, len);
	return message_take(&p->replica, s->index, head->kind, body, len,
			    clock_ns());
}

/* What is not in the snapshot is over. Until then it is not known to be. */
static void snapshot_begins(struct proxy *p, struct service *s)
{
	for (struct conn *c = p->replica.conns[s->index]; c; c = c->next)
		c->stale = true;
}

static void snapshot_ends(struct proxy *p, struct service *s,
			  struct link_peer *peer)
{
	for (struct conn *c = p->replica.conns[s->index], *next; c; c = next) {
		next = c->next;
		if (c->stale)
			replica_remove(&p->replica, c);
	}
	s->complete = true;
	log_notice("service %s: standby of %s, with %u connections",
		   s->config->name, link_peer_name(peer),
		   p->replica.nr[s->index]);
}

/* This host plays the owner, and has begun anew: what its standby has kept. */
static int recover(struct proxy *p, struct service *s,
		   const struct message_head *head, const uint8_t *body,
		   size_t len)
{
	switch (head->kind) {
	case MESSAGE_CONN:
	case MESSAGE_CONN_PART:
		return take_conn(p, s, head, body, len);
	case MESSAGE_RECOVERED:
		service_begin(s);
		return 0;
	}
	return -EBADMSG;
}

static int take_stream(struct proxy *p, struct service *s,
		       struct link_peer *peer, const struct message_head *head,
		       const uint8_t *body, size_t len)
{
	if (s->role == BATON_LINK_ROLE_OWNER)
		return s->fresh ? recover(p, s, head, body, len) : -EBADMSG;
	if (head->kind == MESSAGE_RECOVER) {
		guard_recover(s, peer);
		return 0;
	}
	return take_message(p, s, head, body, len);
}

void standby_frame(struct proxy *p, struct link_peer *peer,
		   const struct link_frame *f)
{
	struct message_head head;
	struct service *s = NULL;
	int err = 0;

	if (f->channel == MESSAGE_CHANNEL && f->length >= sizeof(head)) {
		memcpy(&head, f->payload, sizeof(head));
		s = service_of(p, f->owner, ntohl(head.service));
	}
	/* A service that is not configured here cannot go on here: not to
	 * confirm it keeps its owner from believing so. */
	if (!s) {
		p->count.bad++;
		return;
	}
	switch (f->type) {
	case BATON_LINK_SNAPSHOT_BEGIN:
		snapshot_begins(p, s);
		break;
	case BATON_LINK_SNAPSHOT_END:
		snapshot_ends(p, s, peer);
		break;
	default:
		err = take_stream(p, s, peer, &head, f->payload + sizeof(head),
				  f->length - sizeof(head));
	}
	p->count.taken++;
	if (err) {
		p->count.bad++;
		log_warning("service %s: a message of %s is not kept: %s",
			    s->config->name, link_peer_name(peer),
			    strerror(-err));
		return;
	}
	link_ack(peer, f->sequence);
}
