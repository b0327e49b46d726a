// SPDX-License-Identifier: GPL-2.0-only
#include "own_show.h"

#include <string.h>

#include "lib/clock.h"
#include "lib/ownership/own_place.h"

#define LABELS(name, LIST) static const char *const name[] = { LIST(LABEL) }
#define LABEL(name, label, ...) label,

LABELS(words, BATON_HOST_WORDS);
LABELS(app_states, BATON_APP_STATES);
LABELS(roles, BATON_OWNERSHIP_ROLES);
LABELS(host_states, BATON_HOST_STATES);
LABELS(owner_states, BATON_OWNER_STATES);
LABELS(policies, BATON_STANDBY_POLICIES);
LABELS(failbacks, BATON_FAILBACKS);

static const struct own_record *by_switch(const struct own_speaker *s,
					  uint8_t kind, uint16_t slot)
{
	return own_speaker_find(s, BATON_OWNERSHIP_SWITCH, kind, slot);
}

static json_t *address_text(uint8_t family, const uint8_t ip[16])
{
	struct addr a = { .family = family };
	char text[ADDR_TEXT];

	memcpy(a.word, ip, sizeof(a.word));
	return json_string(addr_format(&a, text));
}

static json_t *host_name(const struct own_speaker *s, uint16_t id)
{
	const struct own_record *r =
		id ? by_switch(s, BATON_OWNERSHIP_MEMBER, id) : NULL;

	return r ? json_string(r->listed.name) : json_null();
}

static json_t *owner_name(const struct own_speaker *s, uint16_t id)
{
	const struct own_record *r = by_switch(s, BATON_OWNERSHIP_OWNER, id);

	return r ? json_string(r->owner.name) : json_null();
}

/* Of the owner's word. */
static json_int_t epoch(uint64_t of)
{
	return (uint32_t)of;
}

/* --- what a node says of itself ---------------------------------------------------- */

typedef json_t *show_fn(const struct own_speaker *s,
			const struct own_record *r);

/* All records of a kind. */
static json_t *all_of(const struct own_speaker *s, uint16_t id, uint8_t kind,
		      show_fn *show)
{
	json_t *all = json_array();

	for (uint16_t i = 0; i < own_slots(kind); i++) {
		const struct own_record *r = own_speaker_find(s, id, kind, i);

		if (r)
			json_array_append_new(all, show(s, r));
	}
	return all;
}

static json_t *address(const struct own_speaker *s, const struct own_record *r)
{
	const struct own_address *a = &r->address;
	char mac[MAC_TEXT];

	(void)s;
	return json_pack("{s:o, s:o}", "address",
			 address_text(a->family, a->address), "mac",
			 mac_is_zero(a->mac)
				 ? json_null()
				 : json_string(mac_format(a->mac, mac)));
}

static json_t *application(const struct own_speaker *s,
			   const struct own_record *r)
{
	(void)s;
	return json_pack("{s:s, s:i, s:i, s:s}", "name", r->app.name,
			 "protocol", r->app.protocol, "port", r->app.port,
			 "state", app_states[r->app.state]);
}

static json_t *holding(const struct own_speaker *s, const struct own_record *r)
{
	return json_pack("{s:o, s:s, s:I}", "owner",
			 owner_name(s, r->holding.owner), "role",
			 roles[r->holding.role], "epoch",
			 epoch(r->holding.epoch));
}

json_t *own_show_announced(const struct own_speaker *s, uint16_t id)
{
	const struct own_record *node =
		s->begun ? own_speaker_find(s, id, BATON_OWNERSHIP_NODE, 0)
			 : NULL;
	uint64_t silence = own_speaker_silence(s, id, clock_ns());

	if (!node)
		return json_null();
	return json_pack(
		"{s:s, s:s, s:o, s:o, s:o, s:o}", "name", node->node.name,
		"word", words[node->node.word], "addresses",
		all_of(s, id, BATON_OWNERSHIP_ADDRESS, address), "applications",
		all_of(s, id, BATON_OWNERSHIP_APP, application), "holds",
		all_of(s, id, BATON_OWNERSHIP_HOLDING, holding), "heard_ms",
		silence == UINT64_MAX ? json_null() /* it is this one */
				      : json_real(silence / 1e6));
}

