// SPDX-License-Identifier: GPL-2.0-only
/* Frames and their bytes, however these are cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "lib/link/link_frame.h"

#define MANY 300

/* A reproducible source of chance (splitmix64, Steele et al. 2014). */
static uint64_t seed;

static uint64_t chance(void)
{
	uint64_t z = seed += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static struct link_frame some_frame(const uint8_t *payload, uint64_t sequence)
{
	static const uint32_t limits[] = { 0, 1, 100, 3000,
					   BATON_LINK_DATA_MAX };
	struct link_frame f = { .type = BATON_LINK_SNAPSHOT_BEGIN +
					chance() % 4,
				.channel = chance(),
				.sequence = sequence,
				.payload = payload };

	f.length = chance() % (limits[chance() % 5] + 1);
	if (chance() % 4) {
		f.owner = 1 + chance() % 1000;
		f.epoch = chance();
		f.role = 1 + chance() % 2;
	}
	return f;
}

static void put(uint8_t *to, const struct link_frame *f)
{
	struct baton_link_header h;

	link_header_put(&h, f);
	memcpy(to, &h, sizeof(h));
	memcpy(to + sizeof(h), f->payload, f->length);
}

static void same(const struct link_frame *a, const struct link_frame *b)
{
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->role, b->role);
	assert_int_equal(a->channel, b->channel);
	assert_int_equal(a->owner, b->owner);
	assert_int_equal(a->epoch, b->epoch);
	assert_int_equal(a->sequence, b->sequence);
	assert_int_equal(a->length, b->length);
	assert_memory_equal(a->payload, b->payload, a->length);
}

/* What was put in comes out, in its order, once. */
static void any_cut_gives_the_same_frames(void **state)
{
	uint8_t *payload = malloc(BATON_LINK_DATA_MAX);
	struct link_frame sent[MANY], f;
	size_t size = 0, given = 0, got = 0, i;
	struct link_decoder d;
	uint8_t *bytes;

	(void)state;
	for (i = 0; i < BATON_LINK_DATA_MAX; i++)
		payload[i] = chance();
	for (i = 0; i < MANY; i++) {
		sent[i] = some_frame(payload, i + 1);
		size += sizeof(struct baton_link_header) + sent[i].length;
	}
	bytes = malloc(size);
	for (i = 0, size = 0; i < MANY; i++) {
		put(bytes + size, &sent[i]);
		size += sizeof(struct baton_link_header) + sent[i].length;
	}
	link_decoder_init(&d);
	while (given < size) {
		size_t room, n;
		uint8_t *to = link_decoder_room(&d, &room);

		assert_non_null(to);
		assert_true(room > 0);
		assert_true(d.size <= 2 * BATON_LINK_DATA_MAX);
		n = 1 + chance() % (chance() % 2 ? 40 : 20000);
		n = n < room ? n : room;
		n = n < size - given ? n : size - given;
		memcpy(to, bytes + given, n);
		link_decoder_filled(&d, n);
		given += n;
		while (link_decoder_next(&d, &f)) {
			assert_true(got < MANY);
			same(&f, &sent[got++]);
		}
	}
	assert_int_equal(got, MANY);
	link_decoder_free(&d);
	free(bytes);
	free(payload);
}

static int decode(const void *bytes, size_t n)
{
	struct link_decoder d;
	struct link_frame f;
	size_t room;
	int r;

	link_decoder_init(&d);
	memcpy(link_decoder_room(&d, &room), bytes, n);
	link_decoder_filled(&d, n);
	r = link_decoder_next(&d, &f);
	if (r < 0)
		assert_int_equal(link_decoder_next(&d, &f), r);
	link_decoder_free(&d);
	return r;
}

/* A good header of each class, for what follows to spoil. */
static struct baton_link_header header(uint8_t type)
{
	struct baton_link_header h;
	struct link_frame f = { .type = type, .sequence = 1 };

	if (link_type_is_data(type)) {
		f.owner = 7;
		f.epoch = 3;
		f.role = BATON_LINK_ROLE_OWNER;
	}
	link_header_put(&h, &f);
	return h;
}

