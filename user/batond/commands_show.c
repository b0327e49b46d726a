// SPDX-License-Identifier: GPL-2.0-only
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apply_services.h"
#include "bfd_show.h"
#include "commands.h"

static const char *const forwards[] = {
#define X(name, label) label,
	BATON_FORWARDS(X)
#undef X
};

static const char *const host_states[] = {
#define X(name, label) label,
	HOST_STATES(X)
#undef X
};

static const char *const owner_states[] = {
#define X(name, label) label,
	BATON_OWNER_STATES(X)
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

static const char *const policies[] = {
#define X(name, label) label,
	STANDBY_POLICIES(X)
#undef X
};

static const char *const flow_states[] = {
#define X(name, label, text) label,
	BATON_FLOW_STATES(X)
#undef X
};

static const char *const modes[] = {
	[XDP_AUTO] = "none", [XDP_NATIVE] = "native", [XDP_GENERIC] = "generic"
};

static json_t *string_or_null(const char *s)
{
	return s && *s ? json_string(s) : json_null();
}

static json_t *counter_json(const struct baton_counter *c)
{
	return json_pack("{s:I, s:I}", "packets", (json_int_t)c->packets,
			 "bytes", (json_int_t)c->bytes);
}

static json_t *traffic_json(const struct batond *b, int map, uint16_t id)
{
	struct baton_traffic t = dataplane_traffic(&b->dp, map, id);

	return json_pack("{s:o, s:o}", "in", counter_json(&t.in), "out",
			 counter_json(&t.out));
}

/* The objects that a request asks for: the one it names, or all. */
static bool asked(const json_t *request, const char *name)
{
	const char *one = json_string_value(json_object_get(request, "name"));

	return !one || !strcmp(one, name);
}

static json_t *found(json_t *array, const json_t *request, const char *kind,
		     char why[COMMAND_WHY])
{
	const char *one = json_string_value(json_object_get(request, "name"));

	if (!one || json_array_size(array))
		return array;
	snprintf(why, COMMAND_WHY, "no %s %.64s (see: baton %s show)", kind,
		 one, kind);
	json_decref(array);
	return NULL;
}

/* --- services ------------------------------------------------------------------ */

static json_t *service_json(const struct batond *b,
			    const struct config_service *s)
{
	uint16_t id = ids_find(&b->services, s->name);
	json_t *owners = json_array();
	char vip[ADDR_TEXT];

	for (size_t i = 0; i < s->nr_owners; i++) {
		uint16_t owner = ids_find(&b->owners, s->owners[i].name);

		json_array_append_new(
			owners,
			json_pack("{s:s, s:i, s:f}", "name", s->owners[i].name,
				  "weight", (int)s->owners[i].weight, "share",
				  services_share(b, id, owner)));
	}
	return json_pack("{s:s, s:i, s:s, s:s, s:o, s:s, s:o, s:o}", "name",
			 s->name, "id", id, "vip", addr_format(&s->vip, vip),
			 "protocol",
			 s->protocol == IPPROTO_TCP   ? "tcp"
			 : s->protocol == IPPROTO_UDP ? "udp"
						      : "ipsec",
			 "port",
			 s->port		       ? json_integer(s->port)
			 : s->protocol == CONFIG_IPSEC ? json_null()
						       : json_string("any"),
			 "affinity", s->client_hash ? "client" : "connection",
			 "owners", owners, "traffic",
			 traffic_json(b, b->dp.service_stats, id));
}

json_t *show_services(struct batond *b, const json_t *request,
		      char why[COMMAND_WHY])
{
	json_t *all = json_array();

	for (size_t i = 0; i < b->config.nr_services; i++)
		if (asked(request, b->config.services[i].name))
			json_array_append_new(
				all, service_json(b, &b->config.services[i]));
	return found(all, request, "service", why);
}

/* --- hosts --------------------------------------------------------------------- */

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
		"s:i}",
		"name", h->name, "id", id, "address",
		addr_format(&h->address, address), "forward",
		forwards[h->forward], "state", host_states[c->state],
		"draining", c->draining, "maintenance", c->maintenance,
		"dampening", dampening_json(b, c), "word",
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
	if (t->active)
		json_object_set_new(j, "applications", apps_json(b, t));
	if (t->active)
		json_object_update_new(
			j,
			json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o}",
				  "probes", (json_int_t)t->detect.probes,
				  "answers", (json_int_t)t->detect.answers,
				  "late", (json_int_t)t->detect.late, "bogus",
				  (json_int_t)t->detect.bogus, "forged",
				  (json_int_t)t->forged, "unsent",
				  (json_int_t)t->unsent, "last_answer_ms",
				  t->detect.answers
					  ? json_real((clock_ns() -
						       t->detect.last_answer) /
						      1e6)
					  : json_null()));
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
	return found(all, request, "host", why);
}

