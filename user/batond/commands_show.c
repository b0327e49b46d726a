// SPDX-License-Identifier: GPL-2.0-only
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apply_services.h"
#include "bfd_show.h"
#include "commands_json.h"
#include "lib/ownership/own_place.h"
#include "replay_show.h"

static const char *const owner_states[] = {
#define X(name, label) label,
	BATON_OWNER_STATES(X)
#undef X
};

static const char *const policies[] = {
#define X(name, label) label,
	BATON_STANDBY_POLICIES(X)
#undef X
};

static const char *const failbacks[] = {
#define X(name, label) label,
	BATON_FAILBACKS(X)
#undef X
};

static const char *const hold_causes[] = {
#define X(name, text) text,
	HOLD_CAUSES(X)
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
	return json_pack("{s:s, s:i, s:s, s:s, s:o, s:s, s:b, s:s?, s:o, s:o}",
			 "name", s->name, "id", id, "vip",
			 addr_format(&s->vip, vip), "protocol",
			 s->protocol == IPPROTO_TCP   ? "tcp"
			 : s->protocol == IPPROTO_UDP ? "udp"
						      : "ipsec",
			 "port",
			 s->port		       ? json_integer(s->port)
			 : s->protocol == CONFIG_IPSEC ? json_null()
						       : json_string("any"),
			 "affinity", s->client_hash ? "client" : "connection",
			 "recorder", s->recorded, "back_of",
			 *s->back_of ? s->back_of : NULL, "owners", owners,
			 "traffic", traffic_json(b, b->dp.service_stats, id));
}

json_t *show_services(struct batond *b, const json_t *request,
		      char why[COMMAND_WHY])
{
	json_t *all = json_array();

	for (size_t i = 0; i < b->config.nr_services; i++)
		if (asked(request, b->config.services[i].name))
			json_array_append_new(
				all, service_json(b, &b->config.services[i]));
	return jsonserver_found(all, request, "service", why);
}

/* --- owners -------------------------------------------------------------------- */

static json_t *owner_json(const struct batond *b, const struct config_owner *o)
{
	uint16_t id = ids_find(&b->owners, o->name);
	struct cluster_owner c;
	union baton_owner w;
	json_t *standbys = json_array(), *complete = json_array();

	prober_lock((struct prober *)&b->prober);
	c = b->cluster.owner[id];
	w = dataplane_owner(&b->dp, id);
	prober_unlock((struct prober *)&b->prober);
	for (int i = 0; i < BATON_MAX_STANDBYS && o->standbys[i][0]; i++)
		json_array_append_new(standbys, json_string(o->standbys[i]));
	for (int i = 0; i < BATON_OWNERSHIP_PLACES; i++)
		if (c.complete & own_place_bit(i))
			json_array_append_new(complete,
					      json_string(i ? o->standbys[i - 1]
							    : o->host));
	return json_pack(
		"{s:s, s:i, s:o, s:s, s:s, s:I, s:s, s:o, s:o, s:s, s:i, s:b, "
		"s:I, s:o, s:o, s:o}",
		"name", o->name, "id", id, "host",
		string_or_null(ids_name(&b->hosts, w.host)), "home", o->host,
		"state", owner_states[w.state % BATON_NR_OWNER_STATES], "epoch",
		(json_int_t)w.epoch, "policy", policies[o->policy], "standbys",
		standbys, "next", string_or_null(ids_name(&b->hosts, c.next)),
		"failback", failbacks[config_failback(o)], "failback_after_ms",
		o->failback ? (int)o->failback_after_ms : 0, "drain", o->drain,
		"flows", (json_int_t)b->sweep.census.by_owner[id], "moved_ms",
		c.moved ? json_real((clock_ns() - c.moved) / 1e6) : json_null(),
		"held_by", string_or_null(hold_causes[c.held]), "complete",
		complete);
}

json_t *show_owners(struct batond *b, const json_t *request,
		    char why[COMMAND_WHY])
{
	json_t *all = json_array();

	for (size_t i = 0; i < b->config.nr_owners; i++)
		if (asked(request, b->config.owners[i].name))
			json_array_append_new(
				all, owner_json(b, &b->config.owners[i]));
	return jsonserver_found(all, request, "owner", why);
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

json_t *show_maintenance(struct batond *b, const json_t *request,
			 char why[COMMAND_WHY])
{
	json_t *hosts = json_array();

	(void)request;
	(void)why;
	for (size_t i = 0; i < b->config.nr_hosts; i++)
		if (b->config.hosts[i].maintenance)
			json_array_append_new(
				hosts, json_string(b->config.hosts[i].name));
	return json_pack("{s:b, s:b, s:o}", "maintenance",
			 b->config.maintenance, "dry_run", b->config.dry_run,
			 "hosts", hosts);
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
			 "s:b, s:b, s:b, s:{s:o, s:b, s:b}, s:o, s:o}",
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
			 "maintenance", b->config.maintenance, "dry_run",
			 b->config.dry_run, "prober", "pid",
			 b->supervisor.pid ? json_integer(b->supervisor.pid)
					   : json_null(),
			 "adopted", b->supervisor.adopted, "stand_in",
			 b->supervisor.standing_in, "bfd",
			 bfd_status_json(&b->prober.bfd), "recorder",
			 recorder_json(&b->replay.recorder));
}
