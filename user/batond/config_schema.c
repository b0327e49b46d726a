// SPDX-License-Identifier: GPL-2.0-only
#include "config_schema.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "baton/ownership.h"
#include "baton/probe.h"
#include "config.h"
#include "lib/link/link_key.h"
#include "lib/yaml_checks.h"

#define FLOWS_MIN 1024
#define FLOWS_MAX (64 << 20)
#define RING_MIN 251
#define RING_MAX 65537
#define RECORDS_MIN 256
#define RECORDS_MAX (1 << 20) /* 1.6 GB */
#define MULTIPLIER_MAX 15 /* four times as many must fit DETECT_WINDOW */
#define BFD_MULTIPLIER_MAX 50
#define TIMEOUT_MAX (9 * 3600) /* stamps of a second wrap at 16 bits */

/* Identifiers start at 1, so one less than the maps have room for. */
#define HOSTS_MAX (BATON_MAX_HOSTS - 1)
#define OWNERS_MAX (BATON_MAX_OWNERS - 1)
#define SERVICES_MAX (BATON_MAX_SERVICES - 1)

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

static const char *check_ring(const void *value)
{
	uint32_t n = *(const uint32_t *)value, i;

	for (i = 2; i * i <= n; i++) {
		if (n % i == 0)
			return "a prime, such as 4093, 16381 or 65537";
	}
	return NULL;
}

static const char *check_socket(const void *value)
{
	if (strlen(*(char *const *)value) >=
	    sizeof(((struct sockaddr_un *)0)->sun_path))
		return "a path of at most 107 characters, as sockets have";
	return yaml_check_path(value);
}

/* An address of one machine, reachable from others */
static const char *check_unicast(const void *value)
{
	static const char usual[] = "the unicast address of one machine";
	const struct addr *a = value;
	const struct in6_addr *in6 = (const struct in6_addr *)a->word;
	uint32_t in = ntohl(a->word[0]);

	if (a->family == 4)
		return !(in >> 24) || in >> 24 == IN_LOOPBACKNET ||
				       IN_MULTICAST(in) || IN_BADCLASS(in)
			       ? usual
			       : NULL;
	if (IN6_IS_ADDR_LINKLOCAL(in6))
		return "an address that is valid beyond one link";
	if (IN6_IS_ADDR_V4MAPPED(in6))
		return "the IPv4 address itself";
	return IN6_IS_ADDR_UNSPECIFIED(in6) || IN6_IS_ADDR_LOOPBACK(in6) ||
			       IN6_IS_ADDR_MULTICAST(in6)
		       ? usual
		       : NULL;
}

static const char *check_unicast4(const void *value)
{
	const struct addr *a = value;

	return a->family == 4 ? check_unicast(a) : "an IPv4 address";
}

static const char *check_unicast6(const void *value)
{
	const struct addr *a = value;

	return a->family == 6 ? check_unicast(a) : "an IPv6 address";
}

static const char *check_mac(const void *value)
{
	const uint8_t *mac = value;

	return mac[0] & 1 || mac_is_zero(mac) ? "the address of one machine"
					      : NULL;
}

static bool service_has_port(const void *object)
{
	const struct config_service *s = object;

	return s->protocol == IPPROTO_TCP || s->protocol == IPPROTO_UDP;
}

/* The back of another service has that one's. */
static bool service_has_owners(const void *object)
{
	const struct config_service *s = object;

	return !*s->back_of;
}

/* clang-format off */
static const struct yaml_word mode_words[] = {
	{ "auto", XDP_AUTO },
	{ "native", XDP_NATIVE },
	{ "generic", XDP_GENERIC },
	{ 0 },
};

static const struct yaml_word forward_words[] = {
#define X(name, label) { label, BATON_FORWARD_##name },
	BATON_FORWARDS(X)
#undef X
	{ 0 },
};

static const struct yaml_word policy_words[] = {
#define X(name, label) { label, BATON_STANDBY_##name },
	BATON_STANDBY_POLICIES(X)
#undef X
	{ 0 },
};

static const struct yaml_word detect_words[] = {
#define X(name, label) { label, CONFIG_DETECT_##name },
	CONFIG_DETECTS(X)
#undef X
	{ 0 },
};

/* What `detect` was before there was BFD */
static const struct yaml_word probe_words[] = {
	{ "yes", CONFIG_DETECT_PROBE },
	{ "true", CONFIG_DETECT_PROBE },
	{ "on", CONFIG_DETECT_PROBE },
	{ "no", CONFIG_DETECT_NONE },
	{ "false", CONFIG_DETECT_NONE },
	{ "off", CONFIG_DETECT_NONE },
	{ 0 },
};

