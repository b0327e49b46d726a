// SPDX-License-Identifier: GPL-2.0-only
#include "config.h"

#include <errno.h>
#include <string.h>

#include "baton/heartbeat.h"
#include "baton/probe.h"
#include "lib/yaml.h"
#include "lib/yaml_checks.h"

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

static bool is_protected(const void *object)
{
	const struct config_service *s = object;

	return s->policy != POLICY_NONE;
}

static bool has_server(const void *object)
{
	const struct config_service *s = object;

	return !s->application;
}

static bool needs_source(const void *object)
{
	const struct config_service *s = object;

	return is_protected(s) && has_server(s) && !s->transparent;
}

static bool has_peers(const void *object)
{
	const struct config *c = object;

	return c->nr_peers;
}

/* clang-format off */
static const struct yaml_word policy_words[] = {
#define X(name, label) { label, POLICY_##name },
	POLICIES(X)
#undef X
	{ 0 },
};

static const struct yaml_word header_words[] = {
#define X(name, label) { label, PROXY_HEADER_##name },
	PROXY_HEADERS(X)
#undef X
	{ 0 },
};

static const struct yaml_word on_loss_words[] = {
#define X(name, label) { label, ON_LOSS_##name },
	ON_LOSSES(X)
#undef X
	{ 0 },
};

#define SERVICE(member_, key_, type_, ...) \
	YAML_FIELD(struct config_service, member_, key_, type_, __VA_ARGS__)
static const struct yaml_field service_fields[] = {
	SERVICE(name, "name", NAME, .required = true),
	SERVICE(vip, "vip", ADDRESS, .required = true, .check = yaml_check_unicast),
	SERVICE(port, "port", INT, .required = true, .min = 1, .max = 65535),
	SERVICE(application, "application", STRING, .check = yaml_check_path),
	SERVICE(user, "user", STRING),
	SERVICE(server, "server", ADDRESS, .needed = has_server,
		.check = yaml_check_unicast),
	SERVICE(server_port, "server_port", INT, .needed = has_server,
		.min = 1, .max = 65535),
	SERVICE(policy, "policy", ENUM, .unset = "stored",
		.words = policy_words),
	SERVICE(owner, "owner", NAME, .needed = is_protected),
	SERVICE(source, "source", ADDRESS, .needed = needs_source,
		.check = yaml_check_unicast),
	SERVICE(transparent, "transparent", BOOL),
	SERVICE(on_loss, "on_standby_loss", ENUM, .unset = "go-on",
		.words = on_loss_words),
	SERVICE(header, "proxy_protocol", ENUM, .unset = "off",
		.words = header_words),
	SERVICE(connections, "connections", INT, .unset = "10000", .min = 1,
		.max = 1000000),
	{ 0 },
};

static const struct yaml_schema service_schema = {
	.what = "service", .size = sizeof(struct config_service),
	.fields = service_fields,
	.line = offsetof(struct config_service, line),
};

#define PEER(member_, key_, type_, ...) \
	YAML_FIELD(struct config_peer, member_, key_, type_, __VA_ARGS__)
static const struct yaml_field peer_fields[] = {
	PEER(name, "name", NAME, .required = true),
	PEER(key, "key", STRING, .required = true),
	PEER(address, "address", ADDRESS, .required = true,
	     .check = yaml_check_unicast),
	PEER(port, "port", INT, .unset = "7792", .min = 1, .max = 65535),
	{ 0 },
};

static const struct yaml_schema peer_schema = {
	.what = "peer", .size = sizeof(struct config_peer),
	.fields = peer_fields,
	.line = offsetof(struct config_peer, line),
};

#define PROXY(member_, key_, type_, ...) \
	YAML_FIELD(struct config, member_, key_, type_, __VA_ARGS__)
static const struct yaml_field proxy_fields[] = {
	PROXY(node, "node", NAME, .required = true),
	PROXY(key, "key", STRING, .needed = has_peers, .check = yaml_check_path),
	PROXY(agent, "agent", STRING, .unset = "/sys/fs/bpf/baton-host",
	      .check = yaml_check_path),
	PROXY(application, "application", STRING),
	PROXY(heartbeats, "heartbeats", STRING,
	      .unset = BATON_HEARTBEAT_SOCKET, .check = yaml_check_path),
	PROXY(ownership, "ownership", STRING, .check = yaml_check_path),
	PROXY(control, "control", STRING, .unset = "/run/baton/proxy.sock",
	      .check = yaml_check_path),
	PROXY(address, "address", ADDRESS, .needed = has_peers),
	PROXY(port, "link_port", INT, .unset = "7792", .min = 1, .max = 65535),
	PROXY(silent, "link_timeout", DURATION, .unset = "2s", .unit = YAML_MS,
	      .min = 50, .max = 60 * 1000),
	PROXY(queue, "queue", INT, .unset = "7792", .min = 1, .max = 65534),
	PROXY(takeover_timeout, "takeover_timeout", DURATION, .unset = "60s",
	      .unit = YAML_MS, .min = 100, .max = 3600000),
	PROXY(buffer, "buffer", INT, .unset = "2097152", .min = 16384,
	      .max = 16777216),
	PROXY(memory, "memory", INT, .unset = "1024", .min = 1,
	      .max = 1048576),
	YAML_LIST(struct config, peers, nr_peers, "peers", &peer_schema,
		  .max = CONFIG_PEERS),
	YAML_LIST(struct config, services, nr_services, "services",
		  &service_schema, .required = true, .max = REPLICA_SERVICES),
	{ 0 },
};
/* clang-format on */

