// SPDX-License-Identifier: GPL-2.0-only
/* The prober's thread and those who are no host, or not the one they name. */
#include "probed.h"

static void throw_at_prober(int s, const struct host *as, const void *data,
			    size_t len)
{
	(void)!sendto(s, data, len, 0, (const struct sockaddr *)&as->prober,
		      sizeof(struct sockaddr_in));
}

/* An answer of an earlier time, from the right address, sent again. */
static void test_replayed_answers(void **state)
{
	struct host then;
	uint64_t bogus;

	(void)state;
	probe_it(&a);
	host_be(&a, false, BATON_WORD_LEAVING);
	until(nr_of(1, PROBER_WORD) == 1);
	then = host_now(&a);
	host_be(&a, false, BATON_WORD_UP);
	until(nr_of(1, PROBER_WORD) == 2);

	prober_lock(p);
	bogus = p->target[1].detect.bogus;
	prober_unlock(p);
	for (int i = 0; i < 100; i++) {
		throw_at_prober(a.socket, &then, &then.last, sizeof(then.last));
		until(p->target[1].detect.bogus > bogus + i);
	}
	prober_lock(p);
	assert_int_equal(p->target[1].word, BATON_WORD_UP);
	assert_int_equal(nr_of(1, PROBER_WORD), 2);
	prober_unlock(p);
}

/* Each in its own way no answer of host a; all come from its address. */
static size_t forge(struct baton_probe *fake, const struct host *as, int how)
{
	static uint64_t random = 88172645463325252ULL;
	size_t len = sizeof(*fake);

	random ^= random << 13;
	random ^= random >> 7;
	random ^= random << 17;
	*fake = as->last;
	fake->sequence = htobe64(be64toh(fake->sequence) + how % 50);
	switch (how % 5) {
	case 0: /* the authenticator of another */
		break;
	case 1:
		fake->mac = random;
		break;
	case 2: /* another session's, made with the key */
		fake->session ^= htobe64(1);
		sign(fake);
		return len;
	case 3:
		len = random % sizeof(*fake);
		break;
	case 4:
		memset(fake, random, sizeof(*fake));
		break;
	}
	if (how % 5 == 0 && how % 50 == 0)
		fake->mac ^= 1;
	return len;
}

#define FLOOD 100000

struct flood {
	pthread_t thread;
	struct host as;
	int socket;
	bool stop;
	uint64_t sent;
};

