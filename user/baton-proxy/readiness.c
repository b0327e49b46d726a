// SPDX-License-Identifier: GPL-2.0-only
/* What the switch is told of the state that this node holds (row K8). */
#include "control.h"

/*
 * A standby that has lost the owner's link has all that the owner could count
 * on, until the owner goes on without it. If the owner has died, the switch
 * decides in less time than this; if it lives, what is here grows old.
 */
#define GRACE 10000000000ULL /* ns */

static enum baton_heartbeat_state of_standby(struct service *s, uint64_t now)
{
	if (!s->complete)
		return BATON_HEARTBEAT_PARTIAL;
	if (s->feeder && link_peer_is_up(s->feeder)) {
		s->current = now;
		return BATON_HEARTBEAT_COMPLETE;
	}
	return now - s->current < GRACE ? BATON_HEARTBEAT_ALONE
					: BATON_HEARTBEAT_PARTIAL;
}

static enum baton_heartbeat_state of_owner(const struct service *s)
{
	const struct protection with = service_protection(s);

	return with.standby && with.complete && !s->taking
		       ? BATON_HEARTBEAT_COMPLETE
		       : BATON_HEARTBEAT_ALONE;
}

/* The worst of its services. */
enum baton_heartbeat_state proxy_readiness(struct proxy *p, uint64_t now)
{
	enum baton_heartbeat_state worst = BATON_HEARTBEAT_COMPLETE;

	for (size_t i = 0; i < p->config->nr_services; i++) {
		struct service *s = &p->service[i];
		enum baton_heartbeat_state state;

		if (s->config->policy == POLICY_NONE)
			continue;
		state = s->role == BATON_LINK_ROLE_OWNER ? of_owner(s)
							 : of_standby(s, now);
		if (state > worst)
			worst = state;
	}
	return worst;
}
