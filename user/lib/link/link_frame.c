// SPDX-License-Identifier: GPL-2.0-only
#include "lib/link/link_frame.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define HEADER sizeof(struct baton_link_header)
#define LARGEST (HEADER + BATON_LINK_DATA_MAX)

/* A buffer begins with this: room for four TLS records. */
#define FIRST_SIZE (64u << 10)

_Static_assert(HEADER == 32, "the header has no holes");
_Static_assert(sizeof(struct baton_link_hello) == 72, "nor has HELLO");

enum type_class { CONTROL, DATA };
enum reason_effect { REFUSE, CLOSE };

static const struct {
	const char *label;
	uint32_t min, max;
	enum type_class class;
} types[BATON_LINK_TYPE_END] = {
#define X(name, number, label, min, max, class) { label, min, max, class },
	{ 0 }, /* numbers begin with 1 */
	BATON_LINK_TYPES(X)
#undef X
};

static const struct {
	const char *label, *text;
	enum reason_effect effect;
} reasons[] = {
#define X(name, effect, label, text) { label, text, effect },
	BATON_LINK_REASONS(X)
#undef X
};

static const char *const roles[] = {
#define X(name, label) label,
	BATON_LINK_ROLES(X)
#undef X
};

static bool is_type(unsigned int type)
{
	return type > 0 && type < BATON_LINK_TYPE_END;
}

const char *link_type_label(unsigned int type)
{
	return is_type(type) ? types[type].label : "?";
}

const char *link_role_label(unsigned int role)
{
	return role < BATON_LINK_NR_ROLES ? roles[role] : "?";
}

const char *link_reason_label(unsigned int reason)
{
	return reason < BATON_LINK_NR_REASONS ? reasons[reason].label : "?";
}

const char *link_reason_text(unsigned int reason)
{
	return reason < BATON_LINK_NR_REASONS ? reasons[reason].text
					      : "a reason unknown here";
}

bool link_reason_closes(unsigned int reason)
{
	return reason >= BATON_LINK_NR_REASONS ||
	       reasons[reason].effect == CLOSE;
}

bool link_type_is_data(unsigned int type)
{
	return is_type(type) && types[type].class == DATA;
}

bool link_length_fits(unsigned int type, size_t length)
{
	return is_type(type) && length >= types[type].min &&
	       length <= types[type].max;
}

uint32_t link_frame_reason(const struct link_frame *f)
{
	__be32 reason;

	memcpy(&reason, f->payload, sizeof(reason));
	return be32toh(reason);
}

void link_header_put(struct baton_link_header *h, const struct link_frame *f)
{
	*h = (struct baton_link_header){
		.magic = htobe16(BATON_LINK_MAGIC),
		.version = BATON_LINK_VERSION,
		.type = f->type,
		.role = f->role,
		.channel = htobe16(f->channel),
		.owner = htobe32(f->owner),
		.epoch = htobe32(f->epoch),
		.length = htobe32(f->length),
		.sequence = htobe64(f->sequence),
	};
}

/* What is said about owners must be said whole; what is not, not at all. */
static bool fields_fit(const struct baton_link_header *h)
{
	if (h->flags || h->zero || h->role >= BATON_LINK_NR_ROLES)
		return false;
	if (!h->owner && (h->role || h->epoch))
		return false;
	if (link_type_is_data(h->type))
		return !h->owner || h->role;
	/* REFUSED tells the epoch that its sender knows */
	return !h->role && !h->channel &&
	       (!h->owner || h->type == BATON_LINK_REFUSED);
}

static int header_get(struct link_frame *f, const struct baton_link_header *h)
{
	uint32_t length = be32toh(h->length);

	if (be16toh(h->magic) != BATON_LINK_MAGIC)
		return -BATON_LINK_BAD_MAGIC;
	if (h->version != BATON_LINK_VERSION)
		return -BATON_LINK_BAD_VERSION;
	if (!is_type(h->type))
		return -BATON_LINK_BAD_TYPE;
	if (!link_length_fits(h->type, length))
		return -BATON_LINK_BAD_LENGTH;
	if (!fields_fit(h))
		return -BATON_LINK_BAD_FIELDS;
	*f = (struct link_frame){
		.type = h->type,
		.role = h->role,
		.channel = be16toh(h->channel),
		.owner = be32toh(h->owner),
		.epoch = be32toh(h->epoch),
		.length = length,
		.sequence = be64toh(h->sequence),
	};
	return 0;
}

void link_decoder_init(struct link_decoder *d)
{
	*d = (struct link_decoder){ .version = BATON_LINK_VERSION };
}

void link_decoder_free(struct link_decoder *d)
{
	if (d->bytes)
		explicit_bzero(d->bytes, d->size);
	free(d->bytes);
	link_decoder_init(d);
}

/* How long the frame is that has begun, as far as is known. */
static size_t wanted(const struct link_decoder *d)
{
	struct baton_link_header h;
	struct link_frame f;

	if (d->end - d->start < HEADER)
		return HEADER;
	memcpy(&h, d->bytes + d->start, HEADER);
	return header_get(&f, &h) ? HEADER : HEADER + f.length;
}

static int grow(struct link_decoder *d, size_t size)
{
	uint8_t *bytes = malloc(size);

	if (!bytes)
		return -1;
	if (d->bytes) {
		memcpy(bytes, d->bytes, d->end);
		explicit_bzero(d->bytes, d->size);
		free(d->bytes);
	}
	d->bytes = bytes;
	d->size = size;
	return 0;
}

/*
 * The remainder moves to the front only when the room behind it has become
 * small, so that a stream of small frames moves little.
 */
uint8_t *link_decoder_room(struct link_decoder *d, size_t *room)
{
	size_t need = wanted(d);

	if (d->start == d->end)
		d->start = d->end = 0;
	if (d->start &&
	    (d->size - d->end < FIRST_SIZE / 4 || d->start + need > d->size)) {
		memmove(d->bytes, d->bytes + d->start, d->end - d->start);
		d->end -= d->start;
		d->start = 0;
	}
	if (!d->bytes && grow(d, FIRST_SIZE))
		return NULL;
	/* a whole frame, and a TLS record that began before its end */
	if (need > FIRST_SIZE && d->size < LARGEST + FIRST_SIZE &&
	    grow(d, LARGEST + FIRST_SIZE))
		return NULL;
	*room = d->size - d->end;
	return *room ? d->bytes + d->end : NULL;
}

void link_decoder_filled(struct link_decoder *d, size_t n)
{
	d->end += n;
}

int link_decoder_next(struct link_decoder *d, struct link_frame *f)
{
	struct baton_link_header h;
	int err;

	if (d->end - d->start < HEADER)
		return 0;
	memcpy(&h, d->bytes + d->start, HEADER);
	d->version = h.version;
	err = header_get(f, &h);
	if (err)
		return err;
	if (d->end - d->start < HEADER + f->length)
		return 0;
	f->payload = d->bytes + d->start + HEADER;
	d->start += HEADER + f->length;
	return 1;
}
