/* SPDX-License-Identifier: GPL-2.0-only */
/* Members of the protocol in one process, and a network between them. */
#ifndef TEST_OWNERSHIP_MEMBERS_H
#define TEST_OWNERSHIP_MEMBERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/ownership/own_member.h"

#define MS 1000000ULL
#define MEMBERS 4 /* the switch and hosts */
#define ON_THEIR_WAY 4096

struct letter {
	uint16_t from, to;
	size_t size;
	uint8_t bytes[BATON_OWNERSHIP_MAX];
};

static struct own_member member[MEMBERS];
static struct own_keys keys[MEMBERS][MEMBERS];
static struct letter letters[ON_THEIR_WAY];
static uint32_t nr_letters, sent, changes;
static uint16_t ids[MEMBERS] = { 0, 1, 2, 3 };
static uint64_t now = 1000 * MS, rng = 88172645463325252ULL;

/* xorshift64* (Vigna 2014) */
static inline uint64_t draw64(void *arg)
{
	(void)arg;
	rng ^= rng >> 12;
	rng ^= rng << 25;
	rng ^= rng >> 27;
	return rng * 0x2545f4914f6cdd1dULL;
}

static inline uint32_t draw(uint32_t n)
{
	return (draw64(NULL) >> 32) % n;
}

static inline void on_send(void *arg, uint16_t to, const uint8_t *bytes,
			   size_t size)
{
	struct letter *l = &letters[nr_letters];

	sent++;
	if (nr_letters == ON_THEIR_WAY)
		return; /* lost */
	nr_letters++;
	*l = (struct letter){ *(uint16_t *)arg, to, size, { 0 } };
	memcpy(l->bytes, bytes, size);
}

static inline void on_changed(void *arg, uint16_t author,
			      const struct own_record *r)
{
	(void)arg, (void)author, (void)r;
	changes++;
}

static inline void keys_make(void)
{
	for (int i = 0; i < MEMBERS; i++)
		for (int k = 0; k < MEMBERS; k++) {
			uint8_t a[OWN_KEY_LEN] = { 1 + i };
			uint8_t b[OWN_KEY_LEN] = { 1 + k };
			uint8_t public[OWN_KEY_LEN];

			own_auth_public(public, b);
			if (i != k)
				assert_int_equal(own_auth_keys(&keys[i][k], a,
							       public),
						 0);
		}
}

static inline void member_begin(uint16_t id)
{
	const struct own_callbacks cb = { on_send, draw64, on_changed,
					  &ids[id] };

	own_member_free(&member[id]);
	own_member_init(&member[id], id, &cb);
	for (uint16_t i = 0; i < MEMBERS; i++)
		if (i != id)
			assert_int_equal(own_member_add(&member[id], i,
							&keys[id][i], now),
					 0);
}

static inline void members_begin(void)
{
	keys_make();
	nr_letters = sent = 0;
	for (uint16_t i = 0; i < MEMBERS; i++)
		member_begin(i);
}

static inline void members_end(void)
{
	for (uint16_t i = 0; i < MEMBERS; i++)
		own_member_free(&member[i]);
}

static inline enum own_verdict deliver(const struct letter *l)
{
	return own_member_receive(&member[l->to], l->bytes, l->size, now);
}

/* One step of time; `lost`: per cent. */
static inline void pass(uint64_t time, uint32_t lost)
{
	static struct letter moving[ON_THEIR_WAY];
	uint32_t nr;

	now += time;
	for (uint16_t i = 0; i < MEMBERS; i++)
		own_member_tick(&member[i], now);
	while ((nr = nr_letters)) {
		memcpy(moving, letters, nr * sizeof(moving[0]));
		nr_letters = 0;
		for (uint32_t i = 0; i < nr; i++)
			if (draw(100) >= lost)
				deliver(&moving[i]);
		for (uint16_t i = 0; i < MEMBERS; i++)
			own_member_tick(&member[i], now);
	}
}

static inline void pass_all(uint64_t time)
{
	for (uint64_t end = now + time; now < end;)
		pass(10 * MS, 0);
}

static inline struct own_record holding(uint16_t slot, uint64_t epoch)
{
	return (struct own_record){
		.kind = BATON_OWNERSHIP_HOLDING,
		.present = 1,
		.slot = slot,
		.holding = { .owner = 1 + slot % 4000,
			     .role = BATON_OWNERSHIP_ROLE_STANDBY,
			     .epoch = epoch },
	};
}

/* Does everybody know what everybody says? */
static inline bool all_agree(void)
{
	for (int i = 0; i < MEMBERS; i++)
		for (int k = 0; k < MEMBERS; k++) {
			const struct own_record *a = NULL, *b = NULL;
			const struct own_set *s;

			if (i == k)
				continue;
			s = &own_member_peer(&member[k], i)->set;
			do {
				a = own_set_next(&member[i].set, a);
				b = own_set_next(s, b);
				if (!a != !b || (a && !own_record_equal(a, b)))
					return false;
			} while (a);
		}
	return true;
}

#endif
