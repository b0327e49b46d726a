// SPDX-License-Identifier: GPL-2.0-only
/* The agent's word, in a host that is only memory. */
#include <arpa/inet.h>
#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/agent/word.h"
#include "probe_mac.h"

#define MS 1000000ULL
#define NOW (5000 * MS)

struct host {
	struct pins pins;
	struct baton_host_settings settings;
	struct baton_host_app apps[BATON_PROBE_APPS];
	struct baton_heartbeat_page page;
};

static void make_host(struct host *h)
{
	memset(h, 0, sizeof(*h));
	pins_init(&h->pins);
	h->pins.settings = &h->settings;
	h->pins.applications = h->apps;
	h->settings.key[0] = 0x1122334455667788;
	h->settings.key[1] = 0x99aabbccddeeff00;
	h->settings.word = BATON_WORD_DRAINING;
	h->apps[1] = (struct baton_host_app){ .tag = baton_tag("db"),
					      .limit = 100 * MS,
					      .alive = NOW - 40 * MS };
	h->apps[3] = (struct baton_host_app){ .tag = baton_tag("web"),
					      .flags = BATON_HOST_APP_HEARTBEAT,
					      .limit = 30 * MS,
					      .alive = NOW };
	h->pins.page[3] = &h->page;
}

static struct baton_probe word(const struct host *h)
{
	const struct baton_host_session session = { .session = htobe64(77),
						    .host = 4095 };
	const struct baton_host_asker asker = { .sequence = 12345 };
	struct baton_probe p;

	word_make(&p, &h->pins, &session, &asker, NOW);
	assert_true(p.mac == probe_mac((const __u64 *)h->settings.key, &p));
	return p;
}

static void headers(void **state)
{
	struct baton_probe p;
	struct host h;

	(void)state;
	make_host(&h);
	p = word(&h);
	assert_int_equal(ntohl(p.magic), BATON_PROBE_MAGIC);
	assert_int_equal(p.type, BATON_PROBE_WORD);
	assert_int_equal(p.word, BATON_WORD_DRAINING);
	assert_int_equal(ntohs(p.host), 4095);
	assert_int_equal(be64toh(p.session), 77);
	assert_int_equal(be64toh(p.sequence), 12345);
	assert_true(be64toh(p.sent) == NOW);
	assert_int_equal(p.owner, 0);
}

static void app_is(const struct baton_probe *p, size_t i, const char *name,
		   enum baton_app_state state, uint16_t age)
{
	assert_int_equal(ntohl(p->app[i].tag), baton_tag(name));
	assert_int_equal(p->app[i].state, state);
	assert_int_equal(ntohs(p->app[i].age), age);
}

static void applications(void **state)
{
	static const struct baton_probe_app none;
	struct baton_probe p;
	struct host h;

	(void)state;
	make_host(&h);
	h.page.beat = NOW - 29 * MS;
	p = word(&h);
	assert_memory_equal(&p.app[0], &none, sizeof(none));
	app_is(&p, 1, "db", BATON_APP_UP, 40);
	app_is(&p, 3, "web", BATON_APP_UP, 29);

	h.page.beat = NOW - 31 * MS;
	h.apps[1].flags |= BATON_HOST_APP_DOWN;
	p = word(&h);
	app_is(&p, 1, "db", BATON_APP_FAILED, 40);
	app_is(&p, 3, "web", BATON_APP_FAILED, 31);

	h.page.beat = NOW + 5 * MS; /* of a clock that was read later */
	p = word(&h);
	app_is(&p, 3, "web", BATON_APP_UP, 0);
	h.pins.page[3] = NULL;
	p = word(&h);
	app_is(&p, 3, "web", BATON_APP_FAILED, 5000);
	h.apps[1].alive = 0;
	h.apps[1].limit = UINT64_MAX;
	h.apps[1].flags = 0;
	p = word(&h);
	app_is(&p, 1, "db", BATON_APP_UP, 5000);
}

/* Whatever bit is changed on the way, it is noticed. */
static void every_bit_is_covered(void **state)
{
	struct baton_probe p;
	struct host h;

	(void)state;
	make_host(&h);
	p = word(&h);
	for (size_t bit = 0; bit < 8 * BATON_PROBE_COVERED; bit++) {
		((uint8_t *)&p)[bit / 8] ^= 1 << bit % 8;
		assert_true(p.mac !=
			    probe_mac((const __u64 *)h.settings.key, &p));
		((uint8_t *)&p)[bit / 8] ^= 1 << bit % 8;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers),
		cmocka_unit_test(applications),
		cmocka_unit_test(every_bit_is_covered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