static const struct yaml_word auth_words[] = {
#define X(name, label) { label, CONFIG_BFD_##name },
	CONFIG_BFD_AUTHS(X)
#undef X
	{ 0 },
};

static const struct yaml_word protocol_words[] = {
	{ "tcp", IPPROTO_TCP },
	{ "udp", IPPROTO_UDP },
	{ "ipsec", CONFIG_IPSEC },
	{ 0 },
};

static const struct yaml_word port_words[] = { { "any", 0 }, { 0 } };

static const struct yaml_word failback_words[] = {
	{ "manual", false },
	{ "auto", true },
	{ 0 },
};

static const struct yaml_word affinity_words[] = {
	{ "connection", false },
	{ "client", true },
	{ 0 },
};

#define FIELD(member, key, kind, ...)                                          \
	YAML_FIELD(struct OBJECT, member, key, kind, __VA_ARGS__)

#define OBJECT config
static const struct yaml_field switch_fields[] = {
	FIELD(bpffs, "bpffs", STRING, .unset = "/sys/fs/bpf/baton",
	      .check = yaml_check_path),
	FIELD(control, "control", STRING, .unset = "/run/baton/batond.sock",
	      .check = check_socket),
	FIELD(state, "state", STRING, .unset = "/var/lib/baton",
	      .check = yaml_check_path),
	FIELD(flows4, "flows", INT, .unset = "4000000",
	      .min = FLOWS_MIN, .max = FLOWS_MAX),
	FIELD(flows6, "flows6", INT, .unset = "1000000",
	      .min = FLOWS_MIN, .max = FLOWS_MAX),
	FIELD(ring_size, "ring", INT, .unset = "16381",
	      .min = RING_MIN, .max = RING_MAX, .check = check_ring),
	FIELD(record_packets, "recorder_packets", INT, .unset = "8192",
	      .min = RECORDS_MIN, .max = RECORDS_MAX),
	FIELD(standby_hook, "standby_hook", STRING, .check = yaml_check_path),
	FIELD(standby_hook_after_ms, "standby_hook_after", DURATION,
	      .unset = "5s", .unit = YAML_MS, .max = 24 * 3600 * 1000),
	FIELD(captures, "captures", INT, .unset = "16", .max = 10000),
	FIELD(mode, "mode", ENUM, .words = mode_words),
	FIELD(fence, "fence", BOOL, .unset = "yes"),
	FIELD(address4, "address", ADDRESS, .check = check_unicast4),
	FIELD(address6, "address6", ADDRESS, .check = check_unicast6),
	FIELD(icmp_per_second, "icmp_rate", INT, .unset = "1000",
	      .max = 1000000),
	FIELD(probe_key_file, "probe_key", STRING, .check = yaml_check_path),
	FIELD(probe_port, "probe_port", INT, .unset = TEXT(BATON_PROBE_PORT),
	      .min = 1, .max = UINT16_MAX),
	FIELD(node_key_file, "node_key", STRING, .check = yaml_check_path),
	FIELD(ownership_port, "ownership_port", INT,
	      .unset = TEXT(BATON_OWNERSHIP_PORT), .min = 1,
	      .max = UINT16_MAX),
	{ 0 },
};
#undef OBJECT

#define OBJECT config_port
static const struct yaml_field port_fields[] = {
	FIELD(interface, "interface", INTERFACE, .required = true),
	FIELD(mode, "mode", ENUM, .words = mode_words),
	{ 0 },
};
#undef OBJECT

#define OBJECT config_bfd
static const struct yaml_field bfd_auth_fields[] = {
	FIELD(auth.type, "type", ENUM, .words = auth_words, .required = true),
	FIELD(auth.id, "id", INT, .max = UINT8_MAX),
	FIELD(auth.key_file, "key_file", STRING, .check = yaml_check_path),
	{ 0 },
};

static const struct yaml_schema bfd_auth_schema = {
	.size = sizeof(struct config_bfd), .fields = bfd_auth_fields,
	.flow = true,
};

/* A host's have no defaults: the section detection: has them. */
#define BFD_FIELDS(interval, times)                                            \
	FIELD(min_tx, "min_tx", DURATION, .unset = interval, .unit = YAML_US,  \
	      .min = 1000, .max = 60 * 1000000),                               \
	FIELD(min_rx, "min_rx", DURATION, .unset = interval, .unit = YAML_US,  \
	      .min = 1000, .max = 60 * 1000000),                               \
	FIELD(multiplier, "multiplier", INT, .unset = times, .min = 1,         \
	      .max = BFD_MULTIPLIER_MAX),                                      \
	YAML_SECTION(struct OBJECT, "auth", &bfd_auth_schema),                 \
	{ 0 }

