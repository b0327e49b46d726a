// SPDX-License-Identifier: GPL-2.0-only
/* What the event of a decision says of the facts that it rests upon. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"

#define CONFIG                                                                 \
	"switch: {probe-key: /k}\n"                                            \
	"guards: {max-down: 90%, min-move-interval: 7s}\n"                     \
	"hosts:\n"                                                             \
	"- {name: a, address: 10.0.0.1}\n"                                     \
	"- {name: b, address: 10.0.0.2}\n"                                     \
	"- {name: c, address: 10.0.0.3, drain: yes}\n"                         \
	"- {name: d, address: 10.0.0.4}\n"                                     \
	"owners:\n"                                                            \
	"- {name: oa, host: a, standbys: [c, b, d]}\n"                         \
	"services:\n"                                                          \
	"- {name: web, vip: 192.0.2.1, protocol: tcp, port: 80, "              \
	"application: nginx, owners: [oa]}\n"

static struct fixture *f;
static struct batond *b;

static int setup(void **state)
{
	static const char *const hosts[] = { "a", "b", "c", "d" };

	(void)state;
	f = fixture_new();
	b = &f->b;
	fixture_configure(f, CONFIG);
	for (int i = 0; i < 4; i++)
		fixture_host(f, hosts[i], PROBER_UP, clock_ns());
	fixture_tell(f);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_free(f);
	return 0;
}

/* --- events ------------------------------------------------------------------- */

/* The last event, which must be of this kind; borrowed. */
static const json_t *last_event(const char *kind)
{
	const json_t *e;

	fixture_tell(f);
	e = b->events.ring[(b->events.next - 1) % EVENTS_KEPT];
	assert_string_equal(json_string_value(json_object_get(e, "kind")),
			    kind);
	return e;
}

/* "guards.max_down.died", of an event */
static const json_t *at(const json_t *e, const char *path)
{
	char name[64];

	while (*path) {
		size_t n = strcspn(path, ".");

		snprintf(name, sizeof(name), "%.*s", (int)n, path);
		e = json_object_get(e, name);
		if (!e)
			fail_msg("no %s", path);
		path += n + (path[n] == '.');
	}
	return e;
}

static void assert_text(const json_t *e, const char *path, const char *wanted)
{
	const char *is = json_string_value(at(e, path));

	assert_non_null(is);
	assert_string_equal(is, wanted);
}

static void assert_number(const json_t *e, const char *path, double wanted)
{
	assert_true(json_is_number(at(e, path)));
	assert_true(json_number_value(at(e, path)) == wanted);
}

static void assert_other(const json_t *e, size_t i, const char *host,
			 const char *why)
{
	const json_t *other = json_array_get(at(e, "others"), i);

	assert_text(other, "host", host);
	assert_text(other, "why", why);
}

/* --- what happens --------------------------------------------------------------- */

static void tell_app(const char *host, const char *name,
		     enum baton_app_state state, uint16_t age)
{
	uint16_t id = ids_find(&b->hosts, host);

	b->prober.target[id].app[3] = (struct probe_app){
		.tag = baton_tag(name), .age = age, .state = state
	};
	fixture_host(f, host, PROBER_APPS, clock_ns());
}

static void test_a_host_dies(void **state)
{
	struct detect *d = &b->prober.target[ids_find(&b->hosts, "a")].detect;
	uint64_t now = clock_ns(), seq = b->events.next;
	const json_t *e;

	(void)state;
	d->unanswered = 3;
	d->sequence = 1203;
	d->rule = DETECT_BY_UNANSWERED;
	d->last_answer = now - 31000000;
	d->rtt_last = 250000;
	b->sweep.census.by_owner[ids_find(&b->owners, "oa")] = 12;
	fixture_host(f, "a", PROBER_DOWN, now);

	e = last_event("move");
	assert_text(e, "to", "b");
	assert_number(e, "flows", 12);
	assert_text(e, "because.kind", "host_down");
	assert_number(e, "because.seq", seq);
	assert_text(e, "because.host", "a");
	assert_text(e, "because.rule", "unanswered");
	assert_number(e, "because.detect_ms", 31);
	assert_number(e, "because.rtt_us", 250);
	assert_number(e, "because.probes.first", 1201);
	assert_number(e, "because.probes.last", 1203);
	assert_number(e, "because.probes.interval_ms", 10);
	assert_number(e, "guards.max_down.died", 1);
	assert_number(e, "guards.max_down.hosts", 4);
	assert_number(e, "guards.max_down.percent", 90);
	assert_true(json_is_null(at(e, "guards.min_move_interval.since_ms")));
	assert_number(e, "guards.min_move_interval.limit_ms", 7000);
	assert_true(json_is_false(at(e, "guards.maintenance")));
	assert_true(json_is_false(at(e, "guards.dry_run")));
	assert_int_equal(json_array_size(at(e, "others")), 2);
	assert_other(e, 0, "c", "is draining");
	assert_other(e, 1, "d", "is later in the order");
	assert_true(json_is_false(at(e, "more_others")));
}

