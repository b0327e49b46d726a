// SPDX-License-Identifier: GPL-2.0-only
#include "commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failover.h"
#include "running.h"

static const char *text(const json_t *request, const char *field)
{
	return json_string_value(json_object_get(request, field));
}

static const char *needed_name(const json_t *request, char why[COMMAND_WHY])
{
	const char *name = text(request, "name");

	if (!name)
		snprintf(why, COMMAND_WHY,
			 "field \"name\": expected a name, as a string");
	return name;
}

/* --- edits -------------------------------------------------------------------- */

/* "service" of "service.add" */
static void kind_of(const json_t *request, char kind[16])
{
	snprintf(kind, 16, "%.*s", (int)strcspn(text(request, "do"), "."),
		 text(request, "do"));
}

static json_t *put(struct batond *b, const json_t *request, bool replace,
		   char why[COMMAND_WHY])
{
	json_t *object = json_object_get(request, "object");
	char kind[16], *yaml;
	json_t *answer;

	if (!json_is_object(object)) {
		snprintf(why, COMMAND_WHY,
			 "field \"object\": expected a JSON object with the "
			 "fields of the configuration file");
		return NULL;
	}
	kind_of(request, kind);
	yaml = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);
	answer = running_put(b, kind, yaml, replace, why);
	free(yaml);
	return answer;
}

static json_t *add(struct batond *b, const json_t *request,
		   char why[COMMAND_WHY])
{
	return put(b, request, false, why);
}

static json_t *set(struct batond *b, const json_t *request,
		   char why[COMMAND_WHY])
{
	return put(b, request, true, why);
}

static json_t *del(struct batond *b, const json_t *request,
		   char why[COMMAND_WHY])
{
	const char *name = needed_name(request, why);
	char kind[16];

	if (!name)
		return NULL;
	kind_of(request, kind);
	return running_drop(b, kind, name, why);
}

static json_t *drain(struct batond *b, const json_t *request,
		     char why[COMMAND_WHY])
{
	const char *name = needed_name(request, why);
	const json_t *on = json_object_get(request, "on");
	char kind[16], *yaml;
	json_t *object, *answer;

	if (!name)
		return NULL;
	if (!json_is_boolean(on)) {
		snprintf(why, COMMAND_WHY,
			 "field \"on\": expected true or false");
		return NULL;
	}
	kind_of(request, kind);
	object = json_pack("{s:s, s:b}", "name", name, "drain",
			   json_is_true(on));
	yaml = json_dumps(object, JSON_COMPACT);
	answer = running_put(b, kind, yaml, true, why);
	free(yaml);
	json_decref(object);
	return answer;
}

/* Of the host that is named, or of the whole. */
static json_t *set_maintenance(struct batond *b, const json_t *request, bool on,
			       char why[COMMAND_WHY])
{
	const json_t *name = json_object_get(request, "name");

	if (name && !json_is_string(name)) {
		needed_name(request, why);
		return NULL;
	}
	return running_set_maintenance(b, json_string_value(name), on, why);
}

static json_t *maintenance_on(struct batond *b, const json_t *request,
			      char why[COMMAND_WHY])
{
	return set_maintenance(b, request, true, why);
}

static json_t *maintenance_off(struct batond *b, const json_t *request,
			       char why[COMMAND_WHY])
{
	return set_maintenance(b, request, false, why);
}

/* --- moves -------------------------------------------------------------------- */

static json_t *failover(struct batond *b, const json_t *request,
			char why[COMMAND_WHY])
{
	const char *name = needed_name(request, why);

	return name ? failover_owner(
			      b, name, text(request, "to"),
			      json_is_true(json_object_get(request, "force")),
			      why)
		    : NULL;
}

static json_t *failback(struct batond *b, const json_t *request,
			char why[COMMAND_WHY])
{
	const char *name = needed_name(request, why);

	return name ? failback_owner(
			      b, name,
			      json_is_true(json_object_get(request, "force")),
			      why)
		    : NULL;
}

static json_t *replay_owner(struct batond *b, const json_t *request,
			    char why[COMMAND_WHY])
{
	const char *name = needed_name(request, why);

	return name ? failover_replay(b, name, why) : NULL;
}

static json_t *reload(struct batond *b, const json_t *request,
		      char why[COMMAND_WHY])
{
	(void)request;
	return running_reload(b, why);
}

/* --- the table ---------------------------------------------------------------- */

static const struct {
	const char *what;
	command_fn *run;
} commands[] = {
	{ "status", show_status },
	{ "stats", show_stats },
	{ "ownership.show", show_ownership },
	{ "service.show", show_services },
	{ "service.add", add },
	{ "service.set", set },
	{ "service.del", del },
	{ "host.show", show_hosts },
	{ "host.add", add },
	{ "host.set", set },
	{ "host.del", del },
	{ "host.drain", drain },
	{ "owner.show", show_owners },
	{ "owner.add", add },
	{ "owner.set", set },
	{ "owner.del", del },
	{ "owner.drain", drain },
	{ "owner.failover", failover },
	{ "owner.failback", failback },
	{ "owner.replay", replay_owner },
	{ "owner.plan", show_plan },
	{ "event.show", show_events },
	{ "event.watch", show_events },
	{ "config.show", show_config },
	{ "maintenance.show", show_maintenance },
	{ "maintenance.on", maintenance_on },
	{ "maintenance.off", maintenance_off },
	{ "reload", reload },
};

json_t *command_run(struct batond *b, const char *what, const json_t *request,
		    char why[COMMAND_WHY])
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(commands[i].what, what))
			return commands[i].run(b, request, why);
	snprintf(why, COMMAND_WHY, "\"%.64s\": no such request", what);
	return NULL;
}
