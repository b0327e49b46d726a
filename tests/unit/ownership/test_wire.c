// SPDX-License-Identifier: GPL-2.0-only
/* Messages: one encoding for each value, and nothing else is taken. */
#include <errno.h>

#include "members.h"

#define ROUNDS 20000

static struct own_message m, again;
static uint8_t bytes[BATON_OWNERSHIP_MAX], twice[BATON_OWNERSHIP_MAX];

static void name_it(char name[BATON_NAME_LEN])
{
	uint32_t len = 1 + draw(BATON_NAME_LEN - 1);

	for (uint32_t i = 0; i < len; i++)
		name[i] = '!' + draw('~' - '!' + 1);
}

static void fill(struct own_record *r)
{
	switch (r->kind) {
	case BATON_OWNERSHIP_NODE:
		name_it(r->node.name);
		r->node.word = draw(BATON_NR_HOST_WORDS);
		r->node.priority = draw64(NULL);
		r->node.capacity = draw64(NULL);
		break;
	case BATON_OWNERSHIP_ADDRESS:
		r->address.family = draw(2) ? 4 : 6;
		for (int i = 0; i < (r->address.family == 4 ? 4 : 16); i++)
			r->address.address[i] = draw(256);
		r->address.mac[draw(6)] = draw(256);
		break;
	case BATON_OWNERSHIP_APP:
		name_it(r->app.name);
		r->app.protocol = draw(256);
		r->app.port = draw(65536);
		r->app.state = 1 + draw(BATON_NR_APP_STATES - 1);
		break;
	case BATON_OWNERSHIP_HOLDING:
		r->holding.owner = 1 + draw(BATON_MAX_OWNERS - 1);
		r->holding.role = draw(BATON_OWNERSHIP_NR_ROLES);
		r->holding.epoch = draw64(NULL);
		r->holding.incarnation = draw64(NULL);
		if (r->holding.role == BATON_OWNERSHIP_ROLE_OWNER) {
			r->holding.waits = draw(1 << BATON_OWNERSHIP_PLACES);
			r->holding.claim = draw64(NULL);
		} else if (r->holding.role == BATON_OWNERSHIP_ROLE_STANDBY) {
			r->holding.complete = draw(2);
			r->holding.lag = draw64(NULL);
		}
		break;
	default:
		name_it(r->owner.name);
		r->owner.state = draw(BATON_NR_OWNER_STATES);
		r->owner.host = draw(BATON_OWNERSHIP_NODES);
		r->owner.epoch = draw64(NULL);
		r->owner.incarnation = draw64(NULL);
		r->owner.next = draw(BATON_OWNERSHIP_NODES);
		r->owner.policy = draw(BATON_NR_STANDBY_POLICIES);
		r->owner.failback = draw(BATON_NR_FAILBACKS);
		r->owner.delay = draw64(NULL);
		r->owner.home = draw(BATON_OWNERSHIP_NODES);
		for (uint32_t i = 0, n = draw(1 + BATON_MAX_STANDBYS); i < n;
		     i++)
			r->owner.standbys[i] =
				1 + draw(BATON_OWNERSHIP_NODES - 1);
		r->owner.complete = draw(1 << BATON_OWNERSHIP_PLACES);
		r->owner.claim = draw64(NULL);
	}
}

/* The length of a random message that fits. */
static size_t random_message(void)
{
	uint64_t version = draw(1000);
	size_t size;

	memset(&m, 0, sizeof(m));
	m.header = (struct own_header){
		.type = 1 + draw(2),
		.from = draw(4),
		.to = draw(4),
		.boot = 1 + draw64(NULL) / 2,
		.sequence = 1 + draw(1000),
		.nonce = 1 + draw64(NULL) / 2,
		.echo = draw64(NULL),
		.of_boot = draw64(NULL),
		.have = draw64(NULL),
		.since = version,
		.records = draw(12),
	};
	for (int i = 0; i < m.header.records; i++) {
		struct own_record *r = &m.record[i];

		r->kind = 1 + draw(5);
		r->present = draw(5) > 0;
		r->slot = draw(own_slots(r->kind));
		r->version = version += 1 + draw(3);
		if (r->present)
			fill(r);
	}
	m.header.until = version + draw(3);
	m.header.latest = m.header.until + draw(3);
	do {
		size = own_wire_put(&m, bytes);
		m.header.records -= !size;
	} while (!size);
	return size;
}

static int decode(const uint8_t *from, size_t size)
{
	int err = own_wire_header(&again.header, from, size);

	return err ? err : own_wire_records(&again, from);
}

static void what_is_put_is_got(void **state)
{
	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		size_t size = random_message();

		assert_int_equal(decode(bytes, size), 0);
		assert_memory_equal(&again.header, &m.header, sizeof(m.header));
		for (int k = 0; k < m.header.records; k++) {
			assert_true(own_record_equal(&m.record[k],
						     &again.record[k]));
			assert_int_equal(m.record[k].version,
					 again.record[k].version);
		}
	}
}

/* What is decoded from damaged bytes encodes to the very same bytes. */
static void there_is_one_encoding(void **state)
{
	uint32_t taken = 0;

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		size_t size = random_message();

		bytes[draw(size - BATON_OWNERSHIP_MAC)] ^= 1 << draw(8);
		if (decode(bytes, size))
			continue;
		taken++;
		assert_int_equal(own_wire_put(&again, twice), size);
		assert_memory_equal(bytes, twice, size);
	}
	assert_in_range(taken, ROUNDS / 10, ROUNDS * 9 / 10);
}