/* Of two that failed at once, the one that the owner needs is the reason. */
static void test_an_application_fails(void **state)
{
	uint16_t a = ids_find(&b->hosts, "a");
	const json_t *e;

	(void)state;
	b->prober.target[a].app[5] =
		(struct probe_app){ .tag = baton_tag("unheard-of"),
				    .state = BATON_APP_FAILED };
	tell_app("a", "nginx", BATON_APP_FAILED, 412);
	e = last_event("move");
	assert_text(e, "cause", "application failed");
	assert_text(e, "because.kind", "application");
	assert_text(e, "because.application", "nginx");
	assert_number(e, "because.age_ms", 412);
	assert_other(e, 0, "c", "is draining");
}

/* The ablation: of an application that no service names nothing is made. */
static void test_an_unknown_application_fails(void **state)
{
	uint64_t seq = b->events.next;

	(void)state;
	tell_app("a", "unheard-of", BATON_APP_FAILED, 412);
	fixture_tell(f);
	assert_int_equal(b->events.next, seq);
	assert_string_equal(fixture_plays(f, "oa"), "a");
}

static void test_a_host_leaves(void **state)
{
	const json_t *e;

	(void)state;
	fixture_word(f, "a", BATON_WORD_LEAVING, clock_ns());
	e = last_event("move");
	assert_text(e, "because.kind", "host_word");
	assert_text(e, "because.word", "leaving");
}

static void test_held_and_then_rescued(void **state)
{
	const json_t *e;

	(void)state;
	fixture_host(f, "b", PROBER_DOWN, clock_ns());
	fixture_host(f, "d", PROBER_DOWN, clock_ns());
	fixture_host(f, "a", PROBER_DOWN, clock_ns());
	e = last_event("held");
	assert_text(e, "held_by", "no standby is up");
	assert_true(json_is_null(at(e, "to")));
	assert_text(e, "because.host", "a");
	assert_number(e, "guards.max_down.died", 3);
	assert_other(e, 0, "c", "is draining");
	assert_other(e, 1, "b", "is down");
	assert_other(e, 2, "d", "is down");
	assert_null(json_object_get(e, "flip_ns"));

	fixture_host(f, "d", PROBER_UP, clock_ns());
	e = last_event("move");
	assert_text(e, "cause", "orphan, a host came up");
	assert_text(e, "because.kind", "host_up");
	assert_text(e, "because.host", "d");
}

static void test_a_dry_run(void **state)
{
	const json_t *e;

	(void)state;
	b->cluster.guards.dry_run = true;
	b->config.dry_run = true;
	fixture_host(f, "a", PROBER_DOWN, clock_ns());
	e = last_event("held");
	assert_text(e, "from", "a");
	assert_text(e, "to", "b");
	assert_text(e, "cause", "host down");
	assert_text(e, "held_by", "dry run: it would have moved");
	assert_text(e, "severity", "warning");
	assert_text(e, "text",
		    "owner oa: a -> b (host down), not moved: dry run: it "
		    "would "
		    "have moved");
	assert_true(json_is_true(at(e, "guards.dry_run")));
	assert_string_equal(fixture_plays(f, "oa"), "a");
	assert_int_equal(fixture_owner(f, "oa").epoch, FIXTURE_EPOCH(1));
}

static void test_by_hand(void **state)
{
	const json_t *e;

	(void)state;
	json_decref(failover_owner(b, "oa", "d", false, (char[256]){ 0 }));
	e = last_event("move");
	assert_true(json_is_null(at(e, "because")));
	assert_true(json_is_null(at(e, "guards")));
	assert_int_equal(json_array_size(at(e, "others")), 0);
}

/* What led to it was told long ago, perhaps by an earlier batond. */
static void test_the_reason_is_an_old_event(void **state)
{
	const json_t *e;
	uint64_t seq;

	(void)state;
	b->cluster.guards.maintenance = true;
	fixture_host(f, "a", PROBER_DOWN, clock_ns());
	e = last_event("held");
	seq = json_integer_value(at(e, "because.seq"));
	assert_text(e, "because.kind", "host_down");
	for (int i = 0; i < 100; i++)
		event(&b->events, LOG_L_INFO, "host_up",
		      json_pack("{s:s}", "host", "d"), "something else");
	b->cluster.guards.maintenance = false;
	failover_tick(b, clock_ns());
	e = last_event("move");
	assert_number(e, "because.seq", seq);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_a_host_dies),
		TEST(test_an_application_fails),
		TEST(test_an_unknown_application_fails),
		TEST(test_a_host_leaves),
		TEST(test_held_and_then_rescued),
		TEST(test_a_dry_run),
		TEST(test_by_hand),
		TEST(test_the_reason_is_an_old_event),
	};
#undef TEST

	fixture_own_network();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