static const struct yaml_field host_bfd_fields[] = { BFD_FIELDS(NULL, NULL) };
static const struct yaml_field bfd_fields[] = { BFD_FIELDS("10ms", "3") };
#undef OBJECT

static const struct yaml_schema host_bfd_schema = {
	.size = sizeof(struct config_bfd), .fields = host_bfd_fields,
	.flow = true,
};

static const struct yaml_schema bfd_schema = {
	.size = sizeof(struct config_bfd), .fields = bfd_fields, .flow = true,
};

#define OBJECT config_host
static const struct yaml_field host_fields[] = {
	FIELD(name, "name", NAME, .required = true),
	FIELD(address, "address", ADDRESS, .required = true,
	      .check = check_unicast),
	FIELD(forward, "forward", ENUM, .words = forward_words),
	FIELD(interface, "interface", INTERFACE),
	FIELD(mac, "mac", MAC, .check = check_mac),
	FIELD(vlan, "vlan", INT, .max = 4094),
	FIELD(gue_port, "gue_port", INT, .unset = "6080",
	      .min = 1, .max = UINT16_MAX),
	FIELD(priority, "priority", INT, .unset = "100", .max = 1000000),
	FIELD(capacity, "capacity", INT, .unset = "100",
	      .min = 1, .max = 1000000),
	FIELD(profile, "profile", NAME),
	FIELD(detect, "detect", ENUM, .words = detect_words),
	FIELD(detect, "probe", ENUM, .words = probe_words, .alias = true),
	YAML_WITHIN(struct OBJECT, bfd, "bfd", &host_bfd_schema),
	FIELD(drain, "drain", BOOL),
	FIELD(maintenance, "maintenance", BOOL),
	FIELD(lease, "lease", BOOL),
	FIELD(key, "key", STRING, .check = link_public_check),
	{ 0 },
};
#undef OBJECT

static const struct yaml_field standby_fields[] = {
	{ .key = "host", .type = YAML_TYPE_NAME, .size = BATON_NAME_LEN,
	  .required = true },
	{ 0 },
};

static const struct yaml_schema standby_schema = {
	.what = "standby", .size = BATON_NAME_LEN, .fields = standby_fields,
	.scalar = true,
};

#define OBJECT config_owner
static const struct yaml_field owner_fields[] = {
	FIELD(name, "name", NAME, .required = true),
	FIELD(host, "host", NAME, .required = true),
	FIELD(standbys, "standbys", ARRAY, .items = &standby_schema),
	FIELD(policy, "policy", ENUM, .words = policy_words),
	FIELD(drain, "drain", BOOL),
	FIELD(failback, "failback", ENUM, .words = failback_words),
	FIELD(failback_after_ms, "failback_after", DURATION, .unset = "10s",
	      .unit = YAML_MS, .max = 30 * 86400 * 1000U),
	{ 0 },
};
#undef OBJECT

#define OBJECT config_service_owner
static const struct yaml_field service_owner_fields[] = {
	FIELD(name, "name", NAME, .required = true),
	FIELD(weight, "weight", INT, .unset = "1", .max = 1000000),
	{ 0 },
};
#undef OBJECT

static const struct yaml_schema service_owner_schema = {
	.what = "owner", .size = sizeof(struct config_service_owner),
	.fields = service_owner_fields, .scalar = true, .flow = true,
};

#define OBJECT config_service
static const struct yaml_field service_fields[] = {
	FIELD(name, "name", NAME, .required = true),
	FIELD(vip, "vip", ADDRESS, .required = true, .check = check_unicast),
	FIELD(protocol, "protocol", ENUM, .words = protocol_words,
	      .required = true),
	FIELD(port, "port", INT, .words = port_words, .min = 1,
	      .max = UINT16_MAX, .needed = service_has_port),
	FIELD(client_hash, "affinity", ENUM, .words = affinity_words),
	FIELD(recorded, "recorder", BOOL),
	FIELD(application, "application", NAME),
	FIELD(back_of, "back_of", NAME),
	YAML_LIST(struct OBJECT, owners, nr_owners, "owners",
		  &service_owner_schema, .max = OWNERS_MAX,
		  .needed = service_has_owners),
	{ 0 },
};
#undef OBJECT

#define OBJECT config_profile
static const struct yaml_field profile_fields[] = {
	FIELD(name, "name", NAME, .required = true),
	FIELD(p.interval, "interval", DURATION, .required = true,
	      .unit = YAML_NS, .min = YAML_MS / 10, .max = 60 * YAML_S),
	FIELD(p.multiplier, "multiplier", INT, .unset = "3",
	      .min = 1, .max = MULTIPLIER_MAX),
	FIELD(p.up_after, "up_after", INT, .unset = "10",
	      .min = 1, .max = 1000),
	{ 0 },
};
#undef OBJECT

