// SPDX-License-Identifier: GPL-2.0-only
/*
 * A host: an agent that speaks the ownership protocol, and a service whose
 * replicas follow it, as those of baton-proxy do.
 */
#include <string.h>

#include "lib/ownership/own_place.h"
#include "sim.h"

#define PATIENCE (100 * MS) /* with a standby that confirms nothing */

static uint32_t tag_of(uint16_t owner)
{
	return 1000 + owner;
}

/* --- memory ---------------------------------------------------------------------------- */

static void forget(struct world *w, uint16_t id)
{
	struct node *n = &w->node[id];

	link_owners_free(&n->link);
	memset(n->memory, 0, sizeof(n->memory));
	for (uint16_t i = 1; i <= w->owners; i++) {
		n->memory[i].claim.host = id;
		n->memory[i].claim.incarnation = w->next_incarnation++;
		link_owners_set(&n->link, tag_of(i), BATON_LINK_ROLE_STANDBY,
				0);
	}
}

static void say(struct world *w, uint16_t id, uint16_t owner)
{
	struct memory *m = &w->node[id].memory[owner];
	struct own_record r = { .kind = BATON_OWNERSHIP_HOLDING,
				.present = 1,
				.slot = owner };

	own_claim_put(&m->claim, owner, m->synced == m->claim.word.epoch, 0,
		      &r.holding);
	own_member_say(&w->node[id].member, &r);
}

void host_announce(struct world *w, uint16_t id)
{
	for (uint16_t i = 1; i <= w->owners; i++)
		say(w, id, i);
}

void host_begin(struct world *w, uint16_t id)
{
	forget(w, id);
	host_announce(w, id);
}

/* The switch says it again to the new process, as the agent has it. */
void host_memory_lost(struct world *w, uint16_t id)
{
	forget(w, id);
	for (uint16_t i = 1; i <= w->owners; i++) {
		const struct own_record *r = own_member_find(
			&w->node[id].member, 0, BATON_OWNERSHIP_OWNER, i);

		if (r)
			host_record(w, id, r);
		say(w, id, i);
	}
}

/* --- what the switch says ------------------------------------------------------------- */

static bool plays(const struct world *w, const struct node *n, uint16_t owner)
{
	const struct memory *m = &n->memory[owner];
	const struct link_owner *l = link_owners_find(&n->link, tag_of(owner));

	if (w->without[WITHOUT_memory] && m->claim.word.host == m->claim.host &&
	    m->claim.word.epoch)
		return true;
	return m->claim.role == BATON_OWNERSHIP_ROLE_OWNER &&
	       (w->without[WITHOUT_epoch] || l->role == BATON_LINK_ROLE_OWNER);
}

void host_record(struct world *w, uint16_t id, const struct own_record *r)
{
	struct node *n = &w->node[id];
	struct memory *m = &n->memory[r->slot];
	uint64_t had = m->claim.word.epoch;
	uint8_t was = m->claim.role;

	if (r->kind != BATON_OWNERSHIP_OWNER || !r->present ||
	    r->slot > w->owners)
		return;
	if (own_claim_hear(&m->claim, &r->owner))
		return;
	if (m->claim.word.epoch != had || m->claim.role != was) {
		trace(w, "host %u: owner %u, epoch %u: role %u, complete %#x",
		      id, r->slot, (uint32_t)m->claim.word.epoch, m->claim.role,
		      m->claim.word.complete);
		link_owners_set(&n->link, tag_of(r->slot),
				m->claim.role == BATON_OWNERSHIP_ROLE_OWNER
					? BATON_LINK_ROLE_OWNER
					: BATON_LINK_ROLE_STANDBY,
				(uint32_t)m->claim.word.epoch);
		memset(m->confirmed, 0, sizeof(m->confirmed));
		m->replied = BEGINNING;
	}
	say(w, id, r->slot);
}

/* --- playing an owner -------------------------------------------------------------------- */

static struct packet packet_of(struct world *w, uint16_t id, uint16_t owner)
{
	const struct memory *m = &w->node[id].memory[owner];

	return (struct packet){ .from = id,
				.owner = owner,
				.epoch = m->claim.word.epoch,
				.incarnation = m->claim.incarnation,
				.state = m->state };
}

/* On the link, which loses what comes out of order, and of a process what comes
 * after something of the next. */
static void send_frame(struct world *w, uint16_t to, enum event_kind kind,
		       struct packet *p)
{
	p->order = ++w->node[p->from].frames;
	send_packet(w, to, kind, p);
}

static bool has_all(const struct memory *m, int place)
{
	return m->confirmed[place].incarnation &&
	       m->confirmed[place].state == m->state;
}

/* Everything to everybody who could take over, again until it is confirmed. */
static void replicate(struct world *w, uint16_t id, uint16_t owner)
{
	struct node *n = &w->node[id];
	struct memory *m = &n->memory[owner];

	for (int i = 0; i < BATON_OWNERSHIP_PLACES; i++) {
		uint16_t to = own_place_host(m->claim.word.home,
					     m->claim.word.standbys, i);
		struct packet p = packet_of(w, id, owner);

		if (!to || to == id || has_all(m, i))
			continue;
		p.snapshot = !m->confirmed[i].incarnation;
		p.base = p.snapshot ? BEGINNING : m->confirmed[i].state;
		check_spoken(w, owner, &p);
		send_frame(w, to, EVENT_FRAME, &p);
	}
}

