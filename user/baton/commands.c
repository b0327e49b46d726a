// SPDX-License-Identifier: GPL-2.0-only
/* Every command there is. */
#include "capture.h"
#include "command.h"
#include "flowcmd.h"
#include "keycmd.h"
#include "planshow.h"
#include "proxycmd.h"
#include "remote.h"
#include "show.h"
#include "stats.h"

static const struct keyword failover_words[] = {
	{ "to", KEYWORD_TEXT, NULL },
	{ "force", KEYWORD_TRUE, NULL },
	{ 0 },
};

static const struct keyword failback_words[] = {
	{ "force", KEYWORD_TRUE, NULL },
	{ 0 },
};

static const struct keyword capture_words[] = {
	{ "file", KEYWORD_TEXT, NULL },
	{ 0 },
};

static const struct keyword proxy_drain_words[] = {
	{ "on", KEYWORD_TRUE, "on" },
	{ "off", KEYWORD_FALSE, "on" },
	{ "force", KEYWORD_TRUE, NULL },
	{ 0 },
};

static const struct keyword drain_words[] = {
	{ "on", KEYWORD_TRUE, "on" },
	{ "off", KEYWORD_FALSE, "on" },
	{ 0 },
};

static const struct keyword event_words[] = {
	{ "last", KEYWORD_NUMBER, NULL },
	{ "after", KEYWORD_NUMBER, NULL },
	{ 0 },
};

static const struct keyword watch_words[] = {
	{ "last", KEYWORD_NUMBER, NULL },
	{ 0 },
};

static const struct keyword flow_filter_words[] = {
	{ "client", KEYWORD_TEXT, NULL },
	{ "port", KEYWORD_NUMBER, NULL },
	{ "service", KEYWORD_TEXT, NULL },
	{ "owner", KEYWORD_TEXT, NULL },
	{ "host", KEYWORD_TEXT, NULL },
	{ "state", KEYWORD_TEXT, NULL },
	{ "confirmed", KEYWORD_TRUE, "confirmed" },
	{ "unconfirmed", KEYWORD_FALSE, "confirmed" },
	{ "limit", KEYWORD_NUMBER, NULL },
	{ "count", KEYWORD_TRUE, NULL },
	{ 0 },
};

static const struct keyword flow_key_words[] = {
	{ "client", KEYWORD_TEXT, NULL },
	{ "port", KEYWORD_NUMBER, NULL },
	{ "service", KEYWORD_TEXT, NULL },
	{ 0 },
};

static const struct keyword flow_set_words[] = {
	{ "client", KEYWORD_TEXT, NULL },
	{ "port", KEYWORD_NUMBER, NULL },
	{ "service", KEYWORD_TEXT, NULL },
	{ "owner", KEYWORD_TEXT, NULL },
	{ 0 },
};

/* The verbs that every kind of configured object has. */
#define OBJECT_VERBS(kind, show, example)                                      \
	{ .name = "show",                                                      \
	  .synopsis = "[NAME]",                                                \
	  .help = "list them, or everything about one",                        \
	  .first = FIRST_NAME_OPTIONAL,                                        \
	  .run = remote_ask,                                                   \
	  .request = kind ".show",                                             \
	  .print = show },                                                     \
		{ .name = "add",                                               \
		  .synopsis = "NAME field value ...",                          \
		  .help = "fields as in the configuration file: " example,     \
		  .first = FIRST_NAME,                                         \
		  .fields = true,                                              \
		  .run = remote_ask,                                           \
		  .request = kind ".add",                                      \
		  .print = show_nothing },                                     \
		{ .name = "set",                                               \
		  .synopsis = "NAME field value ...",                          \
		  .help = "change the fields that are given, keep the others", \
		  .first = FIRST_NAME,                                         \
		  .fields = true,                                              \
		  .run = remote_ask,                                           \
		  .request = kind ".set",                                      \
		  .print = show_nothing },                                     \
	{                                                                      \
		.name = "del", .synopsis = "NAME",                             \
		.help = "remove it; refused while others refer to it",         \
		.first = FIRST_NAME, .run = remote_ask,                        \
		.request = kind ".del", .print = show_nothing                  \
	}

static const struct verb service_verbs[] = {
	OBJECT_VERBS("service", show_services,
		     "vip 192.0.2.10 protocol tcp port 80 "
		     "owners web-a,web-b:2"),
};

