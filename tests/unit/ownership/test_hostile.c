// SPDX-License-Identifier: GPL-2.0-only
/*
 * 100,000 messages that are forged, stale, replayed, cut or damaged, or that
 * come from a host that has a key but says what is not its own: none is
 * accepted, nothing changes, and who is honest is served as before.
 */
#include "members.h"

#define HOSTILE 100000
#define KEPT 512
#define VICTIM 0

static struct letter kept[KEPT], old[KEPT];
static uint32_t nr_kept, nr_old, hostile, expected[OWN_NR_VERDICTS];

/* All that a member knows, and believes, but for what it counts and sends. */
struct belief {
	uint64_t version[MEMBERS], boot[MEMBERS], sequence[MEMBERS];
	uint64_t heard[MEMBERS], echo[MEMBERS], acked[MEMBERS], own;
	uint64_t challenge[MEMBERS][2];
	uint32_t changes;
};

static void look(struct belief *b)
{
	const struct own_member *m = &member[VICTIM];

	memset(b, 0, sizeof(*b));
	for (uint16_t i = 0; i < m->nr; i++) {
		const struct own_peer *p = &m->peers[i];

		b->version[i] = p->set.version;
		b->boot[i] = p->fresh.boot;
		b->sequence[i] = p->fresh.sequence;
		b->heard[i] = p->fresh.heard;
		b->echo[i] = p->fresh.echo;
		b->acked[i] = p->acked;
		b->challenge[i][0] = p->fresh.challenge[0];
		b->challenge[i][1] = p->fresh.challenge[1];
	}
	b->own = m->set.version;
	b->changes = changes;
}

/* Everybody talks, and what is said to the victim is kept. */
static void listen(struct letter *to, uint32_t *nr, uint64_t time)
{
	struct own_record r = holding(0, 0);

	for (uint64_t end = now + time; now < end;) {
		r.slot = draw(200);
		r.holding.epoch++;
		own_member_say(&member[1 + draw(MEMBERS - 1)], &r);
		now += 20 * MS;
		for (uint16_t i = 0; i < MEMBERS; i++)
			own_member_tick(&member[i], now);
		for (uint32_t i = 0; i < nr_letters; i++)
			if (letters[i].to == VICTIM && *nr < KEPT)
				to[(*nr)++] = letters[i];
		pass(0, 0);
	}
}

static struct letter random_bytes(void)
{
	struct letter l = { .to = VICTIM,
			    .size = draw(BATON_OWNERSHIP_MAX + 1) };

	for (size_t i = 0; i < l.size; i++)
		l.bytes[i] = draw(256);
	return l;
}

static struct letter damaged(void)
{
	struct letter l = kept[draw(nr_kept)];

	for (uint32_t i = 0, n = 1 + draw(4); i < n; i++)
		l.bytes[draw(l.size)] ^= 1 + draw(255);
	return l;
}

static struct letter cut(void)
{
	struct letter l = kept[draw(nr_kept)];

	l.size = draw(l.size);
	if (l.size > 6 && draw(2)) { /* and says so */
		l.bytes[4] = l.size >> 8;
		l.bytes[5] = l.size;
	}
	return l;
}

/* A real one of a host, made new in all that makes it fresh, but with the key
 * of another host, or with the one for another receiver. */
static struct letter with_another_key(void)
{
	struct letter l = kept[draw(nr_kept)];
	uint16_t from = 1 + draw(MEMBERS - 1), to;

	do
		to = draw(MEMBERS);
	while (to == from || (from == l.from && to == VICTIM));
	l.bytes[27]++; /* of the sequence */
	own_auth_seal(keys[from][to].send, l.bytes, l.size);
	return l;
}

/* The peer's own key and everything right, but not what a host may say. */
static struct letter usurped(bool malformed)
{
	struct own_peer *p = &member[VICTIM].peers[draw(MEMBERS - 1)];
	struct own_message m = { .header = {
					 .type = BATON_OWNERSHIP_ANNOUNCE,
					 .from = p->id,
					 .boot = p->fresh.boot,
					 .sequence = p->fresh.sequence + 1,
					 .nonce = 1,
					 .echo = p->fresh.challenge[0],
					 .records = 1,
					 .since = p->set.version,
					 .until = p->set.version + 1,
					 .latest = p->set.version + 1,
				 } };
	struct letter l = { .from = p->id, .to = VICTIM };

