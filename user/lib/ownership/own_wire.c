// SPDX-License-Identifier: GPL-2.0-only
#include "own_wire.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

/* Nodes that author a kind of records. */
enum { AUTHOR_HOST = 1, AUTHOR_SWITCH = 2, AUTHOR_ANY = 3 };

#define X(kind, name) +OWN_SIZE_##kind
static const struct {
	uint16_t slots;
	uint8_t authors;
	uint8_t size;
} kinds[] = {
#define KIND(name, number, label, nr, author)                                  \
	[number] = { nr, AUTHOR_##author,                                      \
		     0 BATON_OWNERSHIP_##name##_FIELDS(X) },
	BATON_OWNERSHIP_KINDS(KIND)
#undef KIND
};
#undef X

#define NR_KINDS (sizeof(kinds) / sizeof(kinds[0]))

uint16_t own_slots(uint8_t kind)
{
	return kind < NR_KINDS ? kinds[kind].slots : 0;
}

bool own_may_author(uint8_t kind, uint16_t node)
{
	return kind < NR_KINDS &&
	       kinds[kind].authors &
		       (node == BATON_OWNERSHIP_SWITCH ? AUTHOR_SWITCH
						       : AUTHOR_HOST);
}

size_t own_record_size(const struct own_record *r)
{
	return OWN_RECORD_SIZE + (r->present ? kinds[r->kind].size : 0);
}

/* --- bytes ------------------------------------------------------------------- */

static uint8_t *put_bytes(uint8_t *at, const void *from, size_t size)
{
	memcpy(at, from, size);
	return at + size;
}

static uint8_t *put_U8(uint8_t *at, const uint8_t *v)
{
	return put_bytes(at, v, 1);
}

static uint8_t *put_U16(uint8_t *at, const uint16_t *v)
{
	const uint16_t be = htobe16(*v);

	return put_bytes(at, &be, sizeof(be));
}

static uint8_t *put_U32(uint8_t *at, const uint32_t *v)
{
	const uint32_t be = htobe32(*v);

	return put_bytes(at, &be, sizeof(be));
}

static uint8_t *put_U64(uint8_t *at, const uint64_t *v)
{
	const uint64_t be = htobe64(*v);

	return put_bytes(at, &be, sizeof(be));
}

static uint8_t *put_HOSTS(uint8_t *at, const uint16_t (*v)[BATON_MAX_STANDBYS])
{
	for (int i = 0; i < BATON_MAX_STANDBYS; i++)
		at = put_U16(at, &(*v)[i]);
	return at;
}

static const uint8_t *get_bytes(const uint8_t *at, void *to, size_t size)
{
	memcpy(to, at, size);
	return at + size;
}

static const uint8_t *get_U8(const uint8_t *at, uint8_t *v)
{
	return get_bytes(at, v, 1);
}

static const uint8_t *get_U16(const uint8_t *at, uint16_t *v)
{
	at = get_bytes(at, v, sizeof(*v));
	*v = be16toh(*v);
	return at;
}

static const uint8_t *get_U32(const uint8_t *at, uint32_t *v)
{
	at = get_bytes(at, v, sizeof(*v));
	*v = be32toh(*v);
	return at;
}

static const uint8_t *get_U64(const uint8_t *at, uint64_t *v)
{
	at = get_bytes(at, v, sizeof(*v));
	*v = be64toh(*v);
	return at;
}

static const uint8_t *get_HOSTS(const uint8_t *at,
				uint16_t (*v)[BATON_MAX_STANDBYS])
{
	for (int i = 0; i < BATON_MAX_STANDBYS; i++)
		at = get_U16(at, &(*v)[i]);
	return at;
}

#define put_NAME(at, v) put_bytes(at, v, BATON_NAME_LEN)
#define put_MAC(at, v) put_bytes(at, v, 6)
#define put_IP(at, v) put_bytes(at, v, 16)
#define put_KEY(at, v) put_bytes(at, v, 32)
#define get_KEY(at, v) get_bytes(at, v, 32)
#define get_NAME(at, v) get_bytes(at, v, BATON_NAME_LEN)
#define get_MAC(at, v) get_bytes(at, v, 6)
#define get_IP(at, v) get_bytes(at, v, 16)

/* --- bodies ------------------------------------------------------------------ */

static uint8_t *put_body(uint8_t *at, const struct own_record *r)
{
	switch (r->kind) {
#define X(kind, name) at = put_##kind(at, &b->name);
#define BODY(kind, name)                                                       \
	case BATON_OWNERSHIP_##kind: {                                         \
		const struct own_##name *b = &r->name;                         \
		BATON_OWNERSHIP_##kind##_FIELDS(X) break;                      \
	}
		OWN_BODIES(BODY)
#undef BODY
#undef X
	}
	return at;
}

