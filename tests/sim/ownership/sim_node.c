// SPDX-License-Identifier: GPL-2.0-only
/* Nodes as members of the protocol, and what reaches them. */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

static struct own_keys keys[NODES][NODES];

/* Where callbacks find the world and the node. */
static struct self {
	struct world *w;
	uint16_t id;
} selves[NODES];

void nodes_begin(void)
{
	/* Any bytes are a seed; keys need not differ from run to run. */
	static const char name[NODES][OWN_KEY_LEN] = { "s", "a", "b", "c",
						       "d" };

	for (int i = 0; i < NODES; i++)
		for (int k = 0; k < NODES; k++) {
			uint8_t public[OWN_KEY_LEN];

			own_auth_public(public, (const uint8_t *)name[k]);
			if (i != k &&
			    own_auth_keys(&keys[i][k], (const uint8_t *)name[i],
					  public))
				abort();
		}
}

static void on_send(void *arg, uint16_t to, const uint8_t *bytes, size_t size)
{
	struct self *self = arg;

	send_bytes(self->w, self->id, to, bytes, size);
}

static uint64_t on_random(void *arg)
{
	return draw64(((struct self *)arg)->w);
}

static void on_changed(void *arg, uint16_t author, const struct own_record *r)
{
	struct self *self = arg;

	if (!self->id)
		switch_record(self->w, author, r);
	else if (!author)
		host_record(self->w, self->id, r);
}

void node_begin(struct world *w, uint16_t id)
{
	struct own_callbacks cb = { on_send, on_random, on_changed,
				    &selves[id] };
	struct own_record name = { .kind = BATON_OWNERSHIP_NODE,
				   .present = 1,
				   .node = { .name = "node" } };
	struct own_member *m = &w->node[id].member;

	selves[id] = (struct self){ w, id };
	own_member_free(m);
	own_member_init(m, id, &cb);
	for (uint16_t i = 0; i <= w->hosts; i++)
		if (i != id)
			own_member_add(m, i, &keys[id][i], local(w, id));
	own_member_say(m, &name);
}

/* Whatever is authentic, whenever it was made. */
static void take_anything(struct world *w, struct own_member *m,
			  const struct bytes *b, uint64_t now)
{
	struct own_message in;
	struct own_peer *p;

	if (own_wire_header(&in.header, b->at, b->size))
		return;
	p = own_member_peer(m, in.header.from);
	if (!p || in.header.to != m->id ||
	    !own_auth_verify(p->keys.receive, b->at, b->size) ||
	    own_wire_records(&in, b->at))
		return;
	own_member_take(m, p, &in, now);
	w->count.accepted++;
}

void node_receive(struct world *w, uint16_t id, struct bytes *b)
{
	struct own_member *m = &w->node[id].member;
	uint64_t now = local(w, id);

	w->count.again += b->again;
	if (w->without[WITHOUT_fresh]) {
		take_anything(w, m, b, now);
	} else if (own_member_receive(m, b->at, b->size, now) ==
		   OWN_ACCEPTED_) {
		w->count.accepted++;
		w->count.again_accepted += b->again;
	}
	own_member_tick(m, now);
}
