// SPDX-License-Identifier: GPL-2.0-only
/*
 * The prober's thread against hosts that are threads here, on addresses of the
 * loopback interface of a network of this test's own.
 *
 * How soon something is found is bounded from below by the rule of detect.h,
 * and from above only by PATIENCE, for the machine may be busy with other
 * things; what the profiles promise is measured by the bench.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <endian.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include "fixture.h"

#define MS 1000000ULL
#define PATIENCE (20 * 1000 * MS)
#define PORT 7790

static const uint8_t key[16] = "shared by both..";
static const struct detect_profile profile = { .interval = 20 * MS,
					       .multiplier = 3,
					       .up_after = 2 };

/* --- what the prober says -------------------------------------------------- */

struct change {
	uint16_t host;
	enum prober_change what;
	uint8_t word;
	uint64_t at, silent;
};

static struct prober *p;
static struct change changes[1024];
static size_t nr_changes; /* with the prober's lock */
static uint64_t ticks;

static void on_change(void *arg, uint16_t host, enum prober_change what,
		      uint64_t now)
{
	const struct prober_target *t = &p->target[host];

	assert_ptr_equal(arg, p);
	must(nr_changes < sizeof(changes) / sizeof(changes[0]));
	changes[nr_changes++] =
		(struct change){ .host = host,
				 .what = what,
				 .word = t->word,
				 .at = now,
				 .silent = now - t->detect.last_answer };
}

static void on_tick(void *arg, uint64_t now)
{
	(void)arg;
	(void)now;
	ticks++;
}

/* Wait until it holds, which is looked at with the prober's lock. */
#define until(condition)                                                       \
	do {                                                                   \
		uint64_t give_up = prober_now() + PATIENCE;                    \
		bool holds = false;                                            \
                                                                               \
		while (!holds) {                                               \
			prober_lock(p);                                        \
			holds = (condition);                                   \
			prober_unlock(p);                                      \
			if (!holds && prober_now() > give_up)                  \
				fail_msg("not in time: %s", #condition);       \
			if (!holds)                                            \
				poll(NULL, 0, 1);                              \
		}                                                              \
	} while (0)

static size_t nr_of(uint16_t host, enum prober_change what)
{
	size_t n = 0;

	for (size_t i = 0; i < nr_changes; i++)
		n += changes[i].host == host && changes[i].what == what;
	return n;
}

static struct change last_of(uint16_t host, enum prober_change what)
{
	struct change c = { 0 };

	prober_lock(p);
	for (size_t i = 0; i < nr_changes; i++)
		if (changes[i].host == host && changes[i].what == what)
			c = changes[i];
	prober_unlock(p);
	return c;
}

/* --- hosts ------------------------------------------------------------------ */

/* A host's XDP program in a thread: answers as it is told to. */
struct host {
	pthread_t thread;
	int socket, wake;
	uint16_t id;
	struct addr address;
	bool stop, silent;
	uint8_t word;
	uint64_t asked, answered;
	struct sockaddr_storage prober; /* once asked > 0 */
	struct baton_probe last; /* answer that it made */
	pthread_mutex_t lock; /* of the members above */
};

static void sign(struct baton_probe *probe)
{
	crypto_shorthash((unsigned char *)&probe->mac,
			 (const unsigned char *)probe, BATON_PROBE_COVERED,
			 key);
	probe->mac = htobe64(le64toh(probe->mac));
}

static void answer_one(struct host *h)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	struct baton_probe probe;
	bool answers;

	if (recvfrom(h->socket, &probe, sizeof(probe), 0,
		     (struct sockaddr *)&from, &len) != sizeof(probe))
		return;
	pthread_mutex_lock(&h->lock);
	answers = !h->silent;
	probe.type = BATON_PROBE_ANSWER;
	probe.word = h->word;
	sign(&probe);
	h->asked++;
	h->answered += answers;
	h->prober = from;
	h->last = probe;
	if (answers)
		must(sendto(h->socket, &probe, sizeof(probe), 0,
			    (struct sockaddr *)&from, len) == sizeof(probe));
	pthread_mutex_unlock(&h->lock);
}

static void *host_runs(void *arg)
{
	struct host *h = arg;
	struct pollfd fds[] = { { .fd = h->socket, .events = POLLIN },
				{ .fd = h->wake, .events = POLLIN } };

	while (!__atomic_load_n(&h->stop, __ATOMIC_ACQUIRE)) {
		poll(fds, 2, -1);
		if (fds[0].revents)
			answer_one(h);
	}
	return NULL;
}

