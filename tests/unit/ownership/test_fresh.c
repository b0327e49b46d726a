// SPDX-License-Identifier: GPL-2.0-only
/* What is new, without a clock that the two have in common. */
#include "members.h"

#define TURN OWN_TURN

static struct own_fresh f;

static struct own_header says(uint64_t boot, uint64_t sequence, uint64_t echo)
{
	return (struct own_header){
		.boot = boot, .sequence = sequence, .echo = echo, .nonce = 99
	};
}

static void begin(void)
{
	now = 1000 * MS;
	own_fresh_init(&f, now, draw64, NULL);
}

static void turn(void)
{
	own_fresh_turn(&f, now, draw64, NULL);
}

static enum own_freshness judge(struct own_header h)
{
	return own_fresh_judge(&f, &h, now);
}

static bool take(struct own_header h)
{
	assert_int_equal(judge(h), OWN_FRESH);
	return own_fresh_take(&f, &h, now, draw64, NULL);
}

static void sequences_grow(void **state)
{
	(void)state;
	begin();
	assert_true(take(says(1, 5, f.challenge[0])));
	assert_int_equal(judge(says(1, 5, f.challenge[0])), OWN_REPLAYED);
	assert_int_equal(judge(says(1, 4, f.challenge[0])), OWN_REPLAYED);
	assert_false(take(says(1, 6, f.challenge[0])));
	assert_int_equal(f.echo, 99);
}

static void who_repeats_no_challenge_is_not_heard(void **state)
{
	(void)state;
	begin();
	assert_int_equal(judge(says(1, 5, 0)), OWN_STALE);
	assert_int_equal(judge(says(1, 5, f.challenge[0] + 1)), OWN_STALE);
	/* "none" is no challenge, though there is none before the first */
	assert_int_equal(f.challenge[1], 0);
}

/* Of all ages at which a message can come, which is the last to be taken? */
static void what_is_old_is_stale(void **state)
{
	(void)state;
	for (uint64_t step = MS; step < 4 * TURN; step = step * 3 / 2) {
		uint64_t made, last = 0;

		begin();
		made = f.challenge[0];
		while (now < 1000 * MS + 8 * TURN) {
			now += step;
			/* before the clock was looked at, and after */
			if (judge(says(1, 1, made)) == OWN_FRESH)
				last = now;
			turn();
			if (judge(says(1, 1, made)) == OWN_FRESH)
				last = now;
		}
		assert_true(last < 1000 * MS + 3 * TURN);
		if (step < TURN / 2)
			assert_true(last >= 1000 * MS + TURN);
	}
}

/* What waited in a socket while this node was stopped. */
static void after_a_pause_nothing_of_before_counts(void **state)
{
	uint64_t before;

	(void)state;
	begin();
	before = f.challenge[0];
	now += 3600 * TURN;
	assert_int_equal(judge(says(1, 1, before)), OWN_STALE);
	turn();
	assert_int_equal(judge(says(1, 1, before)), OWN_STALE);
	assert_int_equal(judge(says(1, 1, f.challenge[0])), OWN_FRESH);
}

static void another_boot_ends_the_one_before(void **state)
{
	uint64_t before;

	(void)state;
	begin();
	take(says(1, 100, f.challenge[0]));
	before = f.challenge[0];
	assert_true(take(says(2, 1, before)));
	/* on its way for long, or held back by somebody */
	assert_int_equal(judge(says(1, 101, before)), OWN_STALE);
	assert_int_equal(judge(says(2, 2, before)), OWN_STALE);
	assert_false(take(says(2, 3, f.challenge[0])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sequences_grow),
		cmocka_unit_test(who_repeats_no_challenge_is_not_heard),
		cmocka_unit_test(what_is_old_is_stale),
		cmocka_unit_test(after_a_pause_nothing_of_before_counts),
		cmocka_unit_test(another_boot_ends_the_one_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
