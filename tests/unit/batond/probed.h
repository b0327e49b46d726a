/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The prober, a thread here, against hosts that are threads, too, on addresses of the
 * loopback interface of a network of this test's own.
 *
 * How soon something is found is bounded from below by the rule of detect.h,
 * and from above only by PATIENCE, for the machine may be busy with other
 * things; what the profiles promise is measured by the bench.
 */
#ifndef TEST_PROBED_H
#define TEST_PROBED_H

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
static struct probing probing;
static pthread_t prober_thread;
static struct change changes[1024];
static size_t nr_changes; /* with the prober's lock */
static uint64_t ticks;

static inline void on_change(void *arg, uint16_t host, enum prober_change what,
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

static inline void on_tick(void *arg, uint64_t now)
{
	(void)arg;
	(void)now;
	ticks++;
}

/* Wait until it holds, which is looked at with the prober's lock. */
#define until(condition)                                                       \
	do {                                                                   \
		uint64_t give_up = clock_ns() + PATIENCE;                      \
		bool holds = false;                                            \
                                                                               \
		while (!holds) {                                               \
			prober_lock(p);                                        \
			holds = (condition);                                   \
			prober_unlock(p);                                      \
			if (!holds && clock_ns() > give_up)                    \
				fail_msg("not in time: %s", #condition);       \
			if (!holds)                                            \
				poll(NULL, 0, 1);                              \
		}                                                              \
	} while (0)

static inline size_t nr_of(uint16_t host, enum prober_change what)
{
	size_t n = 0;

	for (size_t i = 0; i < nr_changes; i++)
		n += changes[i].host == host && changes[i].what == what;
	return n;
}

static inline struct change last_of(uint16_t host, enum prober_change what)
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

static inline void sign(struct baton_probe *probe)
{
	crypto_shorthash((unsigned char *)&probe->mac,
			 (const unsigned char *)probe, BATON_PROBE_COVERED,
			 key);
	probe->mac = htobe64(le64toh(probe->mac));
}

static inline void answer_one(struct host *h)
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

static inline void *host_runs(void *arg)
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

static inline int open_at(const struct addr *address, uint16_t port)
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

static inline void host_start(struct host *h, uint16_t id, const char *address)
{
	memset(h, 0, sizeof(*h));
	h->id = id;
	must(!addr_parse(&h->address, address));
	h->socket = open_at(&h->address, PORT);
	h->wake = eventfd(0, EFD_CLOEXEC);
	pthread_mutex_init(&h->lock, NULL);
	must(!pthread_create(&h->thread, NULL, host_runs, h));
}

static inline void host_stop(struct host *h)
{
	__atomic_store_n(&h->stop, true, __ATOMIC_RELEASE);
	eventfd_write(h->wake, 1);
	pthread_join(h->thread, NULL);
	close(h->socket);
	close(h->wake);
	pthread_mutex_destroy(&h->lock);
}

static inline void host_be(struct host *h, bool silent, uint8_t word)
{
	pthread_mutex_lock(&h->lock);
	h->silent = silent;
	h->word = word;
	pthread_mutex_unlock(&h->lock);
}

static inline struct host host_now(struct host *h)
{
	struct host now;

	pthread_mutex_lock(&h->lock);
	now = *h;
	pthread_mutex_unlock(&h->lock);
	return now;
}

static inline void probe_it(const struct host *h)
{
	prober_lock(p);
	prober_set(p, h->id, &h->address, &profile);
	prober_unlock(p);
}

/* --- tests ------------------------------------------------------------------ */

static struct host a, b;

static inline void *probe_all(void *arg)
{
	probing_run(arg);
	return NULL;
}

static inline void start(uint64_t grace)
{
	prober_init(p, PORT, key, grace);
	must(!probing_open(&probing, p));
	probing.change = on_change;
	probing.tick = on_tick;
	probing.arg = p;
	must(!pthread_create(&prober_thread, NULL, probe_all, &probing));
}

static inline void stop(void)
{
	probing_stop(&probing);
	pthread_join(prober_thread, NULL);
	probing_close(&probing);
	pthread_mutex_destroy(&p->lock);
}

static inline int setup(void **state)
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

static inline int teardown(void **state)
{
	(void)state;
	stop();
	host_stop(&a);
	host_stop(&b);
	free(p);
	return 0;
}

#endif
