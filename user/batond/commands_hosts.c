// SPDX-License-Identifier: GPL-2.0-only
/* Everything about hosts. */
#include "bfd_show.h"
#include "commands_json.h"

static const char *const forwards[] = {
#define X(name, label) label,
	BATON_FORWARDS(X)
#undef X
};

static const char *const host_states[] = {
#define X(name, label) label,
	BATON_HOST_STATES(X)
#undef X
};

static const char *const detects[] = {
#define X(name, label) label,
	CONFIG_DETECTS(X)
#undef X
};

static const char *const words[] = {
#define X(name, label) label,
	BATON_HOST_WORDS(X)
#undef X
};

static const char *const why_nots[] = {
#define X(name, text) text,
	WHY_NOTS(X)
#undef X
};

static json_t *rtt_json(const struct detect *d)
{
	if (!d->answers)
		return json_null();
	return json_pack("{s:f, s:f, s:f, s:f}", "last", d->rtt_last / 1e3,
			 "min", d->rtt_min / 1e3, "max", d->rtt_max / 1e3,
			 "smooth", d->rtt_smooth / 1e3);
}

static json_t *owners_of(const struct batond *b, const struct cluster *c,
			 uint16_t host, uint64_t *flows)
{
	json_t *names = json_array();

	*flows = 0;
	for (uint16_t i = 1; i <= c->max_owner; i++) {
		if (!c->owner[i].exists || c->owner[i].host != host)
			continue;
		json_array_append_new(names, json_string(owner_name(b, i)));
		*flows += b->sweep.census.by_owner[i];
	}
	return names;
}

/* Silence after which it is dead */
static json_t *detect_ms(const struct batond *b, const struct config_host *h,
			 uint16_t id)
{
	const struct detect_profile *p = config_profile(&b->config, h);

	switch (h->detect) {
	case CONFIG_DETECT_PROBE:
		return json_real(p->interval * p->multiplier / 1e6);
	case CONFIG_DETECT_BFD:
		return json_real(
			bfd_detect_time(&b->prober.bfd.host[id].session) / 1e6);
	default:
		return json_null();
	}
}

static json_t *dampening_json(const struct batond *b,
			      const struct cluster_host *c)
{
	const struct dampening_rule *rule = &b->cluster.guards.dampening;
	uint64_t now = clock_ns();
	uint64_t until = dampening_until(&c->dampening, rule);

	if (!rule->half_life)
		return json_null();
	return json_pack("{s:i, s:b, s:o}", "penalty",
			 (int)dampening_penalty(&c->dampening, rule, now),
			 "suppressed", c->dampening.suppressed != 0, "reuse_ms",
			 until ? json_real(until > now ? (until - now) / 1e6
						       : 0)
			       : json_null());
}

static const char *const app_states[] = {
#define X(name, label) label,
	BATON_APP_STATES(X)
#undef X
};

/* Those that the host tells of, also if no service names them. */
static json_t *apps_json(const struct batond *b, const struct prober_target *t)
{
	json_t *all = json_array();

	for (int i = 0; i < BATON_PROBE_APPS; i++) {
		const struct probe_app *a = &t->app[i];
		uint64_t bit = apps_tagged(&b->apps, a->tag);

		if (!a->tag)
			continue;
		json_array_append_new(
			all,
			json_pack(
				"{s:o, s:I, s:s, s:i}", "name",
				bit ? json_string(
					      b->apps.name[__builtin_ctzll(bit)])
				    : json_null(),
				"tag", (json_int_t)a->tag, "state",
				app_states[a->state], "age_ms", (int)a->age));
	}
	return all;
}

/* Those that owners need and that have failed there, by name. */
static json_t *failed_json(const struct batond *b, const struct cluster_host *c)
{
	json_t *all = json_array();

	for (int i = 0; i < APPS_MAX; i++)
		if (c->failed >> i & 1)
			json_array_append_new(all,
					      json_string(b->apps.name[i]));
	return all;
}

static json_t *detect_json(const struct prober_target *t)
{
	const struct detect *d = &t->detect;

	return json_pack(
		"{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:o}",
		"probes", (json_int_t)d->probes, "unanswered",
		(json_int_t)d->unanswered, "answers", (json_int_t)d->answers,
		"lost", (json_int_t)detect_lost(d), "late", (json_int_t)d->late,
		"bogus", (json_int_t)d->bogus, "forged", (json_int_t)t->forged,
		"unsent", (json_int_t)t->unsent, "bursts",
		(json_int_t)d->bursts, "lease_us", (int)t->lease,
		"last_answer_ms",
		d->answers ? json_real((clock_ns() - d->last_answer) / 1e6)
			   : json_null());
}

/* With the lock held, for what the prober writes. */
static json_t *host_json(const struct batond *b, const struct config_host *h)
{
	uint16_t id = ids_find(&b->hosts, h->name);
	const struct prober_target *t = &b->prober.target[id];
	const struct cluster_host *c = &b->cluster.host[id];
	const struct baton_host *r = &b->dp.hosts[id];
	char address[ADDR_TEXT], mac[MAC_TEXT];
	uint64_t flows;
	json_t *owners = owners_of(b, &b->cluster, id, &flows);
	json_t *j = json_pack(
		"{s:s, s:i, s:s, s:s, s:s, s:b, s:b, s:o, s:o, s:o, s:o, s:o, "
		"s:o, s:o, s:i}",
		"name", h->name, "id", id, "address",
		addr_format(&h->address, address), "forward",
		forwards[h->forward], "state", host_states[c->state],
		"draining", c->draining, "maintenance", c->maintenance,
		"dampening", dampening_json(b, c), "barred",
		string_or_null(why_nots[cluster_barred(&b->cluster, id)]),
		"failed", failed_json(b, c), "word",
		t->active && t->detect.answers ? json_string(words[t->word])
					       : json_null(),
		"interface", string_or_null(b->path_to[id].interface), "mac",
		mac_is_zero(r->hop.mac)
			? json_null()
			: json_string(mac_format(r->hop.mac, mac)),
		"mtu", r->mtu ? json_integer(r->mtu) : json_null(), "vlan",
		h->vlan);

	json_object_update_new(
		j, json_pack("{s:i, s:i, s:s, s:s, s:o, s:o, s:o, s:I, s:o, "
			     "s:o}",
			     "priority", (int)h->priority, "capacity",
			     (int)h->capacity, "profile",
			     h->profile[0] ? h->profile : b->config.profile,
			     "detect", detects[h->detect], "detect_ms",
			     detect_ms(b, h, id), "bfd",
			     bfd_json(&b->prober.bfd.host[id], clock_ns()),
			     "owners", owners, "flows", (json_int_t)flows,
			     "rtt_us",
			     t->active ? rtt_json(&t->detect) : json_null(),
			     "traffic", traffic_json(b, b->dp.host_stats, id)));
	if (t->active) {
		json_object_set_new(j, "applications", apps_json(b, t));
		json_object_update_new(j, detect_json(t));
	}
	json_object_set_new(j, "announced", speak_announced(b, id));
	return j;
}

json_t *show_hosts(struct batond *b, const json_t *request,
		   char why[COMMAND_WHY])
{
	json_t *all = json_array();

	for (size_t i = 0; i < b->config.nr_hosts; i++) {
		json_t *one;

		if (!asked(request, b->config.hosts[i].name))
			continue;
		/* Held for one host at a time: probing must not wait. */
		prober_lock(&b->prober);
		one = host_json(b, &b->config.hosts[i]);
		prober_unlock(&b->prober);
		json_array_append_new(all, one);
	}
	return jsonserver_found(all, request, "host", why);
}
