// SPDX-License-Identifier: GPL-2.0-only
#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "baton/heartbeat.h"
#include "baton/host.h"
#include "baton/ownership.h"
#include "baton/probe.h"
#include "lib/link/link_key.h"
#include "lib/yaml.h"
#include "lib/yaml_checks.h"

#define MAX_INTERFACES 64
#define MAX_WORDS 64 /* of a command */

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

static bool is_connected(const void *object)
{
	const struct config_application *a = object;

	return a->check == APP_TCP || a->check == APP_HTTP;
}

static bool is_process(const void *object)
{
	const struct config_application *a = object;

	return a->check == APP_PROCESS;
}

static bool has_node_key(const void *object)
{
	return ((const struct config *)object)->node_key;
}

/* clang-format off */
static const struct yaml_word mode_words[] = {
	{ "auto", XDP_AUTO },
	{ "native", XDP_NATIVE },
	{ "generic", XDP_GENERIC },
	{ 0 },
};

static const struct yaml_word gue_words[] = { { "off", 0 }, { 0 } };

static const struct yaml_field interface_fields[] = {
	YAML_FIELD(struct config_interface, name, "name", INTERFACE,
		   .required = true),
	{ 0 },
};

static const struct yaml_schema interface_schema = {
	.what = "interface", .size = sizeof(struct config_interface),
	.fields = interface_fields, .scalar = true,
	.line = offsetof(struct config_interface, line),
};

static const struct yaml_field address_fields[] = {
	YAML_FIELD(struct config_address, addr, "address", ADDRESS,
		   .required = true, .check = yaml_check_unicast),
	{ 0 },
};

static const struct yaml_schema address_schema = {
	.what = "address", .size = sizeof(struct config_address),
	.fields = address_fields, .scalar = true,
	.line = offsetof(struct config_address, line),
};

static const struct yaml_word check_words[] = {
#define X(name, label) { label, APP_##name },
	APP_CHECKS(X)
#undef X
	{ 0 },
};

static const struct yaml_field word_fields[] = {
	YAML_FIELD(struct config_word, text, "word", STRING, .required = true),
	{ 0 },
};

static const struct yaml_schema word_schema = {
	.what = "word", .size = sizeof(struct config_word),
	.fields = word_fields, .scalar = true,
};

static const struct yaml_word protocol_words[] = {
	{ "tcp", IPPROTO_TCP },
	{ "udp", IPPROTO_UDP },
	{ "any", 0 },
	{ 0 },
};

static const struct yaml_word any_words[] = { { "any", 0 }, { 0 } };

#define FIELD(member, key, kind, ...)                                          \
	YAML_FIELD(struct config_application, silence.member, key, kind,       \
		   __VA_ARGS__)

static const struct yaml_field silence_fields[] = {
	FIELD(vip, "vip", ADDRESS),
	FIELD(protocol, "protocol", ENUM, .unset = "any",
	      .words = protocol_words),
	FIELD(port, "port", INT, .unset = "any", .min = 1, .max = 65535,
	      .words = any_words),
	{ 0 },
};
#undef FIELD

static const struct yaml_schema silence_schema = {
	.what = "silence", .size = sizeof(struct config_application),
	.fields = silence_fields,
};

#define FIELD(member, key, kind, ...)                                          \
	YAML_FIELD(struct config_application, member, key, kind, __VA_ARGS__)

static const struct yaml_field application_fields[] = {
	FIELD(name, "name", NAME, .required = true),
	FIELD(check, "check", ENUM, .unset = "heartbeat",
	      .words = check_words),
	FIELD(address, "address", ADDRESS, .needed = is_connected),
	FIELD(port, "port", INT, .min = 1, .max = 65535,
	      .needed = is_connected),
	FIELD(path, "path", STRING, .unset = "/", .check = yaml_check_path),
	FIELD(status, "status", INT, .min = 100, .max = 599),
	YAML_LIST(struct config_application, command, nr_command, "command",
		  &word_schema, .max = MAX_WORDS),
	FIELD(pidfile, "pidfile", STRING, .check = yaml_check_path,
	      .needed = is_process),
	FIELD(user, "user", STRING),
	FIELD(limit_ms, "limit", DURATION, .unit = YAML_MS, .required = true,
	      .min = 5, .max = 3600000),
	FIELD(interval_ms, "interval", DURATION, .unit = YAML_MS,
	      .unset = "1s", .min = 10, .max = 3600000),
	FIELD(timeout_ms, "timeout", DURATION, .unit = YAML_MS,
	      .unset = "1s", .min = 10, .max = 3600000),
	FIELD(rise, "rise", INT, .unset = "2", .min = 1, .max = 100),
	FIELD(fall, "fall", INT, .unset = "3", .min = 1, .max = 100),
	YAML_SECTION(struct config_application, "silence", &silence_schema),
	{ 0 },
};
#undef FIELD