static void *flood_runs(void *arg)
{
	struct flood *f = arg;
	struct baton_probe fake;

	for (int i = 0;
	     i < FLOOD || !__atomic_load_n(&f->stop, __ATOMIC_ACQUIRE); i++) {
		size_t len = forge(&fake, &f->as, i);

		throw_at_prober(f->socket, &f->as, &fake, len);
		__atomic_fetch_add(&f->sent, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void test_a_flood_of_forged_answers(void **state)
{
	struct flood f = { 0 };
	struct prober_target t;

	(void)state;
	probe_it(&a);
	until(nr_of(1, PROBER_UP) == 1);
	f.as = host_now(&a);
	f.socket = open_at(&a.address, 0);
	must(!pthread_create(&f.thread, NULL, flood_runs, &f));

	/* The host dies in the middle: what pretends to be it is no life. */
	until(__atomic_load_n(&f.sent, __ATOMIC_ACQUIRE) > FLOOD / 10);
	host_be(&a, true, BATON_WORD_UP);
	until(p->target[1].detect.state == DETECT_DOWN);
	__atomic_store_n(&f.stop, true, __ATOMIC_RELEASE);
	pthread_join(f.thread, NULL);
	close(f.socket);
	assert_true(f.sent >= FLOOD);

	prober_lock(p);
	t = p->target[1];
	assert_true(t.forged > 0);
	assert_true(t.detect.bogus > 0);
	assert_true(p->forged > 0);
	assert_int_equal(nr_of(1, PROBER_WORD), 0);
	assert_true(t.detect.answers <= host_now(&a).answered);
	assert_int_equal(t.detect.state, DETECT_DOWN);
	prober_unlock(p);

	/* And it goes on working. */
	host_be(&a, false, BATON_WORD_UP);
	until(p->target[1].detect.state == DETECT_UP);
}

/* The key is the same for all hosts, but one does not speak for another. */
static void test_a_host_speaks_for_itself_only(void **state)
{
	struct baton_probe fake;
	struct host other;

	(void)state;
	probe_it(&a);
	probe_it(&b);
	until(nr_of(1, PROBER_UP) == 1 && nr_of(2, PROBER_UP) == 1);
	other = host_now(&b);
	fake = other.last;
	fake.host = htobe16(1);
	fake.word = BATON_WORD_LEAVING;
	/* a sequence that was asked, or will be */
	for (int i = 0; i < 200; i++) {
		fake.sequence = htobe64(i + 1);
		sign(&fake);
		throw_at_prober(b.socket, &other, &fake, sizeof(fake));
		until(p->target[1].forged > (uint64_t)i);
	}
	prober_lock(p);
	assert_int_equal(p->target[1].word, BATON_WORD_UP);
	assert_int_equal(nr_of(1, PROBER_WORD), 0);
	prober_unlock(p);
}

/*
 * The agent's word, unasked: believed at once if it is newer than the last
 * answer; not when it is sent again, is older than what is known, or names a
 * probe that was never sent.
 */
static void test_words_unasked(void **state)
{
	struct baton_probe word;
	struct host as;
	uint64_t bogus;

	(void)state;
	probe_it(&a);
	until(nr_of(1, PROBER_UP) == 1);
	host_be(&a, true, BATON_WORD_UP); /* no answers that come between */
	until(p->target[1].detect.state == DETECT_DOWN);
	as = host_now(&a);
	word = as.last;
	word.type = BATON_PROBE_WORD;
	word.word = BATON_WORD_LEAVING;
	word.sent = htobe64(1000);
	sign(&word);
	throw_at_prober(a.socket, &as, &word, sizeof(word));
	until(nr_of(1, PROBER_WORD) == 1);
	prober_lock(p);
	assert_int_equal(p->target[1].word, BATON_WORD_LEAVING);
	assert_int_equal(p->target[1].detect.state, DETECT_DOWN);
	bogus = p->target[1].detect.bogus;
	prober_unlock(p);

	word.word = BATON_WORD_UP;
	for (int i = 0; i < 3; i++) {
		word.sent = htobe64(1000 - i); /* the same, or older */
		sign(&word);
		throw_at_prober(a.socket, &as, &word, sizeof(word));
	}
	word.sent = htobe64(2000);
	word.sequence = htobe64(1); /* answered long ago */
	sign(&word);
	throw_at_prober(a.socket, &as, &word, sizeof(word));
	word.sequence = htobe64(UINT64_MAX);
	sign(&word);
	throw_at_prober(a.socket, &as, &word, sizeof(word));
	until(p->target[1].detect.bogus == bogus + 5);
	prober_lock(p);
	assert_int_equal(p->target[1].word, BATON_WORD_LEAVING);
	assert_int_equal(nr_of(1, PROBER_WORD), 1);
	prober_unlock(p);
}

/* Nor is there an answer for a host that is not probed, or cannot be. */
static void test_answers_for_nobody(void **state)
{
	static const uint16_t ids[] = { 0, 2, 3, BATON_MAX_HOSTS, UINT16_MAX };
	struct baton_probe fake;
	struct host as;

	(void)state;
	probe_it(&a);
	until(nr_of(1, PROBER_UP) == 1);
	as = host_now(&a);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		fake = as.last;
		fake.host = htobe16(ids[i]);
		sign(&fake);
		throw_at_prober(a.socket, &as, &fake, sizeof(fake));
		until(p->forged == i + 1);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_replayed_answers),
		TEST(test_a_flood_of_forged_answers),
		TEST(test_a_host_speaks_for_itself_only),
		TEST(test_words_unasked),
		TEST(test_answers_for_nobody),
	};
#undef TEST

	must(sodium_init() >= 0);
	fixture_own_network();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
