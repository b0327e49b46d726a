// SPDX-License-Identifier: GPL-2.0-only
/* What goes wrong, and how it is put right. */
#include "lib/ownership/own_place.h"
#include "sim.h"

enum { REPAIR_HOST, REPAIR_CONTROLLER, REPAIR_CUT, REPAIR_LOSS };

static uint64_t some_time(struct world *w, uint32_t most_ms)
{
	return (1 + draw(w, most_ms)) * MS;
}

static void later(struct world *w, uint64_t in, uint8_t what, uint16_t a,
		  uint16_t b)
{
	schedule(w, in,
		 (struct event){ .kind = EVENT_REPAIR,
				 .repair = { what, a, b } });
}

static void start_host(struct world *w, uint16_t id)
{
	struct node *n = &w->node[id];

	if (n->up)
		return;
	trace(w, "host %u starts", id);
	n->up = true;
	node_begin(w, id);
	host_begin(w, id);
	schedule(w, 0,
		 (struct event){
			 .kind = EVENT_TICK, .node = id, .life = n->life });
}

static void stop_host(struct world *w, uint16_t id)
{
	struct node *n = &w->node[id];

	if (!n->up)
		return;
	trace(w, "host %u dies", id);
	n->up = false;
	n->life++;
	n->frozen = 0;
	later(w, some_time(w, 2000), REPAIR_HOST, id, 0);
}

static void start_controller(struct world *w)
{
	if (w->controller)
		return;
	trace(w, "the controller starts");
	w->node[0].up = true;
	node_begin(w, 0);
	switch_start(w);
	schedule(w, 0,
		 (struct event){ .kind = EVENT_TICK, .life = w->node[0].life });
}

static void stop_controller(struct world *w)
{
	if (!w->controller)
		return;
	trace(w, "the controller dies");
	w->controller = false;
	w->node[0].up = false;
	w->node[0].life++;
	w->node[0].frozen = 0;
	later(w, some_time(w, 500), REPAIR_CONTROLLER, 0, 0);
}

static void freeze(struct world *w, uint16_t id)
{
	w->node[id].frozen = w->now + some_time(w, 1500);
	trace(w, "node %u freezes until %.3f ms", id, w->node[id].frozen / 1e6);
}

static void cut(struct world *w, uint16_t a, uint16_t b)
{
	bool both = draw(w, 3);

	if (a == b)
		return;
	trace(w, "from %u to %u%s nothing passes", a, b,
	      both ? " and back" : "");
	w->cut[a][b] = true;
	w->cut[b][a] |= both;
	later(w, some_time(w, 3000), REPAIR_CUT, a, b);
}

/* A host that is well counts as dead for a moment. */
static void false_alarm(struct world *w, uint16_t id)
{
	if (!w->controller || !w->node[id].answers)
		return;
	trace(w, "host %u is taken for dead", id);
	w->node[id].answers = false;
	switch_look(w);
	cluster_host_down(w->cluster, id, local(w, 0), w->result);
	switch_carry_out(w);
}

static void by_hand(struct world *w)
{
	uint16_t owner = 1 + draw(w, w->owners);
	int err;

	if (!w->controller)
		return;
	switch_look(w);
	if (draw(w, 2))
		err = cluster_failover(w->cluster, owner, 0, false, local(w, 0),
				       w->result);
	else
		err = cluster_failback(w->cluster, owner, false, local(w, 0),
				       w->result);
	if (!err)
		switch_carry_out(w);
}

static void restart_agent(struct world *w, uint16_t id)
{
	if (!w->node[id].up)
		return;
	trace(w, "the agent of host %u starts anew", id);
	node_begin(w, id);
	host_announce(w, id);
}

static void restart_service(struct world *w, uint16_t id)
{
	if (!w->node[id].up)
		return;
	trace(w, "the service of host %u starts anew", id);
	host_memory_lost(w, id);
}

static void lose(struct world *w)
{
	w->loss = 300 + draw(w, 600);
	trace(w, "%u of 1000 messages are lost", w->loss);
	later(w, some_time(w, 1000), REPAIR_LOSS, 0, 0);
}

/* Has the host still the memory that the switch takes for the owner's, or for
 * complete? */
static bool is_member(const struct world *w, uint16_t owner, uint16_t host)
{
	const struct own_grant *g = &w->ownership->grant[owner];
	int place = own_place(g->home, g->standbys, host);

	return w->node[host].memory[owner].claim.incarnation ==
	       (host == g->host ? g->incarnation : g->member[place]);
}

/* Is everything as it should be? */
static bool is_calm(const struct world *w)
{
	uint16_t all = (1 << w->hosts) - 1;

	if (!w->controller || w->now < w->node[0].frozen)
		return false;
	for (uint16_t i = 1; i <= w->hosts; i++)
		if (!w->node[i].up || w->now < w->node[i].frozen ||
		    !w->node[i].answers || w->cluster->host[i].state != HOST_UP)
			return false;
	for (uint16_t i = 0; i <= w->hosts; i++)
		for (uint16_t k = 0; k <= w->hosts; k++)
			if (w->cut[i][k])
				return false;
	for (uint16_t i = 1; i <= w->owners; i++) {
		const struct own_grant *g = &w->ownership->grant[i];
		int self = own_place(g->home, g->standbys, g->host);

		if ((g->complete | own_place_bit(self)) != all)
			return false;
		for (uint16_t host = 1; host <= w->hosts; host++)
			if (!is_member(w, i, host))
				return false;
	}
	return true;
}

void fault_random(struct world *w)
{
	uint16_t host = 1 + draw(w, w->hosts);

	if (w->gentle && !is_calm(w))
		return;
	switch (draw(w, w->gentle ? 8 : 13)) {
	case 0:
	case 1:
		stop_host(w, host);
		break;
	case 2:
		freeze(w, host);
		break;
	case 3:
		restart_service(w, host);
		break;
	case 4:
		restart_agent(w, host);
		break;
	case 5:
		stop_controller(w);
		break;
	case 6:
		cut(w, draw(w, w->hosts + 1), draw(w, w->hosts + 1));
		break;
	case 7:
		false_alarm(w, host);
		break;
	case 8:
		lose(w);
		break;
	case 9:
		freeze(w, 0);
		break;
	case 10:
		restart_agent(w, host);
		break;
	default:
		by_hand(w);
	}
}

void fault_repair(struct world *w, const struct repair *r)
{
	switch (r->what) {
	case REPAIR_HOST:
		start_host(w, r->a);
		break;
	case REPAIR_CONTROLLER:
		start_controller(w);
		break;
	case REPAIR_CUT:
		w->cut[r->a][r->b] = w->cut[r->b][r->a] = false;
		break;
	default:
		w->loss = 0;
	}
}

void fault_heal(struct world *w)
{
	trace(w, "all is well from now on");
	w->quiet = true;
	w->loss = w->repeat = 0;
	for (uint16_t i = 0; i <= w->hosts; i++) {
		for (uint16_t k = 0; k <= w->hosts; k++)
			w->cut[i][k] = false;
		w->node[i].frozen = 0;
		if (i)
			start_host(w, i);
	}
	start_controller(w);
}
