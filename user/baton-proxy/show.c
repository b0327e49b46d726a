// SPDX-License-Identifier: GPL-2.0-only
#include <unistd.h>

#include "control.h"
#include "lib/clock.h"
#include "lib/jsontext.h"

static const char *const policies[] = {
#define X(name, label) [POLICY_##name] = label,
	POLICIES(X)
#undef X
};

static json_t *address(const struct addr *a)
{
	char text[ADDR_TEXT];

	return json_string(addr_format(a, text));
}

/* --- connections -------------------------------------------------------------- */

static struct addr remote_of(const struct tuple *t)
{
	struct addr a = { .family = t->family };

	for (int i = 0; i < 4; i++)
		a.word[i] = t->remote[i];
	return a;
}

/* At a standby: all that it has been told goes on, once it was told all. */
static enum exposure exposure(const struct service *s, const struct conn *c,
			      uint64_t *bytes)
{
	const struct protection with = service_protection(s);

	if (s->role == BATON_LINK_ROLE_OWNER)
		return conn_exposure(c, &with, bytes);
	*bytes = s->complete ? 0 : UINT64_MAX;
	return s->complete ? EXPOSURE_NONE : EXPOSURE_SYNCING;
}

static json_t *connection(const struct service *s, const struct conn *c,
			  uint64_t now)
{
	const struct track *client = &c->side[CLIENT].track;
	const struct track *server = &c->side[SERVER].track;
	struct addr from = remote_of(&c->side[CLIENT].tuple);
	uint64_t lost;
	enum exposure why = exposure(s, c, &lost);

	return json_pack(
		"{s:s, s:s, s:o, s:i, s:s, s:I, s:I, s:I, s:I, s:I, s:I, "
		"s:s, s:o, s:o}",
		"service", s->config->name, "role",
		s->role == BATON_LINK_ROLE_OWNER ? "owner" : "standby",
		"client", address(&from), "port",
		(int)c->side[CLIENT].tuple.remote_port, "state",
		conn_state_name(conn_state(c)), "in_bytes",
		(json_int_t)(client->received - client->prefix), "out_bytes",
		(json_int_t)server->received, "kept_bytes",
		(json_int_t)(client->kept + server->kept), "behind_bytes",
		(json_int_t)conn_behind(c, s->proxy->acked), "memory_bytes",
		(json_int_t)replica_memory(c), "idle_ms",
		(json_int_t)((now - c->touched) / 1000000), "lost_now",
		!lost		     ? "nothing"
		: lost == UINT64_MAX ? "all"
				     : "some",
		"lost_bytes",
		lost == UINT64_MAX ? json_null() : json_integer(lost),
		"because",
		why == EXPOSURE_NONE ? json_null()
				     : json_string(exposure_text(why)));
}

json_t *show_connections(const struct proxy *p, const struct service *only)
{
	json_t *list = json_array();
	uint64_t now = clock_ns();

	for (size_t i = 0; i < p->config->nr_services; i++) {
		const struct service *s = &p->service[i];

		if (only && only != s)
			continue;
		for (struct conn *c = p->replica.conns[i]; c; c = c->next)
			json_array_append_new(list, connection(s, c, now));
	}
	return list;
}

/* --- the proxy ------------------------------------------------------------------ */

static json_t *service(const struct service *s)
{
	const struct config_service *c = s->config;
	const struct protection with = service_protection(s);
	bool owner = s->role == BATON_LINK_ROLE_OWNER;
	bool protects = c->policy != POLICY_NONE;

	return json_pack("{s:s, s:o, s:i, s:s, s:o, s:s, s:I, s:b, s:I, s:I, "
			 "s:I}",
			 "name", c->name, "vip", address(&c->vip), "port",
			 (int)c->port, "policy", policies[c->policy], "owner",
			 protects ? jsontext(c->owner) : json_null(), "role",
			 !protects ? "alone"
			 : owner   ? "owner"
				   : "standby",
			 "epoch", (json_int_t)s->epoch, "complete",
			 protects && (owner ? with.complete : s->complete),
			 "connections",
			 (json_int_t)s->proxy->replica.nr[s->index], "limit",
			 (json_int_t)c->connections, "taking_over",
			 (json_int_t)s->taking);
}

static json_t *services(const struct proxy *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->config->nr_services; i++)
		json_array_append_new(list, service(&p->service[i]));
	return list;
}

static json_t *peer(const struct proxy *p, const struct link_peer *peer)
{
	bool stores = peer == p->guardian;
	struct link_peer_status s;
	/* what answers its questions is confirmed, too, and not counted as sent */
	uint64_t behind = stores && p->acked < p->sent ? p->sent - p->acked : 0;

	link_peer_status(peer, &s);
	return json_pack(
		"{s:o, s:s, s:b, s:I, s:I, s:o}", "name",
		jsontext(link_peer_name(peer)), "link", s.up ? "up" : "down",
		"stores", stores, "behind", (json_int_t)behind, "queued_bytes",
		(json_int_t)s.queued, "rtt_us",
		s.round_trip ? json_integer(s.round_trip) : json_null());
}

static json_t *peers(const struct proxy *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->config->nr_peers; i++)
		json_array_append_new(list, peer(p, p->peer[i]));
	return list;
}

static json_t *counters(const struct proxy *p)
{
	json_t *object = json_object();

#define X(name, text)                                                          \
	json_object_set_new(object, #name, json_integer(p->count.name));
	PROXY_COUNTERS(X)
#undef X
	return object;
}

json_t *show_proxy(const struct proxy *p)
{
	return json_pack(
		"{s:s, s:s, s:i, s:I, s:o, s:o, s:I, s:o, "
		"s:{s:{s:I}, s:{s:I, s:I}}, s:o}",
		"node", p->config->node, "version", BATON_VERSION, "pid",
		(int)getpid(), "uptime_s",
		(json_int_t)((clock_ns() - p->started) / 1000000000),
		"services", services(p), "peers", peers(p), "relays",
		(json_int_t)p->relays.nr, "ownership", claims_show(p), "queues",
		"in", "overflows", (json_int_t)p->in.lost, "out", "waiting",
		(json_int_t)p->out.waiting.nr + p->out.waiting.nr_aside,
		"overflows", (json_int_t)p->out.lost, "counters", counters(p));
}
