// SPDX-License-Identifier: GPL-2.0-only
#include "proxycmd.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "lib/agent/word.h"
#include "lib/clock.h"
#include "remote.h"
#include "show.h"
#include "units.h"

#define POLL 2000000 /* ns, between two questions whether all has moved */

/* --- drain -------------------------------------------------------------------- */

/* The agent says it to the switch, which moves what this host plays. */
static int say(const char *agent, enum baton_host_word word, int *heard)
{
	struct pins pins;
	int err = pins_open(&pins, agent);

	if (err)
		return complain(STATUS_REFUSED, "agent %s: %s", agent,
				err == -ENOENT	 ? "nothing is there; start "
						   "baton-host first"
				: err == -EPROTO ? "made by another version of "
						   "baton-host"
						 : strerror(-err));
	*heard = word_say(&pins, word);
	pins_close(&pins);
	return STATUS_OK;
}

/* How many of its services this host plays, by the proxy's answer. */
static size_t played(const json_t *proxy)
{
	const json_t *services = json_object_get(proxy, "services"), *s;
	size_t i, n = 0;

	json_array_foreach(services, i, s)
	{
		n += !strcmp(show_string(s, "role"), "owner");
	}
	return n;
}

/* Wait until other hosts play all of it: 0 or an exit status. */
static int wait_moved(struct remote *r, const struct options *o, uint64_t since)
{
	const struct timespec pause = { .tv_nsec = POLL };
	uint64_t limit = since + (uint64_t)o->timeout_ms * 1000000;
	int status;

	for (;;) {
		json_t *proxy = remote_request(r, "proxy.show", NULL, &status);
		size_t left = played(proxy);

		json_decref(proxy);
		if (status || !left)
			return status;
		if (clock_ns() > limit)
			return complain(STATUS_REFUSED,
					"%zu services have not moved within "
					"%g s; `baton owner show` on the "
					"switch says what holds their owners "
					"(`baton proxy drain off` takes the "
					"word back)",
					left, o->timeout_ms / 1000.0);
		nanosleep(&pause, NULL);
	}
}

static void report(const struct options *o, size_t services, uint64_t took)
{
	char text[UNIT_TEXT];

	if (o->json)
		printf("{\"services\": %zu, \"ns\": %llu}\n", services,
		       (unsigned long long)took);
	else if (services)
		printf("%zu services moved within %s\n", services,
		       unit_ns(text, took));
	else
		puts("nothing to move; nothing will be moved here");
}

static int drain(struct remote *r, json_t *args, const struct options *o)
{
	uint64_t since = clock_ns();
	int status, heard;
	size_t services;
	json_t *leave = remote_request(r, "proxy.leave", args, &status);

	if (!leave)
		return status;
	services = json_array_size(json_object_get(leave, "services"));
	status = say(show_string(leave, "agent"), BATON_WORD_LEAVING, &heard);
	json_decref(leave);
	if (!status && services && !heard)
		return complain(STATUS_REFUSED, "no switch has asked this host "
						"lately, so none "
						"was told; it will be when it "
						"asks");
	status = status ?: wait_moved(r, o, since);
	if (!status)
		report(o, services, clock_ns() - since);
	return status;
}

static int undrain(struct remote *r)
{
	json_t *force = json_pack("{s:b}", "force", 1);
	int status, heard;
	json_t *leave = remote_request(r, "proxy.leave", force, &status);

	json_decref(force);
	if (leave)
		status =
			say(show_string(leave, "agent"), BATON_WORD_UP, &heard);
	json_decref(leave);
	return status;
}

int proxy_drain(const struct verb *verb, json_t *args, const struct options *o)
{
	struct remote r;
	int status = remote_open(&r, o);

	(void)verb;
	if (status)
		return status;
	status = json_is_false(json_object_get(args, "on"))
			 ? undrain(&r)
			 : drain(&r, args, o);
	remote_close(&r);
	return status;
}

/* --- show --------------------------------------------------------------------- */

static const struct show_column service_columns[] = {
	{ "SERVICE", "name" },
	{ "VIP", "vip" },
	{ "PORT", "port" },
	{ "POLICY", "policy" },
	{ "OWNER", "owner" },
	{ "ROLE", "role" },
	{ "EPOCH", "epoch" },
	{ "COMPLETE", "complete" },
	{ "CONNECTIONS", "connections" },
	{ "TAKING", "taking_over" },
};

static const struct show_column peer_columns[] = {
	{ "PEER", "name" },	      { "LINK", "link" },
	{ "STORES", "stores" },	      { "BEHIND", "behind" },
	{ "QUEUED", "queued_bytes" }, { "RTT", "rtt_us" },
};

static const struct show_column connection_columns[] = {
	{ "SERVICE", "service" }, { "CLIENT", "client" },
	{ "PORT", "port" },	  { "STATE", "state" },
	{ "IN", "in_bytes" },	  { "OUT", "out_bytes" },
	{ "KEPT", "kept_bytes" }, { "BEHIND", "behind_bytes" },
	{ "IDLE", "idle_ms" },	  { "LOST NOW", "lost_now" },
	{ "LOST", "lost_bytes" }, { "BECAUSE", "because" },
};

void show_proxy(const struct options *o, FILE *f, const json_t *data,
		const json_t *args)
{
	const json_t *n;
	const char *name;
	char up[UNIT_TEXT];

	(void)args;
	text_coloured(f, COLOUR_HEAD, o->colour, "baton-proxy");
	putc(' ', f);
	text_print(f, show_string(data, "version"), false);
	fputs(" of node ", f);
	text_print(f, show_string(data, "node"), false);
	fprintf(f, ", pid %.0f, up %s, %.0f relays", show_number(data, "pid"),
		unit_seconds(up, show_number(data, "uptime_s")),
		show_number(data, "relays"));
	if (json_is_string(json_object_get(data, "ownership"))) {
		fputs(", agent ", f);
		text_print(f, show_string(data, "ownership"), false);
	}
	fputs("\n\n", f);
	show_table(o, f, json_object_get(data, "services"), service_columns,
		   SHOW_LEN(service_columns));
	if (json_array_size(json_object_get(data, "peers"))) {
		putc('\n', f);
		show_table(o, f, json_object_get(data, "peers"), peer_columns,
			   SHOW_LEN(peer_columns));
	}
	putc('\n', f);
	json_object_foreach(json_object_get(data, "counters"), name, n)
	{
		if (!o->all && !json_number_value(n))
			continue;
		fprintf(f, "%15.0f  ", json_number_value(n));
		text_print(f, name, false);
		putc('\n', f);
	}
}

void show_connections(const struct options *o, FILE *f, const json_t *data,
		      const json_t *args)
{
	(void)args;
	show_table(o, f, data, connection_columns,
		   SHOW_LEN(connection_columns));
}
