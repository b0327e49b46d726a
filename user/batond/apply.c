// SPDX-License-Identifier: GPL-2.0-only
#include "apply.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "apply_bfd.h"
#include "apply_services.h"
#include "failover.h"
#include "grants.h"
#include "lib/why.h"
#include "resolve.h"

#define fail(why, err, ...) why_set(why, APPLY_WHY, err, __VA_ARGS__)

/* --- ids -------------------------------------------------------------------- */

/* Is it carried to as its record says? Then that may stay in use. */
static bool same_way(const struct batond *b, const struct config_host *h,
		     uint16_t id)
{
	const struct baton_host_info *info = &b->dp.host_info[id];
	const struct baton_host *r = &b->dp.hosts[id];

	if (info->family != h->address.family ||
	    memcmp(info->address, h->address.word, sizeof(info->address)))
		return false;
	return !r->ifindex || (r->forward == h->forward &&
			       (h->forward != BATON_FORWARD_GUE ||
				r->gue_port == htons(h->gue_port)));
}

/*
 * A host that is reached in another way gets another record under another id,
 * for records in use do not change; its owners are then pointed to that.
 */
static int host_ids(struct batond *b, const struct config *to,
		    uint16_t moved[BATON_MAX_HOSTS], char why[APPLY_WHY])
{
	for (size_t i = 0; i < to->nr_hosts; i++) {
		const struct config_host *h = &to->hosts[i];
		uint16_t id = ids_find(&b->hosts, h->name), was = id;

		if (id && !same_way(b, h, id)) {
			ids_drop(&b->hosts, id);
			id = ids_get(&b->hosts, h->name);
			moved[was] = id;
		} else if (!id) {
			id = ids_get(&b->hosts, h->name);
		}
		if (!id)
			return fail(why, -ENOSPC, "host %s: all ids are taken",
				    h->name);
	}
	return 0;
}

static int owner_ids(struct batond *b, const struct config *to,
		     char why[APPLY_WHY])
{
	for (size_t i = 0; i < to->nr_owners; i++)
		if (!ids_get(&b->owners, to->owners[i].name))
			return fail(why, -ENOSPC, "owner %s: all ids are taken",
				    to->owners[i].name);
	return 0;
}

/* Ids of all that `to` names; none is changed if one cannot be had. */
static int take_ids(struct batond *b, const struct config *to,
		    uint16_t moved[BATON_MAX_HOSTS], char why[APPLY_WHY])
{
	static struct ids hosts, owners, services;
	int err;

	hosts = b->hosts;
	owners = b->owners;
	services = b->services;
	err = host_ids(b, to, moved, why) ?: owner_ids(b, to, why);
	if (!err && services_ids(b, to))
		err = fail(why, -ENOSPC,
			   "services: all ids are taken (%d, of which those "
			   "of removed ones are free again in some seconds)",
			   BATON_MAX_SERVICES - 1);
	if (err) {
		b->hosts = hosts;
		b->owners = owners;
		b->services = services;
	}
	return err;
}

/* --- hosts ------------------------------------------------------------------ */

static void write_host(struct batond *b, const struct config_host *h,
		       uint16_t id)
{
	struct baton_host_info *info = &b->dp.host_info[id];

	memset(info, 0, sizeof(*info));
	snprintf(info->name, sizeof(info->name), "%s", h->name);
	memcpy(info->address, h->address.word, sizeof(info->address));
	info->family = h->address.family;
	resolve_host(b, h, id);
}

/* With the lock held: who notices that it dies. */
static void watch_host(struct batond *b, const struct config *to,
		       const struct config_host *h, uint16_t id,
		       const struct bfd_settings *bfd)
{
	struct prober *p = &b->prober;

	if (h->detect == CONFIG_DETECT_PROBE)
		prober_set(p, id, &h->address, config_profile(to, h));
	else
		prober_clear(p, id);
	p->target[id].lease = h->lease ? detect_lease_us(config_profile(to, h))
				       : 0;
	if (h->detect == CONFIG_DETECT_BFD)
		prober_set_bfd(p, id, &h->address, bfd);
	else
		prober_clear_bfd(p, id);
}

