// SPDX-License-Identifier: GPL-2.0-only
/* 100,000 wrong frames, of which a session accepts none. */
#include "side.h"

static uint64_t seed = 1;

static uint64_t chance(void)
{
	seed = seed * 6364136223846793005 + 1442695040888963407;
	return seed >> 33;
}

/* How a frame that was right becomes wrong. */
static void spoil(uint8_t *bytes, size_t *len, const struct side *s)
{
	struct baton_link_header *h = (struct baton_link_header *)bytes;
	uint64_t next = s->session.received + 1;

	switch (chance() % 4) {
	case 0: /* forged: about an epoch or owner that is not */
		if (chance() % 2)
			h->epoch = htobe32(chance() % 5);
		else
			h->owner = htobe32(8 + chance() % 100);
		break;
	case 1: /* cut */
		*len = chance() % *len;
		break;
	case 2: /* repeated */
		h->sequence = htobe64(1 + chance() % s->session.received);
		break;
	default: /* out of order */
		h->sequence = htobe64(next + 1 + chance() % 1000);
		break;
	}
}

/* By the session; without one (the ablation), by the decoder alone. */
static bool accepted(struct side *s, const uint8_t *bytes, size_t len,
		     bool rules)
{
	struct link_decoder d;
	struct link_frame f;
	bool yes = false;
	size_t room;

	link_decoder_init(&d);
	memcpy(link_decoder_room(&d, &room), bytes, len);
	link_decoder_filled(&d, len);
	if (link_decoder_next(&d, &f) > 0)
		yes = !rules || receive(s, &f).kind == LINK_FRAME;
	link_decoder_free(&d);
	return yes;
}

static unsigned int wrong_frames_accepted(bool rules)
{
	uint8_t bytes[sizeof(struct baton_link_header) + 64] = { 0 };
	unsigned int i, good = 0, wrong = 0;
	struct link_frame f;
	struct side s;

	side_up(&s, BATON_LINK_ROLE_STANDBY);
	for (i = 0; i < 100000; i++) {
		size_t len = sizeof(bytes);

		f = data(BATON_LINK_STREAM, s.session.received + 1);
		f.length = 64;
		link_header_put((struct baton_link_header *)bytes, &f);
		/* now and then a right one: the test can tell them apart */
		if (i % 100 == 0) {
			assert_true(accepted(&s, bytes, len, true));
			good++;
			f.sequence = s.session.received + 1;
			link_header_put((struct baton_link_header *)bytes, &f);
		}
		spoil(bytes, &len, &s);
		wrong += accepted(&s, bytes, len, rules);
	}
	assert_int_equal(good, 1000);
	side_free(&s);
	return wrong;
}

static void of_100000_wrong_frames_none_is_accepted(void **state)
{
	(void)state;
	assert_int_equal(wrong_frames_accepted(true), 0);
	/* those that were not cut are frames: what refuses them is the rules */
	assert_in_range(wrong_frames_accepted(false), 70000, 80000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_100000_wrong_frames_none_is_accepted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