static const struct yaml_schema application_schema = {
	.what = "application", .size = sizeof(struct config_application),
	.fields = application_fields,
	.line = offsetof(struct config_application, line),
};

#define FIELD(member, key, kind, ...)                                          \
	YAML_FIELD(struct config, member, key, kind, __VA_ARGS__)

static const struct yaml_field root_fields[] = {
	FIELD(interface, "interface", INTERFACE),
	YAML_LIST(struct config, interfaces, nr_interfaces, "interfaces",
		  &interface_schema, .max = MAX_INTERFACES),
	FIELD(mode, "mode", ENUM, .unset = "auto", .words = mode_words),
	FIELD(bpffs, "bpffs", STRING, .unset = "/sys/fs/bpf/baton-host",
	      .check = yaml_check_path),
	FIELD(probe_key, "probe_key", STRING, .check = yaml_check_path),
	FIELD(probe_port, "probe_port", INT, .unset = TEXT(BATON_PROBE_PORT),
	      .min = 1, .max = 65535),
	FIELD(gue_port, "gue_port", INT, .unset = TEXT(BATON_GUE_PORT),
	      .min = 1, .max = 65535, .words = gue_words),
	YAML_LIST(struct config, switches, nr_switches, "switches",
		  &address_schema, .required = true,
		  .max = BATON_HOST_MAX_SWITCHES),
	YAML_LIST(struct config, vips, nr_vips, "vips", &address_schema,
		  .max = BATON_HOST_MAX_VIPS),
	YAML_LIST(struct config, servers, nr_servers, "servers",
		  &address_schema, .max = BATON_HOST_MAX_SERVERS),
	FIELD(manage_vips, "manage_vips", BOOL),
	FIELD(lease, "lease", BOOL, .unset = "yes"),
	YAML_LIST(struct config, lease_interfaces, nr_lease_interfaces,
		  "lease_interfaces", &interface_schema,
		  .max = MAX_INTERFACES),
	FIELD(leave_on_exit, "leave_on_exit", BOOL),
	FIELD(heartbeats, "heartbeats", STRING,
	      .unset = BATON_HEARTBEAT_SOCKET, .check = yaml_check_path),
	FIELD(node_key, "node_key", STRING, .check = yaml_check_path),
	FIELD(switch_key, "switch_key", STRING, .check = link_public_check,
	      .needed = has_node_key),
	FIELD(ownership_port, "ownership_port", INT,
	      .unset = TEXT(BATON_OWNERSHIP_PORT), .min = 1, .max = 65535),
	FIELD(control, "control", STRING, .unset = "/run/baton/host.sock",
	      .check = yaml_check_path),
	YAML_LIST(struct config, applications, nr_applications, "applications",
		  &application_schema, .max = BATON_PROBE_APPS),
	{ 0 },
};

static const struct yaml_schema root_schema = {
	.what = "configuration", .size = sizeof(struct config),
	.fields = root_fields, .line = offsetof(struct config, line),
};
/* clang-format on */

/* `interface: x` is short for `interfaces: [x]`. */
static int gather_interfaces(struct config *c, const char *file,
			     struct config_errors *e)
{
	size_t i, j;
	int err = 0;