/* With the lock held. */
static void cluster_host(struct batond *b, const struct config_host *h,
			 uint16_t id)
{
	struct cluster_host *c = &b->cluster.host[id];

	if (c->state == HOST_ABSENT)
		c->state = HOST_UNKNOWN;
	if (h->detect == CONFIG_DETECT_NONE)
		c->state = HOST_UP; /* nobody watches it: it is as good as up */
	c->priority = h->priority;
	c->capacity = h->capacity;
	b->drains[id] = h->drain;
	c->maintenance = h->maintenance;
	c->draining = h->drain ||
		      b->prober.target[id].word == BATON_WORD_DRAINING;
	if (id > b->cluster.max_host)
		b->cluster.max_host = id;
}

/* What the host's applications say, by the bits that they have now. */
static void take_apps(struct batond *b, uint16_t id)
{
	const struct probe_app *app = b->prober.target[id].app;
	struct cluster_host *h = &b->cluster.host[id];

	h->failed = apps_in(&b->apps, app, BATON_APP_FAILED);
	h->partial = apps_in(&b->apps, app, BATON_APP_PARTIAL);
	h->alone = apps_in(&b->apps, app, BATON_APP_ALONE);
}

/* --- owners ------------------------------------------------------------------ */

/* The hosts that may play it. True if they were others before. */
static bool take_places(struct batond *b, const struct config_owner *o,
			struct cluster_owner *c)
{
	const struct cluster_owner was = *c;

	c->home = ids_find(&b->hosts, o->host);
	for (int i = 0; i < BATON_MAX_STANDBYS; i++)
		c->standbys[i] = o->standbys[i][0]
					 ? ids_find(&b->hosts, o->standbys[i])
					 : 0;
	return c->home != was.home ||
	       memcmp(c->standbys, was.standbys, sizeof(was.standbys));
}

/* With the lock held. */
static void cluster_owner(struct batond *b, const struct config *to,
			  const struct config_owner *o, uint16_t id,
			  const uint16_t moved[BATON_MAX_HOSTS])
{
	struct cluster_owner *c = &b->cluster.owner[id];
	bool others = take_places(b, o, c);

	b->news.owner[id].tag = baton_tag(o->name);
	c->needs = apps_needed(&b->apps, to, o->name);
	c->policy = o->policy;
	c->drain = o->drain;
	c->returns = o->failback;
	c->returns_after = o->failback_after_ms * 1000000ULL;
	if (!c->exists) {
		c->exists = true;
		c->host = c->home;
		c->epoch = ownership_first_epoch(&b->ownership, clock_of_day());
	} else if (moved[c->host]) {
		news_moved(&b->news, id, c->host, moved[c->host]);
		c->host = moved[c->host];
		c->epoch++;
	} else if (others && to->node_key_file) {
		/* what hosts have said names places as they were */
		news_moved(&b->news, id, c->host, c->host);
		c->epoch++;
	}
	if (others || b->ownership.grant[id].host != c->host ||
	    (uint32_t)b->ownership.grant[id].epoch != c->epoch) {
		ownership_owner(&b->ownership, &b->cluster, id, clock_ns());
		grants_keep(b, id);
	}
	if (id > b->cluster.max_owner)
		b->cluster.max_owner = id;
}

static void write_owner(struct batond *b, const struct config_owner *o,
			uint16_t id)
{
	const struct cluster_owner *c = &b->cluster.owner[id];
	struct baton_owner_info *info = &b->dp.owner_info[id];

	snprintf(info->name, sizeof(info->name), "%s", o->name);
	info->home = c->home;
	memcpy(info->standbys, c->standbys, sizeof(info->standbys));
}

void apply_owner_states(struct batond *b)
{
	for (uint16_t i = 1; i <= b->cluster.max_owner; i++) {
		union baton_owner w = owner_word(b, i);

		if (w.word != dataplane_owner(&b->dp, i).word)
			dataplane_set_owner(&b->dp, i, w);
	}
}

/* --- what is gone ------------------------------------------------------------ */

static void drop_owners(struct batond *b, const struct config *to)
{
	for (uint16_t i = 1; i <= b->owners.top; i++) {
		const char *name = ids_name(&b->owners, i);

		if (!name || config_owner(to, name))
			continue;
		/* Its connections find an owner anew with their next packet.
		 * Its word keeps the epoch, for a batond that starts again:
		 * hosts know it by the name, which another may get. */
		b->cluster.owner[i] = (struct cluster_owner){
			.epoch = b->cluster.owner[i].epoch,
		};
		ownership_gone(&b->ownership, b->cluster.owner[i].epoch);
		ownership_owner(&b->ownership, &b->cluster, i, clock_ns());
		grants_keep(b, i);
		memset(&b->news.owner[i], 0, sizeof(b->news.owner[i]));
		dataplane_set_owner(&b->dp, i, owner_word(b, i));
		memset(&b->dp.owner_info[i], 0, sizeof(b->dp.owner_info[i]));
	}
}