	m.record[0] = (struct own_record){
		.kind = BATON_OWNERSHIP_OWNER,
		.present = 1,
		.slot = 1,
		.version = p->set.version + 1,
		.owner = { .name = "web", .host = p->id },
	};
	if (malformed) {
		m.record[0] = holding(1, 1);
		m.record[0].version = p->set.version + 1;
		m.record[0].holding.role = BATON_OWNERSHIP_NR_ROLES;
	}
	l.size = own_wire_put(&m, l.bytes);
	own_auth_seal(keys[p->id][VICTIM].send, l.bytes, l.size);
	return l;
}

static struct letter reflected(void)
{
	struct letter l = kept[draw(nr_kept)];

	/* to and from change places, as if it were the other way */
	l.bytes[8] = l.bytes[9] = 0;
	l.bytes[11] = l.from;
	l.from = VICTIM;
	l.to = l.bytes[11];
	return l;
}

static struct letter any(void)
{
	switch (draw(9)) {
	case 0:
		return random_bytes();
	case 1:
		return damaged();
	case 2:
		return cut();
	case 3:
		return with_another_key();
	case 4:
		return usurped(false);
	case 5:
		return usurped(true);
	case 6:
		return reflected();
	case 7:
		return old[draw(nr_old)];
	default:
		return kept[draw(nr_kept)];
	}
}

static void attack(void)
{
	struct letter l = any();
	uint16_t to = l.to;
	enum own_verdict v;

	v = own_member_receive(&member[to], l.bytes, l.size, now);
	if (v == OWN_ACCEPTED_)
		fail_msg("from %u to %u, %zu bytes", l.from, to, l.size);
	expected[v]++;
	hostile++;
}

/* An honest change reaches everybody in one step, whatever else comes. */
static void serve(void)
{
	struct own_record r = holding(draw(200), 1000000 + hostile);
	uint16_t id = 1 + draw(MEMBERS - 1);

	nr_letters = 0; /* answers to what was hostile go nowhere */
	own_member_say(&member[id], &r);
	pass(MS, 0);
	assert_true(all_agree());
}

static void nothing_hostile_is_accepted(void **state)
{
	struct belief before, after;
	uint64_t took, began;

	(void)state;
	members_begin();
	listen(old, &nr_old, 4000 * MS);
	for (uint16_t i = 1; i < MEMBERS; i++) {
		member_begin(i); /* a boot that is over */
		pass_all(1000 * MS);
	}
	listen(kept, &nr_kept, 1000 * MS);
	pass_all(100 * MS);
	assert_true(nr_old > 100 && nr_kept > 50);

	memset(member[VICTIM].verdicts, 0, sizeof(member[VICTIM].verdicts));
	began = now;
	while (hostile < HOSTILE) {
		look(&before);
		sent = 0;
		for (int i = 0; i < 100; i++)
			attack();
		look(&after);
		assert_memory_equal(&before, &after, sizeof(before));
		serve();
	}
	took = now - began;

	/* each way of being hostile was tried, and told from the others */
	for (int v = 0; v < OWN_NR_VERDICTS; v++) {
		printf("%-10s %u\n", own_verdict_labels[v], expected[v]);
		if (v != OWN_ACCEPTED_ && v != OWN_STRANGER_)
			assert_true(expected[v] > 0);
	}
	assert_int_equal(took, HOSTILE / 100 * MS);
	members_end();
}

/* Whoever sends old messages gets few answers, none longer than its question. */
static void answers_are_few_and_short(void **state)
{
	uint64_t began = now;

	(void)state;
	members_begin();
	nr_kept = nr_old = 0;
	listen(old, &nr_old, 2000 * MS);
	member_begin(VICTIM);
	pass_all(2000 * MS);
	began = now;
	sent = 0;
	for (int i = 0; i < 10000; i++) {
		const struct letter *l = &old[draw(nr_old)];
		uint32_t had = sent;

		nr_letters = 0;
		now += MS / 10;
		own_member_receive(&member[VICTIM], l->bytes, l->size, now);
		for (uint32_t k = 0; k < sent - had; k++)
			assert_true(letters[k].size <= l->size);
	}
	assert_in_range(sent, 1,
			(MEMBERS - 1) *
				(OWN_ANSWERS + (now - began) / OWN_ANSWER));
	members_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_hostile_is_accepted),
		cmocka_unit_test(answers_are_few_and_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