static const struct verb host_verbs[] = {
	OBJECT_VERBS("host", show_hosts, "address 10.0.3.2 forward ipip"),
	{ .name = "drain",
	  .synopsis = "NAME [on|off]",
	  .help = "take no more owners over; what it has stays",
	  .first = FIRST_NAME,
	  .keywords = drain_words,
	  .on = "on",
	  .run = remote_ask,
	  .request = "host.drain",
	  .print = show_nothing },
};

static const struct verb owner_verbs[] = {
	OBJECT_VERBS("owner", show_owners,
		     "host a standbys b,c policy ordered"),
	{ .name = "failover",
	  .synopsis = "NAME [to HOST] [force]",
	  .help = "move it to its standby, or to HOST; force: even if down",
	  .first = FIRST_NAME,
	  .keywords = failover_words,
	  .run = remote_ask,
	  .request = "owner.failover",
	  .print = show_moves },
	{ .name = "failback",
	  .synopsis = "NAME [force]",
	  .help = "move it back to its home",
	  .first = FIRST_NAME,
	  .keywords = failback_words,
	  .run = remote_ask,
	  .request = "owner.failback",
	  .print = show_moves },
	{ .name = "plan",
	  .synopsis = "[HOST ...]",
	  .help = "who would take over if one host, or any two, died now;\n"
		  "      HOST: if all of these did",
	  .first = FIRST_NAMES_OPTIONAL,
	  .run = remote_ask,
	  .request = "owner.plan",
	  .print = show_plan },
	{ .name = "replay",
	  .synopsis = "NAME",
	  .help = "send its host again what it has not acknowledged",
	  .first = FIRST_NAME,
	  .run = remote_ask,
	  .request = "owner.replay",
	  .print = show_replay },
	{ .name = "capture",
	  .synopsis = "NAME file FILE",
	  .help = "write what is recorded of its connections, as pcapng",
	  .first = FIRST_NAME,
	  .keywords = capture_words,
	  .run = owner_capture },
	{ .name = "drain",
	  .synopsis = "NAME [on|off]",
	  .help = "give it no new connections; what it has stays",
	  .first = FIRST_NAME,
	  .keywords = drain_words,
	  .on = "on",
	  .run = remote_ask,
	  .request = "owner.drain",
	  .print = show_nothing },
};

static const struct verb flow_verbs[] = {
	{ .name = "show",
	  .synopsis = "[client ADDRESS[/LENGTH]] [port N] [service NAME] "
		      "[owner NAME]\n      [host NAME] [state STATE] "
		      "[confirmed|unconfirmed] [limit N] [count]",
	  .help = "connections in the flow table; client, port and service\n"
		  "      together find one at once, or say where it would go",
	  .keywords = flow_filter_words,
	  .run = flow_show },
	{ .name = "set",
	  .synopsis = "client ADDRESS port N service NAME owner NAME",
	  .help = "give one connection to another owner",
	  .keywords = flow_set_words,
	  .run = flow_set },
	{ .name = "del",
	  .synopsis = "client ADDRESS port N service NAME",
	  .help = "forget one connection",
	  .keywords = flow_key_words,
	  .run = flow_del },
};

static const struct verb event_verbs[] = {
	{ .name = "show",
	  .synopsis = "[last N] [after SEQ]",
	  .help = "what happened, oldest first",
	  .keywords = event_words,
	  .run = remote_ask,
	  .request = "event.show",
	  .print = show_events },
	{ .name = "watch",
	  .synopsis = "[last N]",
	  .help = "what happens, as it happens",
	  .keywords = watch_words,
	  .run = remote_follow,
	  .request = "event.watch",
	  .print = show_events },
};

static const struct verb stats_verbs[] = {
	{ .name = "show",
	  .help = "packets by reason, service and host (-a: zeros too)",
	  .run = remote_ask,
	  .request = "stats",
	  .print = show_stats },
	{ .name = "watch",
	  .synopsis = "[SECONDS]",
	  .help = "the same, with rates, again and again",
	  .first = FIRST_SECONDS_OPTIONAL,
	  .run = remote_redraw,
	  .request = "stats",
	  .print = show_stats },
};

static const struct verb status_verbs[] = {
	{ .name = "show",
	  .help = "batond, its ports, and how many of everything",
	  .run = remote_ask,
	  .request = "status",
	  .print = show_status },
	{ .name = "watch",
	  .synopsis = "[SECONDS]",
	  .help = "the same and what flows, again and again",
	  .first = FIRST_SECONDS_OPTIONAL,
	  .run = remote_redraw,
	  .request = "status",
	  .also = "stats",
	  .print = show_status },
};

