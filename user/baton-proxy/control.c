// SPDX-License-Identifier: GPL-2.0-only
#include "control.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/jsonserver.h"
#include "lib/jsontext.h"

struct protection service_protection(const struct service *s)
{
	const struct proxy *p = s->proxy;

	return (struct protection){
		.standby = p->guardian,
		.complete = p->guardian && !s->fresh && !s->syncing &&
			    !s->snapshot_end && !s->unkept,
		.withheld = policy_holds(s->config->policy),
		.unreleased = !p->guardian && !claims_gate(s, false) &&
			      s->config->on_loss == ON_LOSS_GO_ON,
		.acked = p->acked,
	};
}

static bool is_played(const struct service *s)
{
	return s->role == BATON_LINK_ROLE_OWNER &&
	       s->config->policy != POLICY_NONE;
}

/* The service of this name; NULL: there is none, `why` says so. */
static const struct service *named(const struct proxy *p, const char *name,
				   char why[JSONSERVER_WHY])
{
	for (size_t i = 0; i < p->config->nr_services; i++)
		if (!strcmp(p->config->services[i].name, name))
			return &p->service[i];
	snprintf(why, JSONSERVER_WHY, "there is no service \"%.64s\"", name);
	return NULL;
}

static json_t *connections(struct proxy *p, const json_t *request,
			   char why[JSONSERVER_WHY])
{
	const json_t *name = json_object_get(request, "name");
	const struct service *s = NULL;

	if (name && !json_is_string(name)) {
		snprintf(why, JSONSERVER_WHY, "\"name\": expected a text");
		return NULL;
	}
	if (name) {
		s = named(p, json_string_value(name), why);
		if (!s)
			return NULL;
	}
	return show_connections(p, s);
}

static json_t *show(struct proxy *p, const json_t *request,
		    char why[JSONSERVER_WHY])
{
	(void)request;
	(void)why;
	return show_proxy(p);
}

/* Would a live move to the standby lose anything? */
static bool can_leave(const struct service *s, char why[JSONSERVER_WHY])
{
	const struct protection with = service_protection(s);

	if (with.standby && with.complete && !s->taking)
		return true;
	snprintf(why, JSONSERVER_WHY,
		 "service %s: its connections would be lost, because %s (force "
		 "it, or wait)",
		 s->config->name,
		 !with.standby ? exposure_text(EXPOSURE_NO_STANDBY)
		 : s->taking   ? "they are still being taken over"
			       : exposure_text(EXPOSURE_SYNCING));
	return false;
}

/* What the move itself takes is the agent's word to the switch: who asks says
 * that, with this. */
static json_t *leave(struct proxy *p, const json_t *request,
		     char why[JSONSERVER_WHY])
{
	bool force = json_is_true(json_object_get(request, "force"));
	json_t *names = json_array();

	for (size_t i = 0; i < p->config->nr_services; i++) {
		const struct service *s = &p->service[i];

		if (!is_played(s))
			continue;
		if (!force && p->replica.nr[i] && !can_leave(s, why)) {
			json_decref(names);
			return NULL;
		}
		json_array_append_new(names, jsontext(s->config->name));
	}
	return json_pack("{s:o, s:o}", "services", names, "agent",
			 jsontext(p->config->agent));
}

static const struct {
	const char *what;
	json_t *(*run)(struct proxy *p, const json_t *request,
		       char why[JSONSERVER_WHY]);
} requests[] = {
	{ "proxy.show", show },
	{ "proxy.leave", leave },
	{ "connection.show", connections },
};

static json_t *on_request(void *arg, struct jsonserver_client *client,
			  const char *what, const json_t *request,
			  char why[JSONSERVER_WHY])
{
	(void)client;
	snprintf(why, JSONSERVER_WHY, "out of memory");
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		if (!strcmp(requests[i].what, what))
			return requests[i].run(arg, request, why);
	snprintf(why, JSONSERVER_WHY, "\"%.64s\": no such request", what);
	return NULL;
}

int control_open(struct proxy *p)
{
	/* whoever left it there is gone: its queues and ports were free */
	return jsonserver_open(&p->control, p->loop, p->config->control,
			       on_request, p);
}

void control_close(struct proxy *p)
{
	if (!p->control)
		return;
	jsonserver_close(p->control);
	uv_run(p->loop, UV_RUN_NOWAIT);
	unlink(p->config->control);
}