static void drop_hosts(struct batond *b, const struct config *to,
		       const uint16_t moved[BATON_MAX_HOSTS])
{
	static struct cluster_result r;
	uint64_t now = clock_ns();

	for (uint16_t i = 1; i <= b->hosts.top; i++) {
		const char *name = ids_name(&b->hosts, i);

		if (!moved[i] && (!name || config_host(to, name)))
			continue;
		cluster_host_removed(&b->cluster, i, now, &r);
		failover_carry_out(b, &r);
		prober_clear(&b->prober, i);
		prober_clear_bfd(&b->prober, i);
		memset(&b->dp.hosts[i], 0, sizeof(b->dp.hosts[i]));
		memset(&b->dp.host_info[i], 0, sizeof(b->dp.host_info[i]));
		memset(&b->path_to[i], 0, sizeof(b->path_to[i]));
	}
}

static void drop_names(struct batond *b)
{
	for (uint16_t i = 1; i <= b->owners.top; i++) {
		const char *name = ids_name(&b->owners, i);

		if (name && !config_owner(&b->config, name))
			ids_drop(&b->owners, i);
	}
	for (uint16_t i = 1; i <= b->hosts.top; i++) {
		const char *name = ids_name(&b->hosts, i);

		if (name && !config_host(&b->config, name))
			ids_drop(&b->hosts, i);
	}
}

/* --- all --------------------------------------------------------------------- */

static void write_settings(struct batond *b, const struct config *c)
{
	struct baton_settings *s = &b->dp.settings[0];
	uint32_t flags = c->fence ? BATON_SETTING_FENCE : 0;

	for (size_t i = 0; i < c->nr_services; i++) {
		if (!c->services[i].port &&
		    c->services[i].protocol != CONFIG_IPSEC)
			flags |= c->services[i].vip.family == 4
					 ? BATON_SETTING_WILDCARD4
					 : BATON_SETTING_WILDCARD6;
		if (*c->services[i].back_of)
			flags |= BATON_SETTING_BACK;
	}
	s->address4 = c->address4.word[0];
	memcpy(s->address6, c->address6.word, sizeof(s->address6));
	s->icmp_per_second = c->icmp_per_second;
	__atomic_store_n(&s->flags, flags, __ATOMIC_SEQ_CST);
	b->cluster.guards = (struct cluster_guards){
		.min_move_interval = c->min_move_interval_ms * 1000000ULL,
		.max_down_percent = c->max_down_percent,
		.down_window = 1000000000ULL,
		.dampening = {
			.half_life = c->dampening.half_life_ms * 1000000ULL,
			.step = c->dampening.penalty,
			.suppress = c->dampening.suppress,
			.reuse = c->dampening.reuse,
			.longest = c->dampening.max_ms * 1000000ULL,
		},
		.maintenance = c->maintenance,
		.dry_run = c->dry_run,
	};
}

int apply_config(struct batond *b, struct config *to, uint32_t *changes,
		 char why[APPLY_WHY])
{
	static uint16_t moved[BATON_MAX_HOSTS];
	static struct bfd_settings bfd[BATON_MAX_HOSTS];
	const struct config *keep;
	int err;

	memset(moved, 0, sizeof(moved));
	*changes = config_changes(&b->config, to);
	err = apply_bfd_settings(to, bfd, why) ?: take_ids(b, to, moved, why);
	if (err) {
		explicit_bzero(bfd, sizeof(bfd));
		return err;
	}

	/* New hosts before the owners that name them, owners before the
	 * services that lead to them; removal in the opposite order. */
	for (size_t i = 0; i < to->nr_hosts; i++)
		write_host(b, &to->hosts[i],
			   ids_find(&b->hosts, to->hosts[i].name));
	prober_lock(&b->prober);
	write_settings(b, to);
	apps_configure(&b->apps, to);
	for (size_t i = 0; i < to->nr_hosts; i++) {
		uint16_t id = ids_find(&b->hosts, to->hosts[i].name);

		for (uint16_t old = 1; old <= b->hosts.top; old++)
			if (moved[old] == id)
				b->cluster.host[id] = b->cluster.host[old];
		cluster_host(b, &to->hosts[i], id);
		watch_host(b, to, &to->hosts[i], id, &bfd[i]);
		take_apps(b, id);
	}
	for (size_t i = 0; i < to->nr_owners; i++) {
		uint16_t id = ids_find(&b->owners, to->owners[i].name);

		cluster_owner(b, to, &to->owners[i], id, moved);
		write_owner(b, &to->owners[i], id);
	}
	cluster_plan(&b->cluster);
	apply_owner_states(b);
	prober_unlock(&b->prober);
	explicit_bzero(bfd, sizeof(bfd));

	err = services_write(b, to, why);
	/* If they cannot be written, what is new goes again. */
	keep = err ? &b->config : to;

	prober_lock(&b->prober);
	drop_owners(b, keep);
	drop_hosts(b, keep, moved);
	cluster_plan(&b->cluster);
	apply_owner_states(b);
	failover_show_plan(b);
	prober_unlock(&b->prober);
	if (!err) {
		config_free(&b->config);
		b->config = *to;
		memset(to, 0, sizeof(*to));
	}
	/* People are told what moved while it still has a name. */
	failover_tell(b);
	drop_names(b);
	return err;
}