static const struct yaml_schema proxy_schema = {
	.what = "configuration",
	.size = sizeof(struct config),
	.fields = proxy_fields,
	.line = offsetof(struct config, line),
};

static void check_peers(struct config *c, const char *file,
			struct config_errors *e)
{
	for (size_t i = 0; i < c->nr_peers; i++) {
		struct config_peer *p = &c->peers[i];

		if (link_public_parse(&p->public, p->key))
			config_error(e, file, p->line,
				     "peer %s: key: expected the line that "
				     "`baton key show` prints on that machine",
				     p->name);
		if (!strcmp(p->name, c->node))
			config_error(e, file, p->line,
				     "peer %s: is this node itself", p->name);
		for (size_t j = 0; j < i; j++)
			if (!strcmp(c->peers[j].name, p->name))
				config_error(e, file, p->line,
					     "peer %s: is there twice",
					     p->name);
	}
}

/* The switch and the packet filter know its connections by the server. */
static void check_transparent(const struct config *c,
			      const struct config_service *s, const char *file,
			      struct config_errors *e)
{
	if (s->source.family)
		config_error(e, file, s->line,
			     "service %s: source: transparent has the client's "
			     "address in its place",
			     s->name);
	if (s->vip.family != s->server.family)
		config_error(e, file, s->line,
			     "service %s: transparent: expected a vip and a "
			     "server of the same family",
			     s->name);
	for (size_t j = 0; j < c->nr_services; j++) {
		const struct config_service *o = &c->services[j];

		if (o != s && addr_equal(&o->server, &s->server) &&
		    o->server_port == s->server_port)
			config_error(e, file, s->line,
				     "service %s: transparent: service %s has "
				     "the same server and server-port",
				     s->name, o->name);
	}
}

static void check_service(const struct config *c, size_t i, const char *file,
			  struct config_errors *e)
{
	const struct config_service *s = &c->services[i];

	if (s->transparent)
		check_transparent(c, s, file, e);
	if (s->source.family && s->source.family != s->server.family)
		config_error(e, file, s->line,
			     "service %s: source: expected an address of the "
			     "same family as server",
			     s->name);
	if (!s->application != (s->policy != POLICY_COMMITTED))
		config_error(e, file, s->line,
			     "service %s: policy: an application and committed "
			     "go together, and neither with anything else",
			     s->name);
	if (s->application && (s->server.family || s->source.family ||
			       s->header || s->transparent))
		config_error(e, file, s->line,
			     "service %s: application: expected no server, "
			     "source, proxy-protocol or transparent besides",
			     s->name);
	for (size_t j = 0; j < i; j++) {
		const struct config_service *o = &c->services[j];

		if (s->application && o->application &&
		    !strcmp(s->application, o->application))
			config_error(e, file, s->line,
				     "service %s: application: service %s has "
				     "the same socket",
				     s->name, o->name);
		if (addr_equal(&o->vip, &s->vip) && o->port == s->port)
			config_error(e, file, s->line,
				     "service %s: service %s has the same vip "
				     "and port",
				     s->name, o->name);
		/* by its source, a connection to a server is an owner's */
		if (s->source.family && addr_equal(&o->source, &s->source) &&
		    strcmp(o->owner, s->owner))
			config_error(e, file, s->line,
				     "service %s: source: service %s of "
				     "another owner has the same",
				     s->name, o->name);
	}
}

static int check(struct config *c, const char *file, struct config_errors *e)
{
	check_peers(c, file, e);
	for (size_t i = 0; i < c->nr_services; i++)
		check_service(c, i, file, e);
	return e->count ? -EINVAL : 0;
}

uint32_t config_service_tag(const struct config_service *s)
{
	/* besides the versions of the header: what else there is to agree on */
	uint32_t kind = s->application	 ? NR_PROXY_HEADERS
			: s->transparent ? NR_PROXY_HEADERS + 1 + s->header
					 : s->header;

	return baton_tag(s->name) + kind;
}

static bool is_at(const __be32 at[4], uint8_t family, const struct addr *a)
{
	return a->family == family && !memcmp(at, a->word, sizeof(a->word));
}

bool config_service_has(const struct config_service *s, const struct tuple *t,
			int which)
{
	if (which == CLIENT)
		return t->local_port == s->port &&
		       is_at(t->local, t->family, &s->vip);
	/* as whoever it speaks there, the server is its own service's alone */
	return t->remote_port == s->server_port &&
	       is_at(t->remote, t->family, &s->server) &&
	       (s->transparent || is_at(t->local, t->family, &s->source));
}

int config_read(struct config *c, const char *path, struct config_errors *e)
{
	int err;

	memset(c, 0, sizeof(*c));
	err = yaml_read_file(&proxy_schema, c, path, e);
	return err ?: check(c, path, e);
}

int config_parse(struct config *c, const char *name, const char *text,
		 size_t len, struct config_errors *e)
{
	int err;

	memset(c, 0, sizeof(*c));
	err = yaml_read(
		&proxy_schema, c,
		&(struct yaml_source){ .file = name, .text = text, .len = len },
		e);
	return err ?: check(c, name, e);
}

void config_free(struct config *c)
{
	yaml_clear(&proxy_schema, c);
}