/* --- owners -------------------------------------------------------------------- */

static json_t *owner_json(const struct batond *b, const struct config_owner *o)
{
	uint16_t id = ids_find(&b->owners, o->name);
	struct cluster_owner c;
	union baton_owner w;
	json_t *standbys = json_array();

	prober_lock((struct prober *)&b->prober);
	c = b->cluster.owner[id];
	w = dataplane_owner(&b->dp, id);
	prober_unlock((struct prober *)&b->prober);
	for (int i = 0; i < BATON_MAX_STANDBYS && o->standbys[i][0]; i++)
		json_array_append_new(standbys, json_string(o->standbys[i]));
	return json_pack(
		"{s:s, s:i, s:o, s:s, s:s, s:I, s:s, s:o, s:o, s:b, s:I, s:o}",
		"name", o->name, "id", id, "host",
		string_or_null(ids_name(&b->hosts, w.host)), "home", o->host,
		"state", owner_states[w.state % BATON_NR_OWNER_STATES], "epoch",
		(json_int_t)w.epoch, "policy", policies[o->policy], "standbys",
		standbys, "next", string_or_null(ids_name(&b->hosts, c.next)),
		"drain", o->drain, "flows",
		(json_int_t)b->sweep.census.by_owner[id], "moved_ms",
		c.moved ? json_real((clock_ns() - c.moved) / 1e6)
			: json_null());
}

json_t *show_owners(struct batond *b, const json_t *request,
		    char why[COMMAND_WHY])
{
	json_t *all = json_array();

	for (size_t i = 0; i < b->config.nr_owners; i++)
		if (asked(request, b->config.owners[i].name))
			json_array_append_new(
				all, owner_json(b, &b->config.owners[i]));
	return found(all, request, "owner", why);
}

/* --- statistics ---------------------------------------------------------------- */

static const struct {
	const char *label, *verdict, *text;
} reasons[] = {
#define X(name, verdict, label, text) { label, #verdict, text },
	BATON_REASONS(X)
#undef X
};

static json_t *reason_json(const struct batond *b, enum baton_reason reason)
{
	struct baton_counter c = dataplane_counter(&b->dp, reason);
	char verdict[16];
	size_t i;

	for (i = 0; reasons[reason].verdict[i]; i++)
		verdict[i] = reasons[reason].verdict[i] | 0x20; /* lower */
	verdict[i] = '\0';
	return json_pack("{s:s, s:s, s:s, s:I, s:I}", "reason",
			 reasons[reason].label, "verdict", verdict, "text",
			 reasons[reason].text, "packets", (json_int_t)c.packets,
			 "bytes", (json_int_t)c.bytes);
}

static json_t *family_json(const struct census *c, int family)
{
	json_t *states = json_object();

	for (int i = 0; i < BATON_NR_FLOW_STATES; i++)
		json_object_set_new(states, flow_states[i],
				    json_integer(c->by_state[family][i]));
	return json_pack("{s:I, s:I, s:I, s:o}", "slots",
			 (json_int_t)c->slots[family], "used",
			 (json_int_t)c->used[family], "confirmed",
			 (json_int_t)c->confirmed[family], "by_state", states);
}

json_t *show_stats(struct batond *b, const json_t *request,
		   char why[COMMAND_WHY])
{
	json_t *all = json_array(), *services = json_array(),
	       *hosts = json_array();
	const struct census *c = &b->sweep.census;

	(void)request;
	(void)why;
	for (int i = 0; i < BATON_NR_REASONS; i++)
		json_array_append_new(all, reason_json(b, i));
	for (size_t i = 0; i < b->config.nr_services; i++) {
		const char *name = b->config.services[i].name;

		json_array_append_new(
			services,
			json_pack("{s:s, s:o}", "name", name, "traffic",
				  traffic_json(b, b->dp.service_stats,
					       ids_find(&b->services, name))));
	}
	for (size_t i = 0; i < b->config.nr_hosts; i++) {
		const char *name = b->config.hosts[i].name;

		json_array_append_new(
			hosts,
			json_pack("{s:s, s:o}", "name", name, "traffic",
				  traffic_json(b, b->dp.host_stats,
					       ids_find(&b->hosts, name))));
	}
	return json_pack("{s:o, s:o, s:o, s:{s:o, s:o, s:o, s:I}}", "reasons",
			 all, "services", services, "hosts", hosts, "table",
			 "flows4", family_json(c, FLOWMAP_4), "flows6",
			 family_json(c, FLOWMAP_6), "swept_ms",
			 c->ended ? json_real((clock_ns() - c->ended) / 1e6)
				  : json_null(),
			 "expired", (json_int_t)b->sweep.expired);
}