/* --- adoption ---------------------------------------------------------------- */

/*
 * A batond that was killed while it gave a host another record may have left
 * both. They are of one machine, so its owners stay with the first, and the
 * second gets a name that no configuration has, and goes with the next one.
 */
static uint16_t adopt_twin(struct batond *b, uint16_t id, const char *name)
{
	uint16_t first = ids_find(&b->hosts, name);
	char gone[BATON_NAME_LEN];

	if (!first)
		return 0;
	snprintf(gone, sizeof(gone), "?%u", id);
	ids_put(&b->hosts, id, gone);
	return first;
}

/* What was known of another epoch than the word's counts for nothing. */
static void disown_other(struct own_grant *g, union baton_owner w)
{
	if (g->host != w.host || (uint32_t)g->epoch != w.epoch)
		*g = (struct own_grant){ 0 };
}

/*
 * What a prober knows that was there before is left as it is, but for owners
 * that somebody else has moved, in the maps, meanwhile.
 */
void apply_adopt(struct batond *b)
{
	static uint16_t host_of[BATON_MAX_HOSTS]; /* by id in the maps */

	prober_lock(&b->prober);
	/* Records end in a NUL, whoever wrote them. */
	for (uint16_t i = 1; i < BATON_MAX_HOSTS; i++) {
		const struct baton_host_info *info = &b->dp.host_info[i];

		if (!info->name[0] ||
		    strnlen(info->name, BATON_NAME_LEN) == BATON_NAME_LEN)
			continue;
		host_of[i] = adopt_twin(b, i, info->name);
		if (!host_of[i]) {
			host_of[i] = i;
			ids_put(&b->hosts, i, info->name);
		}
		if (b->supervisor.kept)
			continue;
		b->cluster.host[i].state = HOST_UNKNOWN;
		b->cluster.max_host = i;
	}
	for (uint16_t i = 1; i < BATON_MAX_OWNERS; i++) {
		const struct baton_owner_info *info = &b->dp.owner_info[i];
		union baton_owner w = dataplane_owner(&b->dp, i);
		bool known = ids_name(&b->hosts, w.host);

		if (!info->name[0] ||
		    strnlen(info->name, BATON_NAME_LEN) == BATON_NAME_LEN) {
			if (!b->cluster.owner[i].exists)
				b->cluster.owner[i].epoch = w.epoch;
			ownership_gone(&b->ownership, w.epoch);
			continue;
		}
		ids_put(&b->owners, i, info->name);
		if (b->supervisor.kept && b->cluster.owner[i].exists) {
			b->cluster.owner[i].host = known ? host_of[w.host] : 0;
			b->cluster.owner[i].epoch = w.epoch;
			disown_other(&b->ownership.grant[i], w);
			continue;
		}
		b->cluster.owner[i] = (struct cluster_owner){
			.exists = true,
			.host = known ? host_of[w.host] : 0,
			.epoch = w.epoch,
			.home = info->home,
		};
		memcpy(b->cluster.owner[i].standbys, info->standbys,
		       sizeof(info->standbys));
		grants_adopt(b, i);
		b->cluster.max_owner = i;
	}
	prober_unlock(&b->prober);
	services_adopt(b);
}
