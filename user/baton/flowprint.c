// SPDX-License-Identifier: GPL-2.0-only
#include "flowprint.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <string.h>

#include "units.h"

/* Rows that are aligned with each other before they are printed. */
#define BATCH 256

#define ENDPOINT_TEXT (ADDR_TEXT + 9)

static const struct column columns[] = {
	{ "CLIENT", false },	{ "SERVICE", false }, { "VIP", false },
	{ "OWNER", false },	{ "HOST", false },    { "STATE", false },
	{ "CONFIRMED", false }, { "IDLE", true },
};

#define NR_COLUMNS (sizeof(columns) / sizeof(*columns))

static const char *const state_labels[] = {
#define X(name, label, text) label,
	BATON_FLOW_STATES(X)
#undef X
};

static const char *state_label(const struct baton_flow *flow)
{
	return flow->state < BATON_NR_FLOW_STATES ? state_labels[flow->state]
						  : "?";
}

/* Address and port; without the port when it is 0. */
static void endpoint(char text[ENDPOINT_TEXT], const struct addr *a,
		     uint16_t port)
{
	char address[ADDR_TEXT];
	bool brackets = a->family == 6 && port;

	addr_format(a, address);
	if (port)
		snprintf(text, ENDPOINT_TEXT, "%s%s%s:%u", brackets ? "[" : "",
			 address, brackets ? "]" : "", port);
	else
		snprintf(text, ENDPOINT_TEXT, "%s", address);
}

static struct addr vip_of(const struct baton_service_info *service)
{
	struct addr vip = { .family = service ? service->family : 0 };

	if (service)
		memcpy(vip.word, service->vip, sizeof(vip.word));
	return vip;
}

/* Seconds since the last packet, negative if it cannot be told. */
static double idle(const struct flowprint *p, const struct baton_flow *flow)
{
	if (p->now < 0 || !flow)
		return -1;
	return flowmap_seconds(p->meta,
			       flowmap_age((uint16_t)p->now, flow->seen));
}

static void row_table(struct flowprint *p, const struct flowmap_key *key,
		      uint16_t owner, const struct baton_flow *flow)
{
	const struct baton_service_info *service =
		names_service(p->names, key->service);
	struct addr vip = vip_of(service);
	char text[ENDPOINT_TEXT], name[NAMES_TEXT], unit[UNIT_TEXT];
	uint16_t host = names_host_of(p->names, owner);
	const char *state = flow ? state_label(flow) : "-";
	double seconds = idle(p, flow);

	endpoint(text, &key->client, key->port);
	table_cell(&p->table, COLOUR_NONE, text);
	table_cell(&p->table, COLOUR_NONE,
		   names_service_text(p->names, key->service, name));
	endpoint(text, &vip, service ? ntohs(service->port) : 0);
	table_cell(&p->table, COLOUR_NONE, vip.family ? text : "-");
	table_cell(&p->table, COLOUR_NONE,
		   names_owner_text(p->names, owner, name));
	table_cell(&p->table, COLOUR_NONE,
		   names_host_text(p->names, host, name));
	table_cell(&p->table, colour_of(state), state);
	table_cell(&p->table, COLOUR_NONE,
		   !flow				? "-"
		   : flow->flags & BATON_FLOW_CONFIRMED ? "yes"
							: "no");
	table_cell(&p->table, COLOUR_NONE,
		   seconds < 0 ? "-" : unit_ns(unit, (int)seconds * 1e9));
	if (p->rows % BATCH == BATCH - 1)
		table_flush(&p->table, p->f, p->options->colour);
}

static json_t *name_or_null(uint16_t id, const char *name)
{
	return id ? json_string(name) : json_null();
}

static void row_json(struct flowprint *p, const struct flowmap_key *key,
		     uint16_t owner, const struct baton_flow *flow)
{
	const struct baton_service_info *service =
		names_service(p->names, key->service);
	struct addr vip = vip_of(service);
	char client[ADDR_TEXT], vip_text[ADDR_TEXT], name[NAMES_TEXT];
	uint16_t host = names_host_of(p->names, owner);
	double seconds = idle(p, flow);
	json_t *row = json_object();

	json_object_set_new(row, "client",
			    json_string(addr_format(&key->client, client)));
	json_object_set_new(row, "port", json_integer(key->port));
	json_object_set_new(
		row, "service",
		json_string(names_service_text(p->names, key->service, name)));
	json_object_set_new(row, "vip",
			    name_or_null(vip.family,
					 addr_format(&vip, vip_text)));
	json_object_set_new(row, "vip_port",
			    service ? json_integer(ntohs(service->port))
				    : json_null());
	json_object_set_new(
		row, "owner",
		name_or_null(owner, names_owner_text(p->names, owner, name)));
	json_object_set_new(
		row, "host",
		name_or_null(host, names_host_text(p->names, host, name)));
	json_object_set_new(row, "recorded", json_boolean(flow));
	json_object_set_new(row, "state",
			    flow ? json_string(state_label(flow))
				 : json_null());
	json_object_set_new(row, "confirmed",
			    flow ? json_boolean(flow->flags &
						BATON_FLOW_CONFIRMED)
				 : json_null());
	json_object_set_new(row, "idle_s",
			    seconds < 0 ? json_null() : json_real(seconds));
	fputs(p->rows ? ",\n" : "[", p->f);
	json_dumpf(row, p->f,
		   JSON_REAL_PRECISION(9) |
			   (p->options->pretty ? JSON_INDENT(2) : 0));
	json_decref(row);
}

void flowprint_start(struct flowprint *p, const struct options *o, FILE *f,
		     const struct names *n, const struct baton_meta *meta,
		     int now)
{
	memset(p, 0, sizeof(*p));
	p->options = o;
	p->names = n;
	p->meta = meta;
	p->f = f;
	p->now = now;
	table_init(&p->table, columns, NR_COLUMNS);
}

void flowprint_row(struct flowprint *p, const struct flowmap_key *key,
		   uint16_t owner, const struct baton_flow *flow)
{
	if (p->options->json)
		row_json(p, key, owner, flow);
	else
		row_table(p, key, owner, flow);
	p->rows++;
}

void flowprint_end(struct flowprint *p)
{
	if (p->options->json)
		fputs(p->rows ? "]\n" : "[]\n", p->f);
	else
		table_flush(&p->table, p->f, p->options->colour);
	table_free(&p->table);
}