/* --- the rest ------------------------------------------------------------------ */

json_t *show_events(struct batond *b, const json_t *request,
		    char why[COMMAND_WHY])
{
	const json_t *last = json_object_get(request, "last");
	const json_t *after = json_object_get(request, "after");

	if ((last &&
	     (!json_is_integer(last) || json_integer_value(last) < 0)) ||
	    (after &&
	     (!json_is_integer(after) || json_integer_value(after) < 0))) {
		snprintf(why, COMMAND_WHY,
			 "fields \"last\" and \"after\": expected numbers");
		return NULL;
	}
	return events_show(&b->events, last ? json_integer_value(last) : 50,
			   json_integer_value(after));
}

json_t *show_config(struct batond *b, const json_t *request,
		    char why[COMMAND_WHY])
{
	char *text = NULL;
	json_t *answer = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	(void)request;
	if (f && !config_write(&b->config, f) && !fclose(f))
		answer = json_pack("{s:s}", "text", text);
	else
		snprintf(why, COMMAND_WHY, "out of memory");
	free(text);
	return answer;
}

static json_t *port_json(const struct port *p)
{
	json_t *notes = json_array();

	for (size_t i = 0; i < p->nr_notes; i++)
		json_array_append_new(notes, json_string(p->notes[i]));
	return json_pack("{s:s, s:i, s:s, s:b, s:s, s:o}", "interface",
			 p->interface, "index", (int)p->ifindex, "mode",
			 modes[p->xdp.mode], "dispatcher", p->xdp.dispatcher,
			 "link", p->link_up ? "up" : "down", "notes", notes);
}

json_t *show_status(struct batond *b, const json_t *request,
		    char why[COMMAND_WHY])
{
	int hosts[NR_HOST_STATES] = { 0 },
	    owners[BATON_NR_OWNER_STATES] = { 0 };
	const struct census *c = &b->sweep.census;
	json_t *ports = json_array();

	(void)request;
	(void)why;
	for (size_t i = 0; i < b->nr_ports; i++)
		json_array_append_new(ports, port_json(&b->ports[i]));
	prober_lock(&b->prober);
	for (uint16_t i = 1; i <= b->cluster.max_host; i++)
		hosts[b->cluster.host[i].state]++;
	for (uint16_t i = 1; i <= b->cluster.max_owner; i++)
		owners[dataplane_owner(&b->dp, i).state %
		       BATON_NR_OWNER_STATES]++;
	prober_unlock(&b->prober);
	return json_pack("{s:s, s:i, s:i, s:f, s:s, s:o, s:{s:i, s:i, s:i}, "
			 "s:{s:i, s:i, s:i}, s:i, s:{s:I, s:I}, s:b, s:s, s:b, "
			 "s:b, s:{s:o, s:b, s:b}, s:o}",
			 "version", BATON_VERSION, "abi", BATON_ABI, "pid",
			 (int)getpid(), "uptime_s",
			 (clock_ns() - b->started) / 1e9, "config", b->path,
			 "ports", ports, "hosts", "up", hosts[HOST_UP], "down",
			 hosts[HOST_DOWN], "unknown", hosts[HOST_UNKNOWN],
			 "owners", "active", owners[BATON_OWNER_ACTIVE],
			 "draining", owners[BATON_OWNER_DRAINING], "orphan",
			 owners[BATON_OWNER_ORPHAN], "services",
			 (int)b->config.nr_services, "flows", "flows4",
			 (json_int_t)c->used[FLOWMAP_4], "flows6",
			 (json_int_t)c->used[FLOWMAP_6], "fence",
			 b->config.fence, "bpffs", b->dp.dir, "adopted",
			 b->dp.adopted, "realtime", b->prober.realtime,
			 "prober", "pid",
			 b->supervisor.pid ? json_integer(b->supervisor.pid)
					   : json_null(),
			 "adopted", b->supervisor.adopted, "stand_in",
			 b->supervisor.standing_in, "bfd",
			 bfd_status_json(&b->prober.bfd));
}
