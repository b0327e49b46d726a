// SPDX-License-Identifier: GPL-2.0-only
#include "filter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/why.h"

#define fail(err, error, ...) why_set(error, COMMAND_ERROR, -(err), __VA_ARGS__)

/* ADDRESS or ADDRESS/LENGTH */
static int parse_client(struct filter *f, const char *text,
			char error[COMMAND_ERROR])
{
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	unsigned int most;
	char address[ADDR_TEXT], *end;
	unsigned long bits;

	if (len >= sizeof(address))
		return fail(EINVAL, error, "client: '%.60s' is no address",
			    text);
	memcpy(address, text, len);
	address[len] = '\0';
	if (addr_parse(&f->client, address))
		return fail(EINVAL, error, "client: '%s' is no IP address",
			    address);
	most = f->client.family == 4 ? 32 : 128;
	f->prefix = most;
	if (!slash)
		return 0;
	bits = strtoul(slash + 1, &end, 10);
	if (slash[1] < '0' || slash[1] > '9' || *end || bits > most)
		return fail(EINVAL, error,
			    "client: prefix length '%.20s', 0 to %u is "
			    "expected",
			    slash + 1, most);
	f->prefix = (unsigned int)bits;
	return 0;
}

static int parse_state(struct filter *f, const char *text,
		       char error[COMMAND_ERROR])
{
	static const char *const labels[] = {
#define X(name, label, text) label,
		BATON_FLOW_STATES(X)
#undef X
	};
	static const char known[] =
#define X(name, label, text) " " label
		BATON_FLOW_STATES(X)
#undef X
		;

	for (int i = 0; i < BATON_NR_FLOW_STATES; i++) {
		if (strcmp(text, labels[i]))
			continue;
		f->state = i;
		return 0;
	}
	return fail(EINVAL, error, "state '%.40s', expected one of:%s", text,
		    known);
}

static int parse_name(uint16_t *id, const json_t *args, const char *kind,
		      uint16_t (*find)(const struct names *, const char *),
		      const struct names *n, char error[COMMAND_ERROR])
{
	const char *name = json_string_value(json_object_get(args, kind));

	if (!name)
		return 0;
	*id = find(n, name);
	return *id ? 0
		   : fail(ENOENT, error, "there is no %s '%.40s'", kind, name);
}

static int parse_port(struct filter *f, const json_t *port,
		      char error[COMMAND_ERROR])
{
	json_int_t n = json_integer_value(port);

	if (!port)
		return 0;
	if (n < 0 || n > 65535)
		return fail(EINVAL, error, "port: 0 to 65535 is expected");
	f->port = (int)n;
	return 0;
}

int filter_parse(struct filter *f, const json_t *args, const struct names *n,
		 char error[COMMAND_ERROR])
{
	const char *client, *state;
	const json_t *value;
	int err = 0;

	memset(f, 0, sizeof(*f));
	f->port = f->state = f->confirmed = -1;
	f->limit = -1;
	client = json_string_value(json_object_get(args, "client"));
	state = json_string_value(json_object_get(args, "state"));
	value = json_object_get(args, "confirmed");
	if (value)
		f->confirmed = json_is_true(value);
	value = json_object_get(args, "limit");
	if (value)
		f->limit = json_integer_value(value);
	if (client)
		err = parse_client(f, client, error);
	if (!err && state)
		err = parse_state(f, state, error);
	if (!err)
		err = parse_port(f, json_object_get(args, "port"), error);
	if (!err)
		err = parse_name(&f->service, args, "service",
				 names_find_service, n, error);
	if (!err)
		err = parse_name(&f->owner, args, "owner", names_find_owner, n,
				 error);
	if (!err)
		err = parse_name(&f->host, args, "host", names_find_host, n,
				 error);
	return err;
}

static bool within(const struct addr *a, const struct addr *prefix,
		   unsigned int bits)
{
	if (a->family != prefix->family)
		return false;
	for (int i = 0; i < 4 && bits; i++) {
		unsigned int here = bits < 32 ? bits : 32;

		if (ntohl(a->word[i] ^ prefix->word[i]) >> (32 - here))
			return false;
		bits -= here;
	}
	return true;
}

bool filter_match(const struct filter *f, const struct names *n,
		  const struct flowmap_slot *slot)
{
	const struct baton_flow *flow = &slot->flow;
	struct flowmap_key key;

	/* Without an owner it is only just being recorded. */
	if (!flow->owner || (f->owner && flow->owner != f->owner) ||
	    (f->host && names_host_of(n, flow->owner) != f->host) ||
	    (f->state >= 0 && flow->state != f->state) ||
	    (f->confirmed >= 0 &&
	     !!(flow->flags & BATON_FLOW_CONFIRMED) != f->confirmed) ||
	    (f->service && flowmap_service(slot) != f->service))
		return false;
	if (f->port < 0 && !f->client.family)
		return true;
	flowmap_decode(slot, &key);
	return (f->port < 0 || key.port == f->port) &&
	       (!f->client.family ||
		within(&key.client, &f->client, f->prefix));
}

bool filter_is_key(const struct filter *f, const struct names *n,
		   struct flowmap_key *key)
{
	const struct baton_service_info *service = names_service(n, f->service);
	bool ipsec = service && (service->flags & BATON_SERVICE_IPSEC);

	if (!service || f->client.family == 0 ||
	    f->prefix != (f->client.family == 4 ? 32 : 128) ||
	    (f->port < 0 && !ipsec))
		return false;
	*key = (struct flowmap_key){
		.client = f->client,
		.port = f->port < 0 ? 0 : f->port,
		.service = f->service,
	};
	return true;
}