#define SCHEMA(name, ...)                                                      \
	static const struct yaml_schema name##_schema = {                      \
		.what = #name, .size = sizeof(struct config_##name),           \
		.fields = name##_fields,                                       \
		.line = offsetof(struct config_##name, line), __VA_ARGS__      \
	}

SCHEMA(port);
SCHEMA(host);
SCHEMA(owner);
SCHEMA(service);
SCHEMA(profile, .flow = true);

#define OBJECT config
static const struct yaml_field detection_fields[] = {
	FIELD(profile, "profile", NAME, .unset = "default"),
	YAML_WITHIN(struct OBJECT, bfd, "bfd", &bfd_schema),
	FIELD(startup_grace_ms, "startup_grace", DURATION, .unset = "3s",
	      .unit = YAML_MS, .max = 3600 * 1000),
	YAML_LIST(struct config, profiles, nr_profiles, "profiles",
		  &profile_schema, .max = HOSTS_MAX),
	{ 0 },
};

static const struct yaml_field dampening_fields[] = {
	FIELD(dampening.half_life_ms, "half_life", DURATION,
	      .unit = YAML_MS, .max = 24 * 3600 * 1000),
	FIELD(dampening.penalty, "penalty", INT, .unset = "1000",
	      .min = 1, .max = 100000),
	FIELD(dampening.suppress, "suppress", INT, .unset = "4000",
	      .max = 1000000),
	FIELD(dampening.reuse, "reuse", INT, .unset = "1500",
	      .max = 1000000),
	FIELD(dampening.max_ms, "max", DURATION, .unset = "5m",
	      .unit = YAML_MS, .max = 24 * 3600 * 1000),
	{ 0 },
};

static const struct yaml_schema dampening_schema = {
	.size = sizeof(struct config),
	.fields = dampening_fields,
	.flow = true,
};

static const struct yaml_field guard_fields[] = {
	FIELD(min_move_interval_ms, "min_move_interval", DURATION,
	      .unit = YAML_MS, .max = 24 * 3600 * 1000),
	FIELD(max_down_percent, "max_down", PERCENT, .unset = "60%",
	      .min = 1, .max = 100),
	FIELD(maintenance, "maintenance", BOOL),
	FIELD(dry_run, "dry_run", BOOL),
	YAML_SECTION(struct config, "dampening", &dampening_schema),
	{ 0 },
};

static const struct yaml_field timeout_fields[] = {
#define X(name, seconds)                                                       \
	FIELD(timeouts.name, #name, DURATION, .unset = #seconds "s",           \
	      .unit = YAML_S, .min = 1, .max = TIMEOUT_MAX),
	CONFIG_TIMEOUTS(X)
#undef X
	{ 0 },
};
#undef OBJECT
/* clang-format on */

static const struct yaml_schema switch_schema = {
	.size = sizeof(struct config),
	.fields = switch_fields,
	.line = offsetof(struct config, line),
};

static const struct yaml_schema detection_schema = {
	.size = sizeof(struct config),
	.fields = detection_fields,
	.line = offsetof(struct config, detection_line),
};

static const struct yaml_schema guard_schema = {
	.size = sizeof(struct config),
	.fields = guard_fields,
	.line = offsetof(struct config, guards_line),
};

static const struct yaml_schema timeout_schema = {
	.size = sizeof(struct config),
	.fields = timeout_fields,
};

static const struct yaml_field config_fields[] = {
	YAML_SECTION(struct config, "switch", &switch_schema),
	YAML_LIST(struct config, ports, nr_ports, "ports", &port_schema,
		  .max = BATON_MAX_PORTS),
	YAML_LIST(struct config, hosts, nr_hosts, "hosts", &host_schema,
		  .max = HOSTS_MAX),
	YAML_LIST(struct config, owners, nr_owners, "owners", &owner_schema,
		  .max = OWNERS_MAX),
	YAML_LIST(struct config, services, nr_services, "services",
		  &service_schema, .max = SERVICES_MAX),
	YAML_SECTION(struct config, "detection", &detection_schema),
	YAML_SECTION(struct config, "guards", &guard_schema),
	YAML_SECTION(struct config, "timeouts", &timeout_schema),
	{ 0 },
};

const struct yaml_schema config_schema = {
	.size = sizeof(struct config),
	.fields = config_fields,
};

const struct config_builtin config_builtins[] = {
	{ "default", { 10 * YAML_MS, 3, 10 } },
	{ "fast", { 3300 * YAML_MS / 1000, 3, 10 } },
	{ "vm", { 50 * YAML_MS, 3, 10 } },
	{ NULL, { 0 } },
};
