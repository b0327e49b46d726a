// SPDX-License-Identifier: GPL-2.0-only
#include "lib/link/link_session.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#define EVENT(k) ((struct link_event){ .kind = LINK_##k })
#define REASON(k, r) ((struct link_event){ .kind = LINK_##k, .reason = (r) })
#define BROKEN(r) REASON(BROKEN, BATON_LINK_BAD_##r)

static void send_number(struct link_session *s, uint8_t type, uint64_t number)
{
	s->send(s->arg,
		&(struct link_frame){ .type = type, .sequence = number });
}

static void send_reason(struct link_session *s, struct link_frame f,
			enum baton_link_reason reason)
{
	const __be32 payload = htobe32(reason);

	f.length = sizeof(payload);
	f.payload = (const uint8_t *)&payload;
	s->send(s->arg, &f);
}

void link_session_start(struct link_session *s, const char *node,
			const char *peer, uint64_t now)
{
	struct baton_link_hello hello = { 0 };
	const struct link_frame f = { .type = BATON_LINK_HELLO,
				      .length = sizeof(hello),
				      .payload = (const uint8_t *)&hello };

	memset(s->peer, 0, sizeof(s->peer));
	memcpy(s->peer, peer, strnlen(peer, sizeof(s->peer) - 1));
	memcpy(hello.node, node, strnlen(node, sizeof(hello.node) - 1));
	s->state = LINK_STATE_HELLO;
	s->ticked = s->began = s->heard = now;
	s->send(s->arg, &f);
}

static struct link_event hello(struct link_session *s,
			       const struct link_frame *f)
{
	struct baton_link_hello h;

	memcpy(&h, f->payload, sizeof(h));
	if (h.zero || f->sequence)
		return BROKEN(FIELDS);
	if (memcmp(h.node, s->peer, sizeof(h.node)))
		return BROKEN(NAME);
	s->state = LINK_STATE_UP;
	return EVENT(UP);
}

/* Where the snapshot is among the open ones; s->nr if it is not. */
static unsigned int snapshot_find(const struct link_snapshots *s,
				  const struct link_frame *f)
{
	unsigned int i;

	for (i = 0; i < s->nr; i++) {
		if (s->open[i].owner == f->owner &&
		    s->open[i].channel == f->channel)
			break;
	}
	return i;
}

/* What was being told in an epoch that is over will never end. */
static void snapshots_tidy(struct link_snapshots *s,
			   const struct link_owners *owners)
{
	unsigned int i, kept = 0;

	for (i = 0; i < s->nr; i++) {
		uint32_t owner = s->open[i].owner;
		const struct link_owner *e =
			owner ? link_owners_find(owners, owner) : NULL;

		if (!owner || (e && e->epoch == s->open[i].epoch))
			s->open[kept++] = s->open[i];
	}
	s->nr = kept;
}

/* 0, -EBUSY or -EPROTO */
static int snapshot_step(struct link_snapshots *s, const struct link_frame *f,
			 const struct link_owners *owners)
{
	unsigned int i = snapshot_find(s, f);

	if (f->type == BATON_LINK_STREAM)
		return 0;
	if (f->type == BATON_LINK_SNAPSHOT_BEGIN) {
		if (i == LINK_SNAPSHOTS) {
			snapshots_tidy(s, owners);
			i = s->nr;
		}
		if (i == LINK_SNAPSHOTS)
			return -EBUSY;
		s->open[i].owner = f->owner;
		s->open[i].channel = f->channel;
		s->open[i].epoch = f->epoch;
		if (i == s->nr)
			s->nr++;
		return 0;
	}
	if (i == s->nr || s->open[i].epoch != f->epoch)
		return -EPROTO;
	if (f->type == BATON_LINK_SNAPSHOT_END)
		s->open[i] = s->open[--s->nr];
	return 0;
}

/* The peer learns which epoch is known here, so that it need not try again. */
static struct link_event refuse(struct link_session *s,
				const struct link_frame *f,
				enum baton_link_reason reason)
{
	const struct link_owner *e = link_owners_find(s->owners, f->owner);

	send_reason(s,
		    (struct link_frame){ .type = BATON_LINK_REFUSED,
					 .owner = f->owner,
					 .epoch = e ? e->epoch : 0,
					 .sequence = f->sequence },
		    reason);
	return REASON(REFUSED, reason);
}

static struct link_event data(struct link_session *s,
			      const struct link_frame *f)
{
	struct link_event event = EVENT(FRAME);
	int reason;

	if (f->sequence != s->received + 1)
		return BROKEN(SEQUENCE);
	if (f->role == BATON_LINK_ROLE_STANDBY && f->type != BATON_LINK_STREAM)
		return BROKEN(ROLE);
	s->received = f->sequence;
	reason = link_owners_accept(s->owners, f, &event.deposed);
	if (!reason && snapshot_step(&s->theirs, f, s->owners))
		reason = BATON_LINK_BAD_SNAPSHOT;
	if (reason) {
		bool deposed = event.deposed;

		event = refuse(s, f, reason);
		event.deposed = deposed;
	}
	return event;
}

