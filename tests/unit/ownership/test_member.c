// SPDX-License-Identifier: GPL-2.0-only
/* The picture converges, and costs what it should. */
#include <errno.h>

#include "members.h"

#define SEEDS 60

static void everybody_hears_of_a_change_at_once(void **state)
{
	struct own_record r = holding(3, 1);

	(void)state;
	members_begin();
	pass_all(1000 * MS);
	assert_int_equal(own_member_say(&member[1], &r), 1);
	assert_int_equal(own_member_say(&member[1], &r), 0);
	pass(MS, 0);
	assert_true(all_agree());
	assert_int_equal(
		own_member_find(&member[2], 1, r.kind, 3)->holding.epoch, 1);
	r.present = 0;
	assert_int_equal(own_member_say(&member[1], &r), 1);
	pass(MS, 0);
	assert_true(all_agree());
	assert_false(own_member_find(&member[2], 1, r.kind, 3)->present);
	members_end();
}

static void nobody_says_what_is_not_his(void **state)
{
	struct own_record owner = { .kind = BATON_OWNERSHIP_OWNER,
				    .present = 1,
				    .owner = { .name = "x" } };
	struct own_record r = holding(0, 1);

	(void)state;
	members_begin();
	assert_int_equal(own_member_say(&member[1], &owner), -EINVAL);
	assert_int_equal(own_member_say(&member[0], &r), -EINVAL);
	r.slot = own_slots(r.kind);
	assert_int_equal(own_member_say(&member[1], &r), -EINVAL);
	assert_int_equal(own_member_say(&member[0], &owner), 1);
	members_end();
}

/* Everything that a network and machines can do, then a time of peace. */
static void it_converges(void **state)
{
	(void)state;
	for (int seed = 0; seed < SEEDS; seed++) {
		uint32_t lost = draw(90);

		members_begin();
		for (int i = 0; i < 300; i++) {
			uint16_t id = 1 + draw(MEMBERS - 1);
			struct own_record r = holding(draw(100), draw(9));

			r.present = draw(4) > 0;
			if (draw(2))
				own_member_say(&member[id], &r);
			if (!draw(60))
				member_begin(draw(MEMBERS));
			if (nr_letters && !draw(3))
				deliver(&letters[draw(nr_letters)]);
			pass(draw(300) * MS, draw(8) ? lost : 100);
		}
		pass_all(3000 * MS);
		assert_true(all_agree());
		members_end();
	}
}

/* Every owner that there can be, through messages of 1232 bytes. */
static void a_large_picture_comes_in_pieces(void **state)
{
	struct own_record r = { .kind = BATON_OWNERSHIP_OWNER,
				.present = 1,
				.owner = { .name = "owner" } };

	(void)state;
	members_begin();
	pass_all(1000 * MS);
	for (r.slot = 1; r.slot < BATON_MAX_OWNERS; r.slot++)
		own_member_say(&member[0], &r);
	sent = 0;
	pass(MS, 0);
	assert_true(all_agree());
	/* 11 of 101 bytes to a message, to three hosts, and the answers */
	assert_in_range(sent, 3 * 4095 / 11, 3 * 2 * 4095 / 8);
	/* a host that was away gets it again */
	member_begin(2);
	pass_all(2000 * MS);
	assert_true(all_agree());
	members_end();
}

static void a_record_that_is_gone_after_a_restart_is_gone(void **state)
{
	struct own_record r = holding(3, 1), other = holding(4, 1);

	(void)state;
	members_begin();
	own_member_say(&member[1], &r);
	own_member_say(&member[1], &other);
	pass_all(1000 * MS);
	member_begin(1);
	changes = 0;
	pass(MS, 100); /* nothing yet from the new boot: the old is kept */
	assert_true(own_member_find(&member[2], 1, r.kind, 3)->present);
	own_member_say(&member[1], &other);
	pass_all(2000 * MS);
	assert_false(own_member_find(&member[2], 1, r.kind, 3)->present);
	assert_true(own_member_find(&member[2], 1, other.kind, 4)->present);
	/* one record at three peers has changed, no other */
	assert_int_equal(changes, 3);
	members_end();
}

static void silence_is_cheap(void **state)
{
	(void)state;
	members_begin();
	pass_all(2000 * MS);
	sent = 0;
	pass_all(10000 * MS);
	/* two a second to each of three peers, from each of four */
	assert_in_range(sent, 12 * 18, 12 * 22);
	/* nor is asking for who is not there */
	sent = 0;
	for (int i = 0; i < 1000; i++)
		pass(10 * MS, 100);
	assert_in_range(sent, 12 * 18, 12 * 26);
	members_end();
}

static void peers(void **state)
{
	(void)state;
	members_begin();
	pass_all(500 * MS);
	assert_true(own_peer_is_there(own_member_peer(&member[0], 1), now));
	assert_int_equal(own_member_add(&member[0], 1, &keys[0][1], now),
			 -EEXIST);
	assert_int_equal(own_member_add(&member[0], 0, &keys[0][1], now),
			 -EINVAL);
	assert_int_equal(own_member_add(&member[0], BATON_OWNERSHIP_NODES,
					&keys[0][1], now),
			 -EINVAL);
	own_member_remove(&member[0], 1);
	assert_null(own_member_peer(&member[0], 1));
	pass_all(3000 * MS);
	assert_true(member[0].verdicts[OWN_STRANGER_] > 0);
	assert_false(own_peer_is_there(own_member_peer(&member[1], 0), now));
	members_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everybody_hears_of_a_change_at_once),
		cmocka_unit_test(nobody_says_what_is_not_his),
		cmocka_unit_test(it_converges),
		cmocka_unit_test(a_large_picture_comes_in_pieces),
		cmocka_unit_test(a_record_that_is_gone_after_a_restart_is_gone),
		cmocka_unit_test(silence_is_cheap),
		cmocka_unit_test(peers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
