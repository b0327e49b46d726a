// SPDX-License-Identifier: GPL-2.0-only
#include "cold.h"

static bool lacks_standby(const struct cluster *c, uint16_t owner)
{
	const struct cluster_owner *o = &c->owner[owner];

	return o->exists && (cluster_is_orphan(c, owner) || !o->next ||
			     c->host[o->next].state != HOST_UP);
}

uint16_t cold_next(struct cold *c, const struct cluster *cluster, uint64_t now,
		   uint64_t after)
{
	for (uint16_t i = 1; i <= cluster->max_owner; i++) {
		if (!lacks_standby(cluster, i)) {
			c->since[i] = c->asked[i] = 0;
			continue;
		}
		if (!c->since[i])
			c->since[i] = now;
		if (now - c->since[i] < after ||
		    (c->asked[i] && now - c->asked[i] < COLD_AGAIN))
			continue;
		c->asked[i] = now;
		return i;
	}
	return 0;
}

static bool is_off(const struct cluster *c, uint16_t host)
{
	return c->host[host].state == HOST_DOWN ||
	       c->host[host].state == HOST_UNKNOWN;
}

uint32_t cold_hosts(const struct cluster *c, uint16_t owner,
		    uint16_t hosts[OTHERS_KEPT])
{
	const struct cluster_owner *o = &c->owner[owner];
	uint32_t n = 0;

	if (is_off(c, o->home))
		hosts[n++] = o->home;
	for (int i = 0; i < BATON_MAX_STANDBYS && o->standbys[i]; i++)
		if (is_off(c, o->standbys[i]))
			hosts[n++] = o->standbys[i];
	for (uint16_t i = 1; !o->standbys[0] && i <= c->max_host; i++)
		if (i != o->home && is_off(c, i) && n < OTHERS_KEPT)
			hosts[n++] = i;
	return n;
}
