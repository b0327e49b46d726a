// SPDX-License-Identifier: GPL-2.0-only
#include "own_json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/ownership/own_place.h"
#include "lib/why.h"

#define HEX "0123456789abcdef"
#define HEX_MAX 16 /* digits */
#define PLACES_MAX ((1 << BATON_OWNERSHIP_PLACES) - 1)

static const char *const roles[] = {
#define X(name, label) [BATON_OWNERSHIP_ROLE_##name] = label,
	BATON_OWNERSHIP_ROLES(X)
#undef X
};

/* --- making ------------------------------------------------------------------- */

/* Numbers of 64 bits are texts: JSON's are signed, and often floating. */
static json_t *hex(uint64_t n)
{
	char text[HEX_MAX + 1];

	snprintf(text, sizeof(text), "%" PRIx64, n);
	return json_string(text);
}

json_t *own_json_holding(const char *owner, const struct own_holding *h)
{
	return json_pack("{s:s, s:s, s:o, s:o, s:i, s:I, s:b, s:I}", "owner",
			 owner, "role", roles[h->role], "epoch", hex(h->epoch),
			 "incarnation", hex(h->incarnation), "waits",
			 (int)h->waits, "claim", (json_int_t)h->claim,
			 "complete", h->complete, "lag", (json_int_t)h->lag);
}

static json_t *key(const struct own_word *w, int place)
{
	char text[LINK_PUBLIC_TEXT];

	if (!(w->keys & own_place_bit(place)))
		return json_null();
	link_public_format(&w->key[place], text);
	return json_string(text);
}

json_t *own_json_word(const struct own_word *w)
{
	const struct own_owner *o = &w->owner;
	json_t *places = json_array();

	for (int i = 0; i < BATON_OWNERSHIP_PLACES; i++) {
		uint16_t host = own_place_host(o->home, o->standbys, i);

		if (i && !host)
			break;
		json_array_append_new(places,
				      json_pack("{s:i, s:o}", "host", (int)host,
						"key", key(w, i)));
	}
	return json_pack("{s:s, s:i, s:o, s:o, s:i, s:i, s:I, s:o}", "owner",
			 o->name, "host", (int)o->host, "epoch", hex(o->epoch),
			 "incarnation", hex(o->incarnation), "self",
			 (int)w->self, "complete", (int)o->complete, "claim",
			 (json_int_t)o->claim, "places", places);
}

/* --- taking ------------------------------------------------------------------- */

struct taking {
	const json_t *from;
	int err;
	char *why;
	size_t size;
};

static void wrong(struct taking *t, const char *field, const char *expected)
{
	if (!t->err)
		t->err = why_set(t->why, t->size, -EINVAL,
				 "\"%s\": expected %s", field, expected);
}

static uint64_t take_number(struct taking *t, const char *field, uint64_t max)
{
	const json_t *value = json_object_get(t->from, field);
	json_int_t n = json_integer_value(value);
	char expected[64];

	if (json_is_integer(value) && n >= 0 && (uint64_t)n <= max)
		return n;
	snprintf(expected, sizeof(expected), "a number from 0 to %" PRIu64,
		 max);
	wrong(t, field, expected);
	return 0;
}

static uint64_t take_hex(struct taking *t, const char *field)
{
	const char *text = json_string_value(json_object_get(t->from, field));
	size_t len = text ? strlen(text) : 0;

	if (len && len <= HEX_MAX && strspn(text, HEX) == len)
		return strtoull(text, NULL, 16);
	wrong(t, field, "a text of 1 to 16 digits of 0123456789abcdef");
	return 0;
}

static void take_name(struct taking *t, char name[BATON_NAME_LEN])
{
	const char *text = json_string_value(json_object_get(t->from, "owner"));
	size_t len = text ? strlen(text) : 0;

	memset(name, 0, BATON_NAME_LEN);
	if (len && len < BATON_NAME_LEN)
		memcpy(name, text, len);
	else
		wrong(t, "owner", "the name of an owner");
}

static uint8_t take_role(struct taking *t)
{
	const char *text = json_string_value(json_object_get(t->from, "role"));

	for (uint8_t i = 0; text && i < BATON_OWNERSHIP_NR_ROLES; i++)
		if (!strcmp(text, roles[i]))
			return i;
	wrong(t, "role", "none, owner or standby");
	return BATON_OWNERSHIP_ROLE_NONE;
}

static bool take_bool(struct taking *t, const char *field)
{
	const json_t *value = json_object_get(t->from, field);

	if (!json_is_boolean(value))
		wrong(t, field, "true or false");
	return json_is_true(value);
}

int own_json_take_holding(const json_t *from, char owner[BATON_NAME_LEN],
			  struct own_holding *h, char *why, size_t size)
{
	struct taking t = { from, 0, why, size };
	bool plays, keeps;

	take_name(&t, owner);
	*h = (struct own_holding){
		.role = take_role(&t),
		.complete = take_bool(&t, "complete"),
		.epoch = take_hex(&t, "epoch"),
		.incarnation = take_hex(&t, "incarnation"),
		.waits = take_number(&t, "waits", PLACES_MAX),
		.claim = take_number(&t, "claim", UINT32_MAX),
		.lag = take_number(&t, "lag", UINT32_MAX),
	};
	plays = h->role == BATON_OWNERSHIP_ROLE_OWNER;
	keeps = h->role == BATON_OWNERSHIP_ROLE_STANDBY;
	/* others would not believe a word of a host that says so */
	if (!plays && h->waits)
		wrong(&t, "waits", "0, as it is no owner");
	if (!plays && h->claim)
		wrong(&t, "claim", "0, as it is no owner");
	if (!keeps && h->complete)
		wrong(&t, "complete", "false, as it is no standby");
	if (!keeps && h->lag)
		wrong(&t, "lag", "0, as it is no standby");
	return t.err;
}

static void take_place(struct taking *t, struct own_word *w, int i,
		       const json_t *place)
{
	const char *text = json_string_value(json_object_get(place, "key"));
	struct taking of = { place, 0, t->why, t->size };
	uint16_t host = take_number(&of, "host", BATON_MAX_HOSTS);

	if (i)
		w->owner.standbys[i - 1] = host;
	else
		w->owner.home = host;
	if (text && link_public_parse(&w->key[i], text))
		wrong(&of, "key", "a public key");
	else if (text)
		w->keys |= own_place_bit(i);
	t->err = t->err ?: of.err;
}

int own_json_take_word(const json_t *from, struct own_word *w, char *why,
		       size_t size)
{
	const json_t *places = json_object_get(from, "places");
	struct taking t = { from, 0, why, size };

	*w = (struct own_word){ 0 };
	take_name(&t, w->owner.name);
	w->owner.host = take_number(&t, "host", BATON_MAX_HOSTS);
	w->owner.epoch = take_hex(&t, "epoch");
	w->owner.incarnation = take_hex(&t, "incarnation");
	w->owner.complete = take_number(&t, "complete", PLACES_MAX);
	w->owner.claim = take_number(&t, "claim", UINT32_MAX);
	w->self = take_number(&t, "self", BATON_MAX_HOSTS);
	if (!json_is_array(places) ||
	    json_array_size(places) > BATON_OWNERSHIP_PLACES)
		wrong(&t, "places", "the home and the standbys");
	for (size_t i = 0; !t.err && i < json_array_size(places); i++)
		take_place(&t, w, i, json_array_get(places, i));
	return t.err;
}