/* Clients are told what all who are waited for have stored. */
static void reply(struct world *w, uint16_t id, uint16_t owner)
{
	struct memory *m = &w->node[id].memory[owner];
	uint16_t waits = own_claim_waits(&m->claim);
	struct packet p = packet_of(w, id, owner);

	for (int i = 0; i < BATON_OWNERSHIP_PLACES; i++) {
		if (!(waits & own_place_bit(i)))
			continue;
		if (!m->confirmed[i].incarnation)
			return;
		if (state_depth(m->confirmed[i].state) < state_depth(p.state))
			p.state = m->confirmed[i].state;
	}
	if (state_depth(p.state) <= state_depth(m->replied))
		return;
	m->replied = p.state;
	check_spoken(w, owner, &p);
	send_packet(w, 0, EVENT_REPLY, &p);
}

/* Who is as far as the owner is waited for from now on; who confirms nothing
 * for long is waited for no more, if that is the policy. */
static void review(struct world *w, uint16_t id, uint16_t owner)
{
	struct memory *m = &w->node[id].memory[owner];

	for (int i = 0; i < BATON_OWNERSHIP_PLACES; i++) {
		uint16_t to = own_place_host(m->claim.word.home,
					     m->claim.word.standbys, i);
		uint64_t *since = &m->confirmed[i].since;

		if (!to || to == id)
			continue;
		if (has_all(m, i) || !*since)
			*since = w->now;
		if (has_all(m, i)) {
			own_claim_add(&m->claim, i);
		} else if (w->now > *since + PATIENCE && !w->stalls) {
			own_claim_drop(&m->claim, i);
			if (w->without[WITHOUT_release])
				m->claim.leaving = 0;
		}
	}
}

static void request(struct world *w, uint16_t id, uint16_t owner)
{
	struct memory *m = &w->node[id].memory[owner];

	if (!plays(w, &w->node[id], owner))
		return;
	m->state = state_after(m->state);
	replicate(w, id, owner);
	reply(w, id, owner);
}

static void confirmed(struct world *w, uint16_t id, const struct packet *p)
{
	struct memory *m = &w->node[id].memory[p->owner];
	int place =
		own_place(m->claim.word.home, m->claim.word.standbys, p->from);

	if (!plays(w, &w->node[id], p->owner) || place < 0 ||
	    p->epoch != m->claim.word.epoch ||
	    !state_includes(m->state, p->state))
		return;
	/* Another memory: what the last one had is gone. */
	if (p->incarnation != m->confirmed[place].incarnation && !p->snapshot) {
		m->confirmed[place].incarnation = 0;
		return;
	}
	if (p->incarnation == m->confirmed[place].incarnation &&
	    state_depth(p->state) < state_depth(m->confirmed[place].state))
		return;
	m->confirmed[place].incarnation = p->incarnation;
	m->confirmed[place].state = p->state;
	review(w, id, p->owner);
	reply(w, id, p->owner);
	say(w, id, p->owner);
}

/* --- keeping one's state -------------------------------------------------------------------- */

/* `taken`: or that it could not be; a state that includes nothing says so. */
static void confirm(struct world *w, uint16_t id, const struct packet *frame,
		    bool taken)
{
	struct packet p = packet_of(w, id, frame->owner);

	p.epoch = frame->epoch;
	p.snapshot = taken && frame->snapshot;
	if (!taken)
		p.state = BEGINNING;
	send_frame(w, frame->from, EVENT_CONFIRM, &p);
}

/* As the bytes of a stream do: what lies behind `base` is written over, and if
 * that was not the same, what comes of it nobody has ever had. */
static bool apply(struct memory *m, const struct packet *p)
{
	if (p->snapshot || state_includes(m->state, p->base)) {
		if (!state_includes(m->state, p->state) || p->snapshot)
			m->state = p->state;
		return true;
	}
	if (state_depth(p->base) > state_depth(m->state))
		return false;
	m->state = state_after(m->state);
	return true;
}

static bool may_take(struct world *w, struct node *n, const struct packet *p)
{
	const struct memory *m = &n->memory[p->owner];
	const struct link_frame f = { .type = BATON_LINK_STREAM,
				      .role = BATON_LINK_ROLE_OWNER,
				      .owner = tag_of(p->owner),
				      .epoch = (uint32_t)p->epoch };
	bool deposed;

	if (w->without[WITHOUT_epoch])
		return !plays(w, n, p->owner);
	if (link_owners_accept(&n->link, &f, &deposed))
		return false;
	return p->snapshot || m->synced == p->epoch;
}

static void frame(struct world *w, uint16_t id, const struct packet *p)
{
	struct node *n = &w->node[id];
	struct memory *m = &n->memory[p->owner];

	if (!may_take(w, n, p)) {
		confirm(w, id, p, false);
		return;
	}
	if (!apply(m, p))
		return;
	if (p->snapshot)
		m->synced = p->epoch;
	confirm(w, id, p, true);
	say(w, id, p->owner);
}

void host_packet(struct world *w, uint16_t id, enum event_kind kind,
		 const struct packet *p)
{
	uint64_t *taken = &w->node[id].taken[p->from];

	if (kind != EVENT_REQUEST) {
		if (p->order <= *taken)
			return;
		*taken = p->order;
	}
	switch (kind) {
	case EVENT_FRAME:
		frame(w, id, p);
		break;
	case EVENT_CONFIRM:
		confirmed(w, id, p);
		break;
	default:
		request(w, id, p->owner);
	}
}

void host_tick(struct world *w, uint16_t id)
{
	for (uint16_t i = 1; i <= w->owners; i++) {
		if (!plays(w, &w->node[id], i))
			continue;
		review(w, id, i);
		replicate(w, id, i);
		reply(w, id, i);
		say(w, id, i);
	}
}