static struct link_event ack(struct link_session *s, const struct link_frame *f,
			     uint64_t now)
{
	if (f->sequence <= s->acked || f->sequence > s->sent)
		return BROKEN(ACKED);
	s->acked = f->sequence;
	s->waits = now;
	return EVENT(ACKED);
}

static struct link_event told(struct link_session *s,
			      const struct link_frame *f)
{
	struct link_event event = REASON(TOLD, link_frame_reason(f));

	/* it comes before the ACK that covers the frame */
	if (f->sequence <= s->acked || f->sequence > s->sent ||
	    link_reason_closes(event.reason))
		return BROKEN(ACKED);
	event.deposed = link_owners_told(s->owners, f->owner, f->epoch);
	return event;
}

static struct link_event pong(struct link_session *s,
			      const struct link_frame *f, uint64_t now)
{
	if (!s->ping_at || f->sequence != s->ping)
		return BROKEN(SEQUENCE);
	s->round_trip = now - s->ping_at;
	s->ping_at = 0;
	return EVENT(NOTHING);
}

static struct link_event ping(struct link_session *s,
			      const struct link_frame *f)
{
	if (f->sequence != s->their_ping + 1)
		return BROKEN(SEQUENCE);
	s->their_ping = f->sequence;
	s->pong_due = true;
	return EVENT(NOTHING);
}

static bool has_a_place(enum link_state state, uint8_t type)
{
	switch (state) {
	case LINK_STATE_HELLO:
		return type == BATON_LINK_HELLO || type == BATON_LINK_CLOSE;
	case LINK_STATE_UP:
		return type != BATON_LINK_HELLO;
	default:
		return false;
	}
}

struct link_event link_session_receive(struct link_session *s,
				       const struct link_frame *f, uint64_t now)
{
	if (!has_a_place(s->state, f->type))
		return BROKEN(STATE);
	s->heard = now;
	switch (f->type) {
	case BATON_LINK_HELLO:
		return hello(s, f);
	case BATON_LINK_ACK:
		return ack(s, f, now);
	case BATON_LINK_REFUSED:
		return told(s, f);
	case BATON_LINK_PING:
		return ping(s, f);
	case BATON_LINK_PONG:
		return pong(s, f, now);
	case BATON_LINK_CLOSE:
		s->state = LINK_STATE_CLOSED;
		return REASON(CLOSED, link_frame_reason(f));
	default:
		return data(s, f);
	}
}

/*
 * When this program has not run for a while, what is late is late for that: its
 * own sleep is nobody's silence.
 */
static void forgive(struct link_session *s, uint64_t now)
{
	uint64_t gap = now - s->ticked;

	s->ticked = now;
	if (gap <= s->times.ping)
		return;
	s->began = s->began + gap < now ? s->began + gap : now;
	s->heard = s->heard + gap < now ? s->heard + gap : now;
	s->waits = s->waits + gap < now ? s->waits + gap : now;
}

struct link_event link_session_tick(struct link_session *s, uint64_t now)
{
	forgive(s, now);
	if (s->state == LINK_STATE_HELLO && now - s->began >= s->times.hello)
		return BROKEN(SLOW);
	if (s->state != LINK_STATE_UP)
		return EVENT(NOTHING);
	if (now - s->heard >= s->times.silent)
		return BROKEN(SILENT);
	if (now - s->heard >= s->times.ping && !s->ping_at) {
		s->ping_at = now;
		send_number(s, BATON_LINK_PING, ++s->ping);
	}
	if (s->acked < s->sent && now - s->waits >= s->times.ack_late) {
		s->waits = now;
		return EVENT(ACK_LATE);
	}
	return EVENT(NOTHING);
}

int64_t link_session_number(struct link_session *s, struct link_frame *f,
			    uint64_t now)
{
	int err;

	if (s->state != LINK_STATE_UP)
		return -ENOTCONN;
	if (!link_type_is_data(f->type) || (!f->owner && f->epoch))
		return -EINVAL;
	if (!link_length_fits(f->type, f->length))
		return -EMSGSIZE;
	err = link_owners_permit(s->owners, f);
	if (!err)
		err = snapshot_step(&s->ours, f, s->owners);
	if (err)
		return err;
	if (s->acked == s->sent)
		s->waits = now;
	f->sequence = ++s->sent;
	return f->sequence;
}

int link_session_store(struct link_session *s, uint64_t sequence)
{
	if (s->state != LINK_STATE_UP)
		return -ENOTCONN;
	if (sequence > s->received)
		return -EINVAL;
	if (sequence > s->stored) {
		s->stored = sequence;
		s->ack_due = true;
	}
	return 0;
}

void link_session_flush(struct link_session *s)
{
	if (s->state != LINK_STATE_UP)
		return;
	if (s->ack_due)
		send_number(s, BATON_LINK_ACK, s->stored);
	if (s->pong_due)
		send_number(s, BATON_LINK_PONG, s->their_ping);
	s->ack_due = s->pong_due = false;
}

void link_session_close(struct link_session *s, enum baton_link_reason reason)
{
	if (s->state == LINK_STATE_CLOSED)
		return;
	link_session_flush(s);
	s->state = LINK_STATE_CLOSED;
	send_reason(s, (struct link_frame){ .type = BATON_LINK_CLOSE }, reason);
}
