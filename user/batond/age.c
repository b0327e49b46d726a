// SPDX-License-Identifier: GPL-2.0-only
#include "age.h"

#include <netinet/in.h>
#include <string.h>

uint32_t age_limit(const struct config *c, uint8_t protocol, uint8_t state)
{
	if (protocol == CONFIG_IPSEC)
		return c->timeouts.ipsec;
	if (protocol == IPPROTO_UDP)
		return state == BATON_FLOW_OPENING
			       ? c->timeouts.udp_opening
			       : c->timeouts.udp_established;
	switch (state) {
	case BATON_FLOW_OPENING:
	case BATON_FLOW_ANSWERED:
		return c->timeouts.tcp_opening;
	case BATON_FLOW_ESTABLISHED:
		return c->timeouts.tcp_established;
	case BATON_FLOW_CLOSING:
		return c->timeouts.tcp_closing;
	default:
		return c->timeouts.tcp_closed;
	}
}

/* A slot whose flow was never written: its writer is busy, or died. */
static void abandoned(struct sweep *s, const struct flowmap_slot *slot)
{
	for (size_t i = 0; i < s->nr_abandoned[0]; i++)
		if (s->abandoned[0][i].words == slot->words &&
		    s->abandoned[0][i].key == slot->key[0]) {
			flowmap_free(slot);
			return;
		}
	if (s->nr_abandoned[1] < ABANDONED_MAX) {
		s->abandoned[1][s->nr_abandoned[1]].words = slot->words;
		s->abandoned[1][s->nr_abandoned[1]].key = slot->key[0];
		s->nr_abandoned[1]++;
	}
}

/* Stamps by which the flow may have been seen later than it says. */
static uint16_t lag(const struct baton_flow *f)
{
	return f->state == BATON_FLOW_ESTABLISHED ? BATON_FLOW_FRESH : 0;
}

static bool is_expired(const struct batond *b, const struct flowmap_slot *slot)
{
	uint16_t service = flowmap_service(slot), now = b->sweep.now;
	const struct baton_service_info *info = &b->dp.service_info[service];
	uint16_t age = flowmap_age(now, slot->flow.seen);
	uint8_t protocol;

	if (service >= BATON_MAX_SERVICES || !info->family ||
	    slot->flow.owner >= BATON_MAX_OWNERS ||
	    dataplane_owner(&b->dp, slot->flow.owner).state == BATON_OWNER_NONE)
		return true; /* removed from the configuration */
	protocol = info->flags & BATON_SERVICE_IPSEC ? CONFIG_IPSEC
						     : info->protocol;
	age -= age > lag(&slot->flow) ? lag(&slot->flow) : age;
	return flowmap_seconds(&b->dp.meta, age) >
	       age_limit(&b->config, protocol, slot->flow.state);
}

static int visit(const struct flowmap_slot *slot, void *arg)
{
	struct batond *b = arg;
	struct sweep *s = &b->sweep;

	if (!slot->flow.owner) {
		abandoned(s, slot);
		return 0;
	}
	if (is_expired(b, slot) && flowmap_free(slot)) {
		s->expired++;
		return 0;
	}
	s->next.used[s->family]++;
	if (slot->flow.flags & BATON_FLOW_CONFIRMED)
		s->next.confirmed[s->family]++;
	if (slot->flow.state < BATON_NR_FLOW_STATES)
		s->next.by_state[s->family][slot->flow.state]++;
	if (slot->flow.owner < BATON_MAX_OWNERS)
		s->next.by_owner[slot->flow.owner]++;
	return 0;
}

/* The whole table was seen: what was counted becomes what is known. */
static void sweep_ended(struct batond *b)
{
	struct sweep *s = &b->sweep;

	for (int f = 0; f < FLOWMAP_FAMILIES; f++)
		s->next.slots[f] = (uint64_t)b->dp.flows.table[f].buckets *
				   BATON_FLOW_SLOTS;
	s->next.ended = clock_ns();
	s->census = s->next;
	memset(&s->next, 0, sizeof(s->next));
	memcpy(s->abandoned[0], s->abandoned[1], sizeof(s->abandoned[0]));
	s->nr_abandoned[0] = s->nr_abandoned[1];
	s->nr_abandoned[1] = 0;
	ids_swept(&b->owners);
	ids_swept(&b->services);
	ids_swept(&b->hosts);

	prober_lock(&b->prober);
	for (uint16_t i = 1; i <= b->cluster.max_host; i++)
		b->cluster.host[i].flows = 0;
	for (uint16_t i = 1; i <= b->cluster.max_owner; i++) {
		const struct cluster_owner *o = &b->cluster.owner[i];

		if (o->exists && o->host)
			b->cluster.host[o->host].flows += s->census.by_owner[i];
	}
	cluster_plan(&b->cluster);
	prober_unlock(&b->prober);
}

void age_slice(struct batond *b)
{
	struct sweep *s = &b->sweep;
	const struct flowmap_table *t = &b->dp.flows.table[s->family];
	uint32_t total = b->dp.flows.table[FLOWMAP_4].buckets +
			 b->dp.flows.table[FLOWMAP_6].buckets;
	uint32_t share = total / (AGE_PERIOD_MS / AGE_SLICE_MS) + 1;

	if (flowmap_now(&b->dp.flows, &s->now))
		return;
	flowmap_walk(t, s->bucket, share, visit, b);
	s->bucket += share;
	if (s->bucket < t->buckets)
		return;
	s->bucket = 0;
	s->family++;
	if (s->family == FLOWMAP_FAMILIES) {
		s->family = 0;
		sweep_ended(b);
	}
}