#define REFUSED_FOR(reason, spoil)                                             \
	do {                                                                   \
		h = header(BATON_LINK_STREAM);                                 \
		assert_int_equal(decode(&h, sizeof(h)), 1);                    \
		spoil;                                                         \
		assert_int_equal(decode(&h, sizeof(h)),                        \
				 -BATON_LINK_BAD_##reason);                    \
	} while (0)

static void each_wrong_field_has_its_reason(void **state)
{
	struct baton_link_header h;

	(void)state;
	REFUSED_FOR(MAGIC, h.magic ^= 1);
	REFUSED_FOR(VERSION, h.version++);
	REFUSED_FOR(VERSION, h.version = 0);
	REFUSED_FOR(TYPE, h.type = 0);
	REFUSED_FOR(TYPE, h.type = BATON_LINK_TYPE_END);
	REFUSED_FOR(TYPE, h.type = 255);
	REFUSED_FOR(LENGTH, h.length = htobe32(BATON_LINK_DATA_MAX + 1));
	REFUSED_FOR(LENGTH, h.length = htobe32(UINT32_MAX));
	REFUSED_FOR(FIELDS, h.flags = 1);
	REFUSED_FOR(FIELDS, h.zero = 1);
	REFUSED_FOR(FIELDS, h.role = BATON_LINK_NR_ROLES);
	REFUSED_FOR(FIELDS, h.role = BATON_LINK_ROLE_NONE);
	REFUSED_FOR(FIELDS, h.owner = 0);
	REFUSED_FOR(FIELDS, (h.owner = 0, h.role = 0));
}

static void control_frames_are_about_no_owner(void **state)
{
	struct baton_link_header h;

	(void)state;
	h = header(BATON_LINK_ACK);
	assert_int_equal(decode(&h, sizeof(h)), 1);
	h.channel = 1;
	assert_int_equal(decode(&h, sizeof(h)), -BATON_LINK_BAD_FIELDS);
	h = header(BATON_LINK_ACK);
	h.owner = 7;
	assert_int_equal(decode(&h, sizeof(h)), -BATON_LINK_BAD_FIELDS);
	h = header(BATON_LINK_ACK);
	h.length = htobe32(1);
	assert_int_equal(decode(&h, sizeof(h)), -BATON_LINK_BAD_LENGTH);
}

/* What cannot be a frame is known by its header: nothing is kept for it. */
static void a_header_alone_is_refused(void **state)
{
	struct baton_link_header h = header(BATON_LINK_STREAM);
	size_t n;

	(void)state;
	h.length = htobe32(UINT32_MAX);
	for (n = 0; n < sizeof(h); n++)
		assert_int_equal(decode(&h, n), 0);
	assert_true(decode(&h, sizeof(h)) < 0);
}

static void lists_are_whole(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < BATON_LINK_NR_REASONS; i++) {
		assert_string_not_equal(link_reason_label(i), "?");
		assert_true(*link_reason_text(i));
	}
	for (i = 1; i < BATON_LINK_TYPE_END; i++)
		assert_string_not_equal(link_type_label(i), "?");
	assert_string_equal(link_type_label(0), "?");
	assert_string_equal(link_type_label(BATON_LINK_STREAM), "stream");
	assert_string_equal(link_type_label(BATON_LINK_CLOSE), "close");
	assert_string_equal(link_role_label(BATON_LINK_ROLE_STANDBY), "standb"
								      "y");
	assert_false(link_reason_closes(BATON_LINK_BAD_EPOCH_OLD));
	assert_true(link_reason_closes(BATON_LINK_BAD_SEQUENCE));
	assert_true(link_reason_closes(BATON_LINK_NR_REASONS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_cut_gives_the_same_frames),
		cmocka_unit_test(each_wrong_field_has_its_reason),
		cmocka_unit_test(control_frames_are_about_no_owner),
		cmocka_unit_test(a_header_alone_is_refused),
		cmocka_unit_test(lists_are_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
