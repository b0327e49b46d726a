// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an application commits (row P2): it changes the replica, goes to the
 * standby, and is released when that has it: the client is sent the output, and
 * told that its input has arrived.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "baton/protect.h"
#include "exposure.h"
#include "lib/log.h"
#include "proxy.h"

#define NEVER UINT64_MAX /* until another standby has it */

/* A cut that waits until the standby has stored it. */
struct commit {
	struct commit *next;
	struct conn *conn; /* NULL: it is over */
	struct cut cut;
	uint64_t sequence; /* of the link; 0: it waits for no standby */
};

static struct service *service_of(struct proxy *p, const struct conn *c)
{
	return &p->service[c->service];
}

void commit_fail(struct proxy *p, struct conn *c, const char *why)
{
	log_warning("service %s: a connection is reset: %s",
		    service_of(p, c)->config->name, why);
	p->count.bad_commits++;
	if (c->relay)
		relay_break(&p->relays, c->relay);
}

static void release(struct proxy *p, struct conn *c, const struct cut *cut)
{
	const struct track *server = &c->side[SERVER].track;
	struct output *o = c->output;
	struct relay *r = c->relay;
	uint64_t nr = o ? cut->output - o->released : 0;
	const uint8_t *bytes;

	if (cut->input > c->released)
		c->released = cut->input;
	withhold_advance(p, c);
	if (!o || !r)
		return;
	if (nr && (track_bytes(server, o->released, &bytes) < nr ||
		   relay_pend(r, CLIENT, bytes, nr))) {
		commit_fail(p, c, "there is no memory");
		return;
	}
	o->released = cut->output;
	if (cut->end) {
		r->end[SERVER].ended = true;
		relay_detach(r, SERVER);
		if (c->side[CLIENT].track.received > cut->input)
			commit_fail(p, c,
				    "its application has ended it, and "
				    "left input");
	}
	relay_wake(&p->relays, r);
}

/* --- those that wait ---------------------------------------------------------- */

/* The first one that need not wait, taken out. */
static struct commit *take_ready(struct proxy *p, uint64_t sequence)
{
	struct commit **at = &p->commits, *one;

	for (; (one = *at); at = &one->next) {
		if (one->sequence == NEVER)
			continue;
		if (one->sequence > sequence)
			return NULL;
		if (one->conn &&
		    !claims_gate(service_of(p, one->conn), one->sequence))
			continue;
		*at = one->next;
		if (!*at)
			p->commits_end = at;
		return one;
	}
	return NULL;
}

void commits_release(struct proxy *p, uint64_t sequence)
{
	struct commit *one;

	while ((one = take_ready(p, sequence))) {
		if (one->conn)
			release(p, one->conn, &one->cut);
		free(one);
	}
}

/* There is no standby that has what it committed. */
static void give_up(struct proxy *p, struct commit *one)
{
	one->sequence = service_of(p, one->conn)->config->on_loss ==
					ON_LOSS_GO_ON
				? 0
				: NEVER;
}

void commits_give_up(struct proxy *p)
{
	for (struct commit *one = p->commits; one; one = one->next)
		if (one->conn)
			give_up(p, one);
	commits_release(p, 0);
}

void commits_lack(struct proxy *p, const struct conn *c)
{
	for (struct commit *one = p->commits; one; one = one->next)
		if (one->conn == c)
			give_up(p, one);
	commits_release(p, p->acked);
}

void commits_sent(struct proxy *p, struct conn *c)
{
	if (!c->local)
		return;
	for (struct commit *one = p->commits; one; one = one->next)
		if (one->conn == c)
			one->sequence = p->sent;
}

void commits_forget(struct proxy *p, struct conn *c)
{
	for (struct commit *one = p->commits; one; one = one->next)
		if (one->conn == c) {
			one->conn = NULL;
			one->sequence = 0;
		}
}

static bool wait_for(struct proxy *p, struct conn *c, const struct cut *cut,
		     uint64_t sequence)
{
	struct commit *one = malloc(sizeof(*one));

	if (!one)
		return false;
	*one = (struct commit){ .conn = c, .cut = *cut, .sequence = sequence };
	if (!p->commits)
		p->commits_end = &p->commits;
	*p->commits_end = one;
	p->commits_end = &one->next;
	return true;
}

/* --- those that come ----------------------------------------------------------- */

/* To the standby, then to the replica here: the message begins where the output
 * ends that both know. Has it been sent? */
static int carry_out(struct proxy *p, struct conn *c, const struct cut *cut,
		     bool *sent)
{
	struct output *o = c->output;
	uint8_t *bytes;
	ssize_t len;

	*sent = false;
	if (c->synced) {
		len = message_put_commit(c, cut, o->bytes, &bytes);
		if (len < 0)
			return len;
		*sent = guard_commit(service_of(p, c), bytes, len);
		free(bytes);
		if (*sent)
			conn_tell(c, p->sent, p->acked, conn_received(c));
	}
	return replica_commit(c, cut, o->bytes, REPLICA_ROOM);
}

static void look(struct proxy *p, struct conn *c)
{
	struct output *o = c->output;
	struct cut last = replica_cut(c);
	uint64_t sequence = 0;
	bool sent;
	int err;

	if (!output_ready(o, &last))
		return;
	p->count.commits++;
	err = carry_out(p, c, &o->asked, &sent);
	if (err) {
		commit_fail(p, c, strerror(-err));
		return;
	}
	output_done(o, &last);
	p->count.unconfirmed += !sent;
	if (sent)
		sequence = p->sent;
	else if (service_of(p, c)->config->on_loss == ON_LOSS_STALL)
		sequence = NEVER;
	if (!sequence && claims_gate(service_of(p, c), false))
		release(p, c, &o->asked);
	else if (!wait_for(p, c, &o->asked, sequence))
		commit_fail(p, c, "there is no memory");
}

void commit_ask(struct proxy *p, struct conn *c, const struct cut *cut)
{
	struct output *o = c->output;
	struct relay *r = c->relay;
	struct cut last = replica_cut(c);

	if (!r)
		return;
	if (output_ask(o, cut, &last, r->end[CLIENT].read))
		commit_fail(p, c, "its application commits what cannot be");
	else
		look(p, c);
}

void commit_end(struct proxy *p, struct conn *c)
{
	struct output *o = c->output;
	struct cut cut = o->asks ? o->asked : replica_cut(c);

	cut.end = true;
	commit_ask(p, c, &cut);
	if (c->relay) /* what it has written is there, or never will be */
		relay_wake(&p->relays, c->relay);
}

int commit_held(struct proxy *p, struct conn *c, const uint8_t *bytes,
		size_t nr)
{
	struct output *o = c->output;
	int err = output_add(o, bytes, nr);

	if (!nr) /* what a commit still waits for will not come */
		return o->left && o->asks ? -EPIPE : 0;
	if (err)
		log_warning("service %s: more output than %u bytes waits for a "
			    "commit",
			    service_of(p, c)->config->name, BATON_OUTPUT_MAX);
	else
		look(p, c);
	return err;
}