	if (c->interface[0] && c->nr_interfaces)
		return config_error(e, file, c->interfaces[0].line,
				    "interface: and interfaces: are both "
				    "given; one of them is expected");
	if (!c->interface[0] && !c->nr_interfaces)
		return config_error(e, file, 0,
				    "no interface: the one on which packets "
				    "of the switch arrive is expected");
	if (c->interface[0]) {
		c->interfaces = calloc(1, sizeof(*c->interfaces));
		if (!c->interfaces)
			return -ENOMEM;
		c->nr_interfaces = 1;
		memcpy(c->interfaces[0].name, c->interface,
		       sizeof(c->interface));
		c->interface[0] = '\0';
	}
	for (i = 0; i < c->nr_interfaces; i++)
		for (j = 0; j < i; j++)
			if (!strcmp(c->interfaces[i].name,
				    c->interfaces[j].name))
				err = config_error(e, file,
						   c->interfaces[i].line,
						   "interfaces: %s is given "
						   "twice",
						   c->interfaces[i].name);
	return err;
}

static int by_address(const void *a, const void *b)
{
	const struct config_address *const *x = a, *const *y = b;
	int order = memcmp((*x)->addr.word, (*y)->addr.word,
			   sizeof((*x)->addr.word));

	return order ? order : (*x)->addr.family - (*y)->addr.family;
}

/* No address may be given twice, neither in a list nor in several. */
static int check_addresses(const struct config *c, const char *file,
			   struct config_errors *e)
{
	const struct {
		const struct config_address *list;
		size_t n;
	} lists[] = { { c->switches, c->nr_switches },
		      { c->vips, c->nr_vips },
		      { c->servers, c->nr_servers } };
	size_t i, n = 0;
	const struct config_address **all = calloc(
		c->nr_switches + c->nr_vips + c->nr_servers + 1, sizeof(*all));
	char text[ADDR_TEXT];
	int err = 0;

	if (!all)
		return -ENOMEM;
	for (size_t l = 0; l < sizeof(lists) / sizeof(*lists); l++)
		for (i = 0; i < lists[l].n; i++)
			all[n++] = &lists[l].list[i];
	qsort(all, n, sizeof(*all), by_address);
	for (i = 1; i < n; i++) {
		int a = all[i - 1]->line, b = all[i]->line;

		if (by_address(&all[i - 1], &all[i]))
			continue;
		err = config_error(e, file, a > b ? a : b,
				   "%s is given twice; each address is "
				   "expected once, in switches:, vips: or "
				   "servers:",
				   addr_format(&all[i]->addr, text));
	}
	free(all);
	return err;
}

static bool is_vip(const struct config *c, const struct addr *a)
{
	size_t i;

	for (i = 0; i < c->nr_vips; i++)
		if (addr_equal(&c->vips[i].addr, a))
			return true;
	return false;
}

static int check_command(const struct config_application *a, const char *file,
			 struct config_errors *e)
{
	if (a->check != APP_COMMAND)
		return 0;
	if (!a->nr_command)
		return config_error(e, file, a->line,
				    "application %s: command: is missing",
				    a->name);
	if (a->command[0].text[0] != '/')
		return config_error(e, file, a->line,
				    "application %s: command: %s: a path that "
				    "starts with / is expected first",
				    a->name, a->command[0].text);
	return 0;
}

/* A limit must leave time for a check. */
static int check_times(const struct config_application *a, const char *file,
		       struct config_errors *e)
{
	uint32_t timeout = a->check == APP_PROCESS ? 0 : a->timeout_ms;

	if (a->check == APP_HEARTBEAT || a->limit_ms > a->interval_ms + timeout)
		return 0;
	return config_error(e, file, a->line,
			    "application %s: limit: more than interval and "
			    "timeout together is expected, or it fails "
			    "between two good checks",
			    a->name);
}

static int check_silence(const struct config *c,
			 const struct config_application *a, const char *file,
			 struct config_errors *e)
{
	const struct config_silence *s = &a->silence;
	char text[ADDR_TEXT];

	if (!s->vip.family && (s->protocol || s->port))
		return config_error(e, file, a->line,
				    "application %s: silence: vip: is missing",
				    a->name);
	if (!s->vip.family || is_vip(c, &s->vip))
		return 0;
	return config_error(e, file, a->line,
			    "application %s: silence: %s: an address in vips: "
			    "is expected",
			    a->name, addr_format(&s->vip, text));
}