static const uint8_t *get_body(const uint8_t *at, struct own_record *r)
{
	switch (r->kind) {
#define X(kind, name) at = get_##kind(at, &b->name);
#define BODY(kind, name)                                                       \
	case BATON_OWNERSHIP_##kind: {                                         \
		struct own_##name *b = &r->name;                               \
		BATON_OWNERSHIP_##kind##_FIELDS(X) break;                      \
	}
		OWN_BODIES(BODY)
#undef BODY
#undef X
	}
	return at;
}

static uint8_t *put_record(uint8_t *at, const struct own_record *r)
{
#define X(kind, name) at = put_##kind(at, &r->name);
	BATON_OWNERSHIP_RECORD(X)
#undef X
	return r->present ? put_body(at, r) : at;
}

bool own_record_equal(const struct own_record *a, const struct own_record *b)
{
	uint8_t bytes[2][UINT8_MAX];

	if (a->kind != b->kind || a->slot != b->slot ||
	    a->present != b->present)
		return false;
	if (!a->present)
		return true;
	put_body(bytes[0], a);
	put_body(bytes[1], b);
	return !memcmp(bytes[0], bytes[1], kinds[a->kind].size);
}

/* --- what can be ------------------------------------------------------------- */

/* Printable, without blanks, and one way to write it. */
static bool is_name(const char name[BATON_NAME_LEN])
{
	size_t len = strnlen(name, BATON_NAME_LEN);

	for (size_t i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] > '~')
			return false;
	for (size_t i = len; i < BATON_NAME_LEN; i++)
		if (name[i])
			return false;
	return len && len < BATON_NAME_LEN;
}

static bool is_places(uint16_t mask)
{
	return mask < 1 << BATON_OWNERSHIP_PLACES;
}

static bool node_is_sound(const struct own_node *n)
{
	return is_name(n->name) && n->word < BATON_NR_HOST_WORDS;
}

static bool ip_is_sound(uint8_t family, const uint8_t ip[16])
{
	static const uint8_t zero[12];

	return family == 6 || (family == 4 && !memcmp(ip + 4, zero, 12));
}

static bool address_is_sound(const struct own_address *a)
{
	return ip_is_sound(a->family, a->address);
}

static bool listed_is_sound(const struct own_listed *l)
{
	return is_name(l->name) && l->state < NR_HOST_STATES &&
	       ip_is_sound(l->family, l->address) && l->port;
}

static bool app_is_sound(const struct own_app *a)
{
	return is_name(a->name) && a->state && a->state < BATON_NR_APP_STATES;
}

static bool holding_is_sound(const struct own_holding *h)
{
	if (!h->owner || h->owner >= BATON_MAX_OWNERS ||
	    h->role >= BATON_OWNERSHIP_NR_ROLES || h->complete > 1 ||
	    !is_places(h->waits))
		return false;
	if (h->role != BATON_OWNERSHIP_ROLE_OWNER && (h->waits || h->claim))
		return false;
	return h->role == BATON_OWNERSHIP_ROLE_STANDBY ||
	       (!h->complete && !h->lag);
}

