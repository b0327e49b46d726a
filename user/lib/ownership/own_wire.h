/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages of the ownership protocol as values and as bytes
 * (baton/ownership.h). Pure. A value has one encoding, and nothing else is
 * decoded.
 */
#ifndef LIB_OWN_WIRE_H
#define LIB_OWN_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "baton/maps.h"
#include "baton/ownership.h"

#define OWN_FIELD_U8(name) uint8_t name;
#define OWN_FIELD_U16(name) uint16_t name;
#define OWN_FIELD_U32(name) uint32_t name;
#define OWN_FIELD_U64(name) uint64_t name;
#define OWN_FIELD_NAME(name) char name[BATON_NAME_LEN];
#define OWN_FIELD_MAC(name) uint8_t name[6];
#define OWN_FIELD_IP(name) uint8_t name[16];
#define OWN_FIELD_KEY(name) uint8_t name[32];
#define OWN_FIELD_HOSTS(name) uint16_t name[BATON_MAX_STANDBYS];

/* X(NAME, name): the kinds of records that have a body, and its struct */
#define OWN_BODIES(X)                                                          \
	X(NODE, node)                                                          \
	X(ADDRESS, address)                                                    \
	X(APP, app)                                                            \
	X(HOLDING, holding)                                                    \
	X(OWNER, owner)                                                        \
	X(MEMBER, listed)

#define X(kind, name) OWN_FIELD_##kind(name)
struct own_node {
	BATON_OWNERSHIP_NODE_FIELDS(X)
};

struct own_address {
	BATON_OWNERSHIP_ADDRESS_FIELDS(X)
};

struct own_app {
	BATON_OWNERSHIP_APP_FIELDS(X)
};

struct own_holding {
	BATON_OWNERSHIP_HOLDING_FIELDS(X)
};

struct own_owner {
	BATON_OWNERSHIP_OWNER_FIELDS(X)
};

struct own_listed { /* a MEMBER record; own_member.h has the node itself */
	BATON_OWNERSHIP_MEMBER_FIELDS(X)
};
#undef X

struct own_record {
	uint8_t kind; /* enum baton_ownership_kind */
	uint8_t present;
	uint16_t slot;
	uint64_t version;
	union {
#define X(kind, name) struct own_##name name;
		OWN_BODIES(X)
#undef X
	};
};

struct own_header {
#define X(kind, name) OWN_FIELD_##kind(name)
	BATON_OWNERSHIP_HEADER(X)
#undef X
};

#define OWN_SIZE_U8 1
#define OWN_SIZE_U16 2
#define OWN_SIZE_U32 4
#define OWN_SIZE_U64 8
#define OWN_SIZE_NAME BATON_NAME_LEN
#define OWN_SIZE_MAC 6
#define OWN_SIZE_IP 16
#define OWN_SIZE_KEY 32
#define OWN_SIZE_HOSTS (2 * BATON_MAX_STANDBYS)

#define X(kind, name) +OWN_SIZE_##kind
enum {
	OWN_HEADER_SIZE = 0 BATON_OWNERSHIP_HEADER(X),
	OWN_RECORD_SIZE = 0 BATON_OWNERSHIP_RECORD(X),
};
#undef X

/* As many as fit if none of them has a body. */
#define OWN_RECORDS                                                            \
	((BATON_OWNERSHIP_MAX - OWN_HEADER_SIZE - BATON_OWNERSHIP_MAC) /       \
	 OWN_RECORD_SIZE)

struct own_message {
	struct own_header header;
	struct own_record record[OWN_RECORDS]; /* header.records of them */
};

/* How many slots records of this kind have; 0: there is no such kind. */
uint16_t own_slots(uint8_t kind);

/* May a node have such records? */
bool own_may_author(uint8_t kind, uint16_t node);

/* Of the encoded record, in bytes. */
size_t own_record_size(const struct own_record *r);

/* Do two records of a kind say the same? Versions do not count. */
bool own_record_equal(const struct own_record *a, const struct own_record *b);

/*
 * Encode. Magic, length and number of records are filled in; the authenticator
 * is left to own_auth.h. The length of all, or 0 if it were too long.
 */
size_t own_wire_put(struct own_message *m, uint8_t out[BATON_OWNERSHIP_MAX]);

/* The header. 0, -EMSGSIZE (not as long as it says) or -EPROTO (no message). */
int own_wire_header(struct own_header *h, const uint8_t *bytes, size_t size);

/* The records behind the header m->header. 0 or -EBADMSG: one that cannot be,
 * or bytes that belong to none. */
int own_wire_records(struct own_message *m, const uint8_t *bytes);

#endif