/* Names must differ, and so must what stands for them in probes. */
static int check_name(const struct config *c, size_t i, const char *file,
		      struct config_errors *e)
{
	const struct config_application *a = &c->applications[i], *b;

	for (b = c->applications; b < a; b++)
		if (baton_tag(a->name) == baton_tag(b->name))
			return config_error(e, file, a->line,
					    "application %s: another name is "
					    "expected, as line %d has the "
					    "same, or one of the same hash",
					    a->name, b->line);
	return 0;
}

static int check_applications(const struct config *c, const char *file,
			      struct config_errors *e)
{
	int err = 0;

	for (size_t i = 0; i < c->nr_applications; i++) {
		const struct config_application *a = &c->applications[i];

		err |= check_name(c, i, file, e) | check_times(a, file, e) |
		       check_command(a, file, e) | check_silence(c, a, file, e);
	}
	return err ? -EINVAL : 0;
}

static int finish(struct config *c, const char *file, int err,
		  struct config_errors *e)
{
	int more;

	if (err)
		return err;
	err = gather_interfaces(c, file, e);
	if (!c->nr_switches)
		err = config_error(e, file, 0,
				   "switches: the list is empty; the "
				   "addresses that the switch sends from are "
				   "expected");
	more = check_addresses(c, file, e);
	err = err ? err : more;
	more = check_applications(c, file, e);
	return err ? err : more;
}

int config_parse(struct config *c, const char *name, const char *text,
		 size_t len, struct config_errors *e)
{
	struct yaml_source source = { .file = name, .text = text, .len = len };

	memset(c, 0, sizeof(*c));
	return finish(c, name, yaml_read(&root_schema, c, &source, e), e);
}

int config_read(struct config *c, const char *path, struct config_errors *e)
{
	memset(c, 0, sizeof(*c));
	return finish(c, path, yaml_read_file(&root_schema, c, path, e), e);
}

void config_free(struct config *c)
{
	yaml_clear(&root_schema, c);
}

void config_swap_applications(struct config *a, struct config *b)
{
	struct config_application *list = a->applications;

	a->applications = b->applications;
	b->applications = list;
}

bool config_needs_egress(const struct config *c)
{
	size_t i;

	for (i = 0; i < c->nr_applications; i++)
		if (c->applications[i].silence.vip.family)
			return true;
	return c->lease;
}

bool config_names(const struct config_interface *list, size_t n,
		  const char *name)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!strcmp(list[i].name, name))
			return true;
	return false;
}

static bool same_interfaces(const struct config_interface *a, size_t nr_a,
			    const struct config_interface *b, size_t nr_b)
{
	size_t i;

	if (nr_a != nr_b)
		return false;
	for (i = 0; i < nr_a; i++)
		if (strcmp(a[i].name, b[i].name))
			return false;
	return true;
}

static bool same_applications(const struct config *a, const struct config *b)
{
	size_t i;

	if (a->nr_applications != b->nr_applications)
		return false;
	for (i = 0; i < a->nr_applications; i++)
		if (!yaml_equal(&application_schema, &a->applications[i],
				&b->applications[i]))
			return false;
	return true;
}

const char *config_needs_restart(const struct config *from,
				 const struct config *to)
{
	if (from->mode != to->mode)
		return "mode";
	if (strcmp(from->bpffs, to->bpffs))
		return "bpffs";
	if (!same_interfaces(from->interfaces, from->nr_interfaces,
			     to->interfaces, to->nr_interfaces))
		return "interfaces";
	if (from->lease != to->lease ||
	    !same_interfaces(from->lease_interfaces, from->nr_lease_interfaces,
			     to->lease_interfaces, to->nr_lease_interfaces))
		return "lease";
	if (from->leave_on_exit != to->leave_on_exit)
		return "leave-on-exit";
	if (strcmp(from->heartbeats, to->heartbeats))
		return "heartbeats";
	if (strcmp(from->node_key ?: "", to->node_key ?: ""))
		return "node-key";
	if (strcmp(from->switch_key ?: "", to->switch_key ?: ""))
		return "switch-key";
	if (from->ownership_port != to->ownership_port)
		return "ownership-port";
	if (strcmp(from->control, to->control))
		return "control";
	if (!same_applications(from, to))
		return "applications";
	return NULL;
}