static void a_part_of_a_message_is_none(void **state)
{
	(void)state;
	for (int i = 0; i < 200; i++) {
		size_t size = random_message();

		for (size_t n = 0; n < size; n++) {
			/* of its very size, so that reading on is noticed */
			uint8_t *part = malloc(n ? n : 1);

			memcpy(part, bytes, n);
			assert_int_equal(decode(part, n), -EMSGSIZE);
			if (n >= OWN_HEADER_SIZE + BATON_OWNERSHIP_MAC) {
				/* even if its header says so */
				part[4] = n >> 8;
				part[5] = n;
				assert_true(decode(part, n) ||
					    !m.header.records);
			}
			free(part);
		}
	}
}

static void one_record(struct own_record r)
{
	memset(&m, 0, sizeof(m));
	m.header = (struct own_header){ .type = BATON_OWNERSHIP_ANNOUNCE,
					.boot = 1,
					.sequence = 1,
					.nonce = 1,
					.until = 1,
					.latest = 1,
					.records = 1 };
	r.version = 1;
	r.present = 1;
	m.record[0] = r;
}

static int judged(struct own_record r)
{
	one_record(r);
	return decode(bytes, own_wire_put(&m, bytes));
}

static void senseless_records_are_refused(void **state)
{
	struct own_record good = holding(0, 1), r;
	struct own_record owner = {
		.kind = BATON_OWNERSHIP_OWNER,
		.slot = 1,
		.owner = { .name = "web", .standbys = { 1, 2 } },
	};

	(void)state;
	assert_int_equal(judged(good), 0);
	assert_int_equal(judged(owner), 0);

#define REFUSED(from, change)                                                  \
	do {                                                                   \
		r = from;                                                      \
		change;                                                        \
		assert_int_equal(judged(r), -EBADMSG);                         \
	} while (0)
	REFUSED(good, r.holding.owner = 0);
	REFUSED(good, r.holding.owner = BATON_MAX_OWNERS);
	REFUSED(good, r.holding.role = BATON_OWNERSHIP_NR_ROLES);
	REFUSED(good, r.holding.complete = 2);
	REFUSED(good, r.holding.waits = 1);
	REFUSED(good, r.holding.claim = 1);
	REFUSED(good, r.slot = own_slots(BATON_OWNERSHIP_HOLDING));
	REFUSED(good, r.holding.role = BATON_OWNERSHIP_ROLE_NONE;
		r.holding.complete = 1);
	REFUSED(owner, r.owner.name[0] = 0);
	REFUSED(owner, r.owner.name[1] = ' ');
	REFUSED(owner, r.owner.name[5] = 'x');
	REFUSED(owner, memset(r.owner.name, 'x', BATON_NAME_LEN));
	REFUSED(owner, r.owner.standbys[3] = 3);
	REFUSED(owner, r.owner.host = BATON_OWNERSHIP_NODES);
	REFUSED(owner, r.owner.complete = 1 << BATON_OWNERSHIP_PLACES);
	REFUSED(owner, r.owner.policy = BATON_NR_STANDBY_POLICIES);
	REFUSED(owner, r.owner.failback = BATON_NR_FAILBACKS);
	REFUSED(owner, r.owner.state = BATON_NR_OWNER_STATES);
#undef REFUSED
}

static void senseless_headers_are_refused(void **state)
{
	static const struct {
		int at; /* byte of the encoding */
		uint8_t is;
		int err;
	} cases[] = {
		{ 0, 0, -EPROTO }, /* magic */
		{ 5, 1, -EMSGSIZE }, /* length */
		{ 6, 3, -EBADMSG }, /* type */
		{ 7, 2, -EBADMSG }, /* records */
		{ 19, 0, -EBADMSG }, /* boot */
		{ 27, 0, -EBADMSG }, /* sequence */
		{ 35, 0, -EBADMSG }, /* nonce */
		{ 67, 1, -EBADMSG }, /* since: the record is older */
		{ 67, 2, -EBADMSG }, /* after until */
		{ 75, 0, -EBADMSG }, /* until: the record is newer */
		{ 83, 0, -EBADMSG }, /* latest: before until */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t size;

		one_record(holding(0, 1));
		size = own_wire_put(&m, bytes);
		bytes[cases[i].at] = cases[i].is;
		assert_int_equal(decode(bytes, size), cases[i].err);
	}
}

static void no_message_is_too_long(void **state)
{
	struct own_record r = { .kind = BATON_OWNERSHIP_OWNER,
				.owner = { .name = "x" } };

	(void)state;
	one_record(r);
	for (m.header.records = 1; own_wire_put(&m, bytes); m.header.records++)
		m.record[m.header.records] = m.record[0];
	assert_in_range(m.header.records, 8, 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_is_got),
		cmocka_unit_test(there_is_one_encoding),
		cmocka_unit_test(a_part_of_a_message_is_none),
		cmocka_unit_test(senseless_records_are_refused),
		cmocka_unit_test(senseless_headers_are_refused),
		cmocka_unit_test(no_message_is_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