static bool owner_is_sound(const struct own_owner *o)
{
	bool ended = false;

	for (int i = 0; i < BATON_MAX_STANDBYS; i++) {
		if (o->standbys[i] >= BATON_OWNERSHIP_NODES ||
		    (ended && o->standbys[i]))
			return false;
		ended = !o->standbys[i];
	}
	return is_name(o->name) && o->state < BATON_NR_OWNER_STATES &&
	       o->host < BATON_OWNERSHIP_NODES &&
	       o->next < BATON_OWNERSHIP_NODES &&
	       o->home < BATON_OWNERSHIP_NODES &&
	       o->policy < BATON_NR_STANDBY_POLICIES &&
	       o->failback < BATON_NR_FAILBACKS && is_places(o->complete);
}

static bool is_sound(const struct own_record *r)
{
	if (!r->present)
		return true;
	switch (r->kind) {
#define BODY(kind, name)                                                       \
	case BATON_OWNERSHIP_##kind:                                           \
		return name##_is_sound(&r->name);
		OWN_BODIES(BODY)
#undef BODY
	}
	return false;
}

/* --- messages ---------------------------------------------------------------- */

size_t own_wire_put(struct own_message *m, uint8_t out[BATON_OWNERSHIP_MAX])
{
	struct own_header *h = &m->header;
	size_t size = OWN_HEADER_SIZE + BATON_OWNERSHIP_MAC;
	uint8_t *at = out;

	for (int i = 0; i < h->records; i++)
		size += own_record_size(&m->record[i]);
	if (size > BATON_OWNERSHIP_MAX)
		return 0;
	h->magic = BATON_OWNERSHIP_MAGIC;
	h->length = size;
#define X(kind, name) at = put_##kind(at, &h->name);
	BATON_OWNERSHIP_HEADER(X)
#undef X
	for (int i = 0; i < h->records; i++)
		at = put_record(at, &m->record[i]);
	memset(at, 0, BATON_OWNERSHIP_MAC);
	return size;
}

int own_wire_header(struct own_header *h, const uint8_t *bytes, size_t size)
{
	const uint8_t *at = bytes;

	if (size < OWN_HEADER_SIZE + BATON_OWNERSHIP_MAC ||
	    size > BATON_OWNERSHIP_MAX)
		return -EMSGSIZE;
#define X(kind, name) at = get_##kind(at, &h->name);
	BATON_OWNERSHIP_HEADER(X)
#undef X
	if (h->magic != BATON_OWNERSHIP_MAGIC)
		return -EPROTO;
	return h->length == size ? 0 : -EMSGSIZE;
}

/* Does it lie where the header says, behind the one of version `after`? */
static bool has_place(const struct own_header *h, const struct own_record *r,
		      uint64_t after)
{
	return r->present <= 1 && r->slot < own_slots(r->kind) &&
	       r->version > after && r->version <= h->until;
}

int own_wire_records(struct own_message *m, const uint8_t *bytes)
{
	const struct own_header *h = &m->header;
	const uint8_t *end = bytes + h->length - BATON_OWNERSHIP_MAC;
	const uint8_t *at = bytes + OWN_HEADER_SIZE;
	uint64_t after = h->since;

	if (!h->boot || !h->sequence || !h->nonce || h->since > h->until ||
	    h->until > h->latest || h->records > OWN_RECORDS ||
	    (h->type != BATON_OWNERSHIP_ANNOUNCE &&
	     h->type != BATON_OWNERSHIP_SOLICIT))
		return -EBADMSG;
	for (int i = 0; i < h->records; i++) {
		struct own_record *r = &m->record[i];

		if (end - at < OWN_RECORD_SIZE)
			return -EBADMSG;
		memset(r, 0, sizeof(*r));
#define X(kind, name) at = get_##kind(at, &r->name);
		BATON_OWNERSHIP_RECORD(X)
#undef X
		if (!has_place(h, r, after))
			return -EBADMSG;
		after = r->version;
		if (!r->present)
			continue;
		if (end - at < kinds[r->kind].size)
			return -EBADMSG;
		at = get_body(at, r);
		if (!is_sound(r))
			return -EBADMSG;
	}
	return at == end ? 0 : -EBADMSG;
}