static int open_at(const struct addr *address, uint16_t port)
{
	const int one = 1;
	struct sockaddr_storage at;
	socklen_t len = addr_sockaddr(address, port, &at);
	int s = socket(at.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	must(s >= 0 && !bind(s, (struct sockaddr *)&at, len));
	if (address->family == 6)
		must(!setsockopt(s, IPPROTO_UDP, UDP_NO_CHECK6_TX, &one,
				 sizeof(one)));
	return s;
}

static void host_start(struct host *h, uint16_t id, const char *address)
{
	memset(h, 0, sizeof(*h));
	h->id = id;
	must(!addr_parse(&h->address, address));
	h->socket = open_at(&h->address, PORT);
	h->wake = eventfd(0, EFD_CLOEXEC);
	pthread_mutex_init(&h->lock, NULL);
	must(!pthread_create(&h->thread, NULL, host_runs, h));
}

static void host_stop(struct host *h)
{
	__atomic_store_n(&h->stop, true, __ATOMIC_RELEASE);
	eventfd_write(h->wake, 1);
	pthread_join(h->thread, NULL);
	close(h->socket);
	close(h->wake);
	pthread_mutex_destroy(&h->lock);
}

static void host_be(struct host *h, bool silent, uint8_t word)
{
	pthread_mutex_lock(&h->lock);
	h->silent = silent;
	h->word = word;
	pthread_mutex_unlock(&h->lock);
}

static struct host host_now(struct host *h)
{
	struct host now;

	pthread_mutex_lock(&h->lock);
	now = *h;
	pthread_mutex_unlock(&h->lock);
	return now;
}

static void probe_it(const struct host *h)
{
	prober_lock(p);
	prober_set(p, h->id, &h->address, &profile);
	prober_unlock(p);
}

/* --- tests ------------------------------------------------------------------ */

static struct host a, b;

static void start(uint64_t grace)
{
	must(!prober_init(p, PORT, key, grace));
	p->change = on_change;
	p->tick = on_tick;
	p->arg = p;
	must(!prober_start(p));
}

static int setup(void **state)
{
	(void)state;
	nr_changes = 0;
	ticks = 0;
	p = fixture_array(1, sizeof(*p));
	host_start(&a, 1, "127.0.0.2");
	host_start(&b, 2, "127.0.0.3");
	start(0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	prober_stop(p);
	close(p->socket[0]);
	close(p->socket[1]);
	close(p->wake);
	pthread_mutex_destroy(&p->lock);
	host_stop(&a);
	host_stop(&b);
	free(p);
	return 0;
}

static void test_up_and_down_and_up(void **state)
{
	struct change c;
	uint64_t silent_since;

	(void)state;
	probe_it(&a);
	probe_it(&b);
	until(nr_of(1, PROBER_UP) == 1 && nr_of(2, PROBER_UP) == 1);

	silent_since = prober_now();
	host_be(&a, true, BATON_WORD_UP);
	until(nr_of(1, PROBER_DOWN) == 1);
	c = last_of(1, PROBER_DOWN);
	assert_true(c.silent >= profile.interval * profile.multiplier);
	assert_true(c.at - silent_since < PATIENCE);
	prober_lock(p);
	assert_int_equal(p->target[1].detect.state, DETECT_DOWN);
	assert_int_equal(p->target[2].detect.state, DETECT_UP);
	assert_int_equal(nr_of(2, PROBER_DOWN), 0);
	prober_unlock(p);

	host_be(&a, false, BATON_WORD_UP);
	until(nr_of(1, PROBER_UP) == 2);
}

static void test_ipv6(void **state)
{
	struct host six;

	(void)state;
	host_start(&six, 3, "::1");
	probe_it(&six);
	until(nr_of(3, PROBER_UP) == 1);
	host_be(&six, true, BATON_WORD_UP);
	until(nr_of(3, PROBER_DOWN) == 1);
	host_stop(&six);
}

static void test_a_host_that_never_speaks(void **state)
{
	(void)state;
	host_be(&a, true, BATON_WORD_UP);
	probe_it(&a);
	until(nr_of(1, PROBER_DOWN) == 1);
}

/* While it may still be starting, it is not declared dead. */
static void test_grace(void **state)
{
	const uint64_t grace = 300 * MS;
	uint64_t before = prober_now();

	(void)state;
	prober_lock(p);
	p->grace_until = before + grace;
	prober_unlock(p);
	host_be(&a, true, BATON_WORD_UP);
	probe_it(&a);
	until(nr_of(1, PROBER_DOWN) == 1);
	assert_true(last_of(1, PROBER_DOWN).at >= before + grace);
}

static void test_words(void **state)
{
	(void)state;
	probe_it(&a);
	until(nr_of(1, PROBER_UP) == 1);
	assert_int_equal(nr_of(1, PROBER_WORD), 0);
	host_be(&a, false, BATON_WORD_DRAINING);
	until(nr_of(1, PROBER_WORD) == 1);
	assert_int_equal(last_of(1, PROBER_WORD).word, BATON_WORD_DRAINING);
	host_be(&a, false, BATON_WORD_LEAVING);
	until(nr_of(1, PROBER_WORD) == 2);
	host_be(&a, false, BATON_WORD_UP);
	until(nr_of(1, PROBER_WORD) == 3);
	assert_int_equal(last_of(1, PROBER_WORD).word, BATON_WORD_UP);
}

/* What it says is known before it counts as up. */
static void test_a_host_that_comes_up_to_leave(void **state)
{
	(void)state;
	host_be(&a, false, BATON_WORD_LEAVING);
	probe_it(&a);
	until(nr_of(1, PROBER_UP) == 1);
	assert_int_equal(changes[0].what, PROBER_WORD);
	assert_int_equal(changes[1].what, PROBER_UP);
	assert_int_equal(changes[1].word, BATON_WORD_LEAVING);
}

/* No probe leaves: that says nothing about the host. */
static void test_no_route(void **state)
{
	struct host far = { .id = 3 };

	(void)state;
	must(!addr_parse(&far.address, "192.0.2.1"));
	probe_it(&far);
	until(p->target[3].unsent >= 20);
	prober_lock(p);
	assert_int_equal(p->target[3].detect.state, DETECT_UNKNOWN);
	assert_int_equal(p->target[3].detect.probes, 0);
	prober_unlock(p);
}

static void test_a_host_that_is_not_probed_any_more(void **state)
{
	uint64_t asked;

	(void)state;
	probe_it(&a);
	probe_it(&b);
	until(nr_of(1, PROBER_UP) == 1);
	host_be(&a, true, BATON_WORD_LEAVING);
	prober_lock(p);
	prober_clear(p, 1);
	assert_int_equal(p->target[1].word, BATON_WORD_UP);
	prober_unlock(p);
	until(p->target[2].detect.probes >= 5);
	asked = host_now(&a).asked;
	until(p->target[2].detect.probes >= 15);
	assert_int_equal(host_now(&a).asked, asked);
	prober_lock(p);
	assert_int_equal(nr_of(1, PROBER_DOWN), 0);
	prober_unlock(p);
}

/* What was answered under one profile cannot be answered again under another,
 * although the session is the same. */
static void test_another_profile(void **state)
{
	const struct detect_profile slower = { .interval = 30 * MS,
					       .multiplier = 3,
					       .up_after = 1 };
	uint64_t sequence;

	(void)state;
	probe_it(&a);
	until(p->target[1].detect.answers >= 10);
	prober_lock(p);
	sequence = p->target[1].detect.sequence;
	prober_set(p, 1, &a.address, &profile); /* the same: no change */
	assert_true(p->target[1].detect.answers >= 10);
	prober_set(p, 1, &a.address, &slower);
	assert_int_equal(p->target[1].detect.answers, 0);
	assert_int_equal(p->target[1].detect.sequence, sequence);
	for (uint64_t s = 0; s <= sequence; s++)
		detect_answer(&p->target[1].detect, s, prober_now());
	assert_int_equal(p->target[1].detect.answers, 0);
	assert_int_equal(p->target[1].detect.state, DETECT_UNKNOWN);
	prober_unlock(p);
	until(nr_of(1, PROBER_UP) == 2);
}

static void test_ticks(void **state)
{
	uint64_t before;

	(void)state;
	prober_lock(p);
	before = ticks;
	prober_unlock(p);
	/* with nobody to probe */
	until(ticks >= before + 5);
}

/* --- those who are no host --------------------------------------------------- */

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
		TEST(test_up_and_down_and_up),
		TEST(test_ipv6),
		TEST(test_a_host_that_never_speaks),
		TEST(test_grace),
		TEST(test_words),
		TEST(test_a_host_that_comes_up_to_leave),
		TEST(test_no_route),
		TEST(test_a_host_that_is_not_probed_any_more),
		TEST(test_another_profile),
		TEST(test_ticks),
		TEST(test_replayed_answers),
		TEST(test_a_flood_of_forged_answers),
		TEST(test_a_host_speaks_for_itself_only),
		TEST(test_answers_for_nobody),
	};
#undef TEST

	must(sodium_init() >= 0);
	fixture_own_network();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
