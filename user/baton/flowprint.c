// SPDX-License-Identifier: GPL-2.0-only
#include "flowprint.h"

#include <arpa/inet.h>
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
		   seconds < 0 ? "-" : unit_seconds(unit, seconds));
	if (p->rows % BATCH == BATCH - 1)
		table_flush(&p->table, p->f, p->options->colour);
}

/* A name from a map as a JSON string; null for none. */
static void put_name(FILE *f, const char *key, bool some, const char *text)
{
	fprintf(f, "\"%s\": ", key);
	if (!some) {
		fputs("null, ", f);
		return;
	}
	putc('"', f);
	for (; *text; text++) {
		unsigned char c = *text;

		if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
			fprintf(f, "\\u%04x", c);
		else
			putc(c, f);
	}
	fputs("\", ", f);
}

/* Written by hand: there may be millions, and by way of a tree each takes four
 * times as long. */
static void row_json(struct flowprint *p, const struct flowmap_key *key,
		     uint16_t owner, const struct baton_flow *flow)
{
	const struct baton_service_info *service =
		names_service(p->names, key->service);
	struct addr vip = vip_of(service);
	char address[ADDR_TEXT], name[NAMES_TEXT];
	uint16_t host = names_host_of(p->names, owner);
	double seconds = idle(p, flow);
	FILE *f = p->f;

	fprintf(f, "%s{\"client\": \"%s\", \"port\": %u, ",
		p->rows ? ",\n" : "[", addr_format(&key->client, address),
		key->port);
	put_name(f, "service", true,
		 names_service_text(p->names, key->service, name));
	put_name(f, "vip", service, addr_format(&vip, address));
	if (service)
		fprintf(f, "\"vip_port\": %u, ", ntohs(service->port));
	else
		fputs("\"vip_port\": null, ", f);
	put_name(f, "owner", owner, names_owner_text(p->names, owner, name));
	put_name(f, "host", host, names_host_text(p->names, host, name));
	put_name(f, "state", flow, flow ? state_label(flow) : "");
	fprintf(f, "\"recorded\": %s, \"confirmed\": %s, ",
		flow ? "true" : "false",
		!flow				     ? "null"
		: flow->flags & BATON_FLOW_CONFIRMED ? "true"
						     : "false");
	if (seconds < 0)
		fputs("\"idle_s\": null}", f);
	else
		fprintf(f, "\"idle_s\": %.3f}", seconds);
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