static const struct verb maintenance_verbs[] = {
	{ .name = "show",
	  .help = "whether anything moves by itself, and hosts of which not",
	  .run = remote_ask,
	  .request = "maintenance.show",
	  .print = show_maintenance },
	{ .name = "on",
	  .synopsis = "[HOST]",
	  .help = "nothing moves by itself; HOST: from it or to it",
	  .first = FIRST_NAME_OPTIONAL,
	  .run = remote_ask,
	  .request = "maintenance.on",
	  .print = show_nothing },
	{ .name = "off",
	  .synopsis = "[HOST]",
	  .help = "end that; what should have moved meanwhile moves now",
	  .first = FIRST_NAME_OPTIONAL,
	  .run = remote_ask,
	  .request = "maintenance.off",
	  .print = show_nothing },
};

static const struct verb node_verbs[] = {
	{ .name = "show",
	  .help = "messages about who owns what: accepted, and dropped for\n"
		  "      which reason; on a host: -s /run/baton/host.sock",
	  .run = remote_ask,
	  .request = "ownership.show",
	  .print = show_counts },
};

static const struct verb config_verbs[] = {
	{ .name = "show",
	  .help = "the running configuration, as a file",
	  .run = remote_ask,
	  .request = "config.show",
	  .print = show_text },
};

static const struct verb reload_verbs[] = {
	{ .help = "read the configuration file again and apply what changed",
	  .run = remote_ask,
	  .request = "reload",
	  .print = show_reload },
};

static const struct verb proxy_verbs[] = {
	{ .name = "show",
	  .help = "its services and peers, what it counts (-a: zeros too)",
	  .run = remote_ask,
	  .request = "proxy.show",
	  .print = show_proxy },
	{ .name = "drain",
	  .synopsis = "[on|off] [force]",
	  .help = "move all that this host plays to its standby, live;\n"
		  "      force: even if that has not everything",
	  .keywords = proxy_drain_words,
	  .on = "on",
	  .run = proxy_drain },
};

static const struct verb connection_verbs[] = {
	{ .name = "show",
	  .synopsis = "[SERVICE]",
	  .help = "how they are, and what would be lost if the owner died now",
	  .first = FIRST_NAME_OPTIONAL,
	  .run = remote_ask,
	  .request = "connection.show",
	  .print = show_connections },
};

static const struct verb key_verbs[] = {
	{ .name = "show",
	  .synopsis = "FILE",
	  .help = "the public part of a node's key",
	  .first = FIRST_NAME,
	  .run = key_show },
	{ .name = "new",
	  .synopsis = "FILE",
	  .help = "make a key for a node, show its public part",
	  .first = FIRST_NAME,
	  .run = key_new },
};

#define VERBS(table) table, SHOW_LEN(table)

static const struct daemon batond = { "batond", "/run/baton/batond.sock" };
static const struct daemon proxy = { "baton-proxy", "/run/baton/proxy.sock" };

const struct object command_objects[] = {
	{ "service", "what clients reach: VIP, protocol, port",
	  VERBS(service_verbs), &batond },
	{ "host", "machines that play owners", VERBS(host_verbs), &batond },
	{ "owner", "roles that connections belong to, and who plays them",
	  VERBS(owner_verbs), &batond },
	{ "flow", "connections (works without batond)", VERBS(flow_verbs),
	  &batond },
	{ "event", "what happened", VERBS(event_verbs), &batond },
	{ "stats", "packets and bytes", VERBS(stats_verbs), &batond },
	{ "status", "the switch at a glance", VERBS(status_verbs), &batond },
	{ "config", "the running configuration", VERBS(config_verbs), &batond },
	{ "maintenance", "leave everything where it is",
	  VERBS(maintenance_verbs), &batond },
	{ "node", "how this one hears from the others who owns what",
	  VERBS(node_verbs), &batond },
	{ "reload", "apply the configuration file", VERBS(reload_verbs),
	  &batond },
	{ "proxy", "the baton-proxy of this host", VERBS(proxy_verbs), &proxy },
	{ "connection", "what it relays", VERBS(connection_verbs), &proxy },
	{ "key", "keys of nodes (works without batond)", VERBS(key_verbs),
	  &batond },
	{ 0 },
};