/* --- what the switch says ----------------------------------------------------------- */

static bool is_asked(const char *name, const char *of)
{
	return !name || !strcmp(name, of);
}

static json_t *owners_of(const struct own_speaker *s, uint16_t host)
{
	json_t *all = json_array();

	for (uint16_t i = 1; i < own_slots(BATON_OWNERSHIP_OWNER); i++) {
		const struct own_record *r =
			by_switch(s, BATON_OWNERSHIP_OWNER, i);

		if (r && r->owner.host == host)
			json_array_append_new(all, json_string(r->owner.name));
	}
	return all;
}

json_t *own_show_hosts(const struct own_speaker *s, const char *name)
{
	json_t *all = json_array();

	for (uint16_t i = 1; s->begun && i < BATON_OWNERSHIP_NODES; i++) {
		const struct own_record *r =
			by_switch(s, BATON_OWNERSHIP_MEMBER, i);
		const struct own_record *node =
			own_speaker_find(s, i, BATON_OWNERSHIP_NODE, 0);

		if (!r || !is_asked(name, r->listed.name))
			continue;
		json_array_append_new(
			all,
			json_pack("{s:s, s:i, s:o, s:s, s:o, s:o, s:o}", "name",
				  r->listed.name, "id", (int)i, "address",
				  address_text(r->listed.family,
					       r->listed.address),
				  "state", host_states[r->listed.state], "word",
				  node ? json_string(words[node->node.word])
				       : json_null(),
				  "owners", owners_of(s, i), "announced",
				  own_show_announced(s, i)));
	}
	return all;
}

/* Hosts that hold all that was acknowledged. */
static json_t *complete(const struct own_speaker *s, const struct own_owner *o)
{
	json_t *all = json_array();

	for (int i = 0; i < BATON_OWNERSHIP_PLACES; i++)
		if (o->complete & own_place_bit(i))
			json_array_append_new(
				all,
				host_name(s, own_place_host(o->home,
							    o->standbys, i)));
	return all;
}

json_t *own_show_owners(const struct own_speaker *s, const char *name)
{
	json_t *all = json_array();

	for (uint16_t i = 1; s->begun && i < own_slots(BATON_OWNERSHIP_OWNER);
	     i++) {
		const struct own_record *r =
			by_switch(s, BATON_OWNERSHIP_OWNER, i);
		json_t *standbys;

		if (!r || !is_asked(name, r->owner.name))
			continue;
		standbys = json_array();
		for (int j = 0; j < BATON_MAX_STANDBYS && r->owner.standbys[j];
		     j++)
			json_array_append_new(
				standbys, host_name(s, r->owner.standbys[j]));
		json_array_append_new(
			all,
			json_pack("{s:s, s:i, s:o, s:o, s:s, s:I, s:s, "
				  "s:o, s:o, s:s, s:i, s:o}",
				  "name", r->owner.name, "id", (int)i, "host",
				  host_name(s, r->owner.host), "home",
				  host_name(s, r->owner.home), "state",
				  owner_states[r->owner.state], "epoch",
				  epoch(r->owner.epoch), "policy",
				  policies[r->owner.policy], "standbys",
				  standbys, "next", host_name(s, r->owner.next),
				  "failback", failbacks[r->owner.failback],
				  "failback_after_ms", (int)r->owner.delay,
				  "complete", complete(s, &r->owner)));
	}
	return all;
}

json_t *own_show_verdicts(const struct own_speaker *s)
{
	json_t *all = json_object();

	for (int i = 0; s->begun && i < OWN_NR_VERDICTS; i++)
		json_object_set_new(all, own_verdict_labels[i],
				    json_integer(s->member.verdicts[i]));
	return all;
}
